import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import t from 'tap';
import { ALGORITHM, KEY_SIZES_BITS, loadPrivateKey, makeKeyPair, thumbprint } from '../../src/keys/rsa.js';
import type { PublicJwk } from '../../src/oauth/key-ring.js';
import { rejectionOf } from '../store/support.js';
import { somePairs } from './support.js';

const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString();

t.test('the thumbprint is that of RFC 7638 §3.1', async (t) => {
  const n =
    '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3okn' +
    'jhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qM' +
    'QvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJz' +
    'KnqDKgw';
  t.equal(await thumbprint({ kty: 'RSA', n, e: 'AQAB' }), 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
});

t.test('a new pair has 2048 bits, its thumbprint as kid, and nothing private in its public half', async (t) => {
  const { key, privatePem } = await makeKeyPair();
  t.strictSame(Object.keys(key.jwk).sort(), ['e', 'kty', 'n']);
  const { e, kty, n } = key.jwk;
  t.equal(key.kid, createHash('sha256').update(JSON.stringify({ e, kty, n })).digest('base64url'));
  t.equal(createPrivateKey(privatePem).asymmetricKeyDetails?.modulusLength, 2048);
  t.match(privatePem, /^-----BEGIN PRIVATE KEY-----\n/);
  t.not((await makeKeyPair()).key.kid, key.kid);
});

t.test('other sizes on request', async (t) => {
  t.strictSame(KEY_SIZES_BITS, [2048, 3072, 4096]);
  const { privatePem } = await makeKeyPair(3072);
  t.equal(createPrivateKey(privatePem).asymmetricKeyDetails?.modulusLength, 3072);
});

t.test('a loaded key signs RS256', async (t) => {
  const [{ key, privatePem }] = await somePairs();
  const loaded = await loadPrivateKey(privatePem, key.kid, key.jwk);
  t.equal(ALGORITHM, 'RS256');
  t.match(loaded, { type: 'private', asymmetricKeyType: 'rsa' });
  const data = Buffer.from('data');
  const signature = sign('sha256', data, loaded);
  t.ok(verify('sha256', data, createPublicKey({ key: key.jwk, format: 'jwk' }), signature));
});

t.test('a key that is not what the ring says is refused, with the reason', async (t) => {
  const [{ key, privatePem }, other] = await somePairs();
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const smallJwk = small.publicKey.export({ format: 'jwk' }) as PublicJwk;
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey;
  const pkcs1 = createPrivateKey(privatePem).export({ type: 'pkcs1', format: 'pem' }).toString();
  const locked = createPrivateKey(privatePem)
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
    .toString();
  const publicPem = createPublicKey(privatePem).export({ type: 'spki', format: 'pem' }).toString();
  const notPkcs8 = 'it is not a PKCS #8 private key in PEM';
  const faults: readonly (readonly [name: string, pem: string, kid: string, jwk: PublicJwk, message: string])[] = [
    [
      '1024 bits',
      pem(small.privateKey),
      await thumbprint(smallJwk),
      smallJwk,
      'it has 1024 bits; at least 2048 are needed',
    ],
    ['an EC key', pem(ec), key.kid, key.jwk, 'it is not an RSA key'],
    ['an RSA-PSS key', pem(pss), key.kid, key.jwk, 'it is not an RSA key'],
    ['garbage', 'garbage', key.kid, key.jwk, notPkcs8],
    ['nothing', '', key.kid, key.jwk, notPkcs8],
    ['half a file', privatePem.slice(0, privatePem.length / 2), key.kid, key.jwk, notPkcs8],
    ['a public key', publicPem, key.kid, key.jwk, notPkcs8],
    ['a locked key', locked, key.kid, key.jwk, notPkcs8],
    ['PKCS #1', pkcs1, key.kid, key.jwk, notPkcs8],
    [
      "another key's public half",
      privatePem,
      key.kid,
      other.key.jwk,
      'it is not the private half of the key in the ring',
    ],
    ['another e', privatePem, key.kid, { ...key.jwk, e: 'Aw' }, 'it is not the private half of the key in the ring'],
    ['a wrong kid', privatePem, other.key.kid, key.jwk, 'its RFC 7638 thumbprint is not its kid'],
  ];
  for (const [name, text, kid, jwk, message] of faults) {
    t.equal((await rejectionOf(loadPrivateKey(text, kid, jwk))).message, message, name);
  }
});

t.test('a key whose parts do not belong together is refused', async (t) => {
  const [{ key, privatePem }, other] = await somePairs();
  const mixed = createPrivateKey(other.privatePem).export({ type: 'pkcs8', format: 'der' });
  const modulus = Buffer.from(createPublicKey(other.privatePem).export({ format: 'jwk' }).n ?? '', 'base64url');
  // In the bytes, because newer versions of Node refuse a JWK whose parts do not belong together.
  Buffer.from(key.jwk.n, 'base64url').copy(mixed, mixed.indexOf(modulus));
  const mixedPem = `-----BEGIN PRIVATE KEY-----\n${mixed.toString('base64')}\n-----END PRIVATE KEY-----\n`;
  await t.rejects(loadPrivateKey(mixedPem, key.kid, key.jwk));
  t.not(privatePem, mixedPem);
});
