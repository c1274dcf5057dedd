import { createHmac, createPublicKey, sign as rsaSign } from 'node:crypto';
import { CompactSign, importPKCS8 } from 'jose';
import t from 'tap';
import type { KeyPair } from '../../src/keys/rsa.js';
import { signerOf } from '../../src/keys/signer.js';
import { verifierOf } from '../../src/keys/verifier.js';
import { START } from '../helper.js';
import { aKeyFolder, aRing, aRotatingRing, EARLIEST_REMOVAL, EARLIEST_USE, somePairs } from './support.js';

const [first, standby, foreign] = await somePairs();
const published = [first, standby].map(({ key: { kid, jwk } }) => ({ ...jwk, kid, alg: 'RS256', use: 'sig' }));
const verify = verifierOf(published);

const HEADER = { alg: 'RS256', typ: 'at+jwt', kid: first.key.kid };
const CLAIMS = { iss: 'https://issuer.example', sub: 'ada', exp: 1 };

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token with a true RS256 signature under whatever header and over whatever payload. */
async function sign(
  header: object = HEADER,
  payload: string | Uint8Array = JSON.stringify(CLAIMS),
  { privatePem }: KeyPair = first,
): Promise<string> {
  const signed = `${encode(header)}.${Buffer.from(payload).toString('base64url')}`;
  return `${signed}.${rsaSign('sha256', Buffer.from(signed), privatePem).toString('base64url')}`;
}

/** The same with another algorithm. */
async function signWith(alg: string): Promise<string> {
  const key = await importPKCS8(first.privatePem, alg);
  return new CompactSign(Buffer.from(JSON.stringify(CLAIMS))).setProtectedHeader({ ...HEADER, alg }).sign(key);
}

/** A token signed with a secret, such as everybody knows: the public key. */
function hmac(secret: string, header: object = { ...HEADER, alg: 'HS256' }): string {
  const signed = `${encode(header)}.${encode(CLAIMS)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

t.test('what a published key signed is read, whatever it claims', async (t) => {
  t.strictSame(await verify(await sign()), CLAIMS);
  const other = await sign({ ...HEADER, kid: standby.key.kid }, JSON.stringify({ exp: -1 }), standby);
  t.strictSame(await verify(other), { exp: -1 }, 'also with the key that stands by, also expired');
  t.strictSame(await verify(await sign(HEADER, '{}')), {});
});

t.test('the algorithm is RS256 and nothing else (RFC 8725 §3.1)', async (t) => {
  const [, payload, signature] = (await sign()).split('.');
  for (const alg of ['none', 'None', 'NONE', 'nOnE', '', 'rs256', 'RS512', 'PS256', 'ES256', 'EdDSA', 'HS256']) {
    const header = encode({ ...HEADER, alg });
    const truly = await sign({ ...HEADER, alg });
    for (const token of [`${header}.${payload}.`, `${header}.${payload}.${signature}`, `${header}.${payload}`, truly]) {
      t.equal(await verify(token), null, `alg ${alg}`);
    }
  }
  t.equal(await verify(await sign({ typ: 'at+jwt', kid: first.key.kid })), null, 'no alg');
  t.equal(await verify(await sign({ ...HEADER, alg: ['RS256'] })), null, 'a list of alg');
  for (const alg of ['PS256', 'RS384', 'RS512']) {
    t.equal(await verify(await signWith(alg)), null, `${alg}, truly signed with the key`);
  }
});

t.test('the public key is no secret: HS256 with it is refused (RFC 8725 §2.1)', async (t) => {
  const { jwk } = first.key;
  const key = createPublicKey(first.privatePem);
  const spki = key.export({ type: 'spki', format: 'pem' }).toString();
  const pkcs1 = key.export({ type: 'pkcs1', format: 'pem' }).toString();
  for (const secret of [spki, spki.trim(), pkcs1, JSON.stringify(jwk), JSON.stringify(published[0]), jwk.n, '']) {
    t.equal(await verify(hmac(secret)), null);
    t.equal(await verify(hmac(secret, HEADER)), null, 'the same with a header that says RS256');
  }
});

t.test('the type is that of an access token (RFC 9068 §2.1): no other JWT of ours will do', async (t) => {
  for (const typ of ['JWT', 'jwt', 'AT+JWT', 'application/at+jwt', 'at+jwt ', 'at', '', 'secevent+jwt', 'dpop+jwt']) {
    t.equal(await verify(await sign({ ...HEADER, typ })), null, `typ ${typ}`);
  }
  t.equal(await verify(await sign({ alg: 'RS256', kid: first.key.kid })), null, 'no typ');
});

t.test('the key is one that is published, and the one the token names', async (t) => {
  t.equal(await verify(await sign(HEADER, undefined, foreign)), null, 'a foreign key under our kid');
  t.equal(await verify(await sign({ ...HEADER, kid: foreign.key.kid }, undefined, foreign)), null, 'a foreign key');
  t.equal(await verify(await sign({ ...HEADER, kid: standby.key.kid })), null, 'our key under the kid of the other');
  for (const kid of ['', 'x', '../../etc/passwd', "' OR 1=1 --", '__proto__', `${first.key.kid} `]) {
    t.equal(await verify(await sign({ ...HEADER, kid })), null, `kid ${kid}`);
  }
  t.equal(await verify(await sign({ alg: 'RS256', typ: 'at+jwt' })), null, 'no kid');
  t.equal(await verifierOf([])(await sign()), null, 'no key at all');
});

t.test('a token brings no key of its own', async (t) => {
  const jwk = { kty: 'RSA', n: foreign.key.jwk.n, e: foreign.key.jwk.e };
  for (const brought of [
    { jwk },
    { jku: 'https://evil.example/jwks' },
    { x5u: 'https://evil.example/' },
    { x5c: ['MA=='] },
  ]) {
    t.equal(await verify(await sign({ ...HEADER, ...brought }, undefined, foreign)), null, Object.keys(brought).join());
    t.equal(await verify(await sign({ ...brought, alg: 'RS256', typ: 'at+jwt' }, undefined, foreign)), null);
  }
});

t.test('what must be understood and is not, is refused (RFC 7515 §4.1.11)', async (t) => {
  for (const crit of [['x'], [], 'x', ['exp'], ['alg'], ['typ'], null]) {
    t.equal(await verify(await sign({ ...HEADER, crit, x: 1 })), null, JSON.stringify(crit));
  }
});

t.test('one changed character anywhere, and it is no token', async (t) => {
  const token = await sign();
  const dots = [token.indexOf('.'), token.lastIndexOf('.')];
  // The last character of a part holds bits that nothing reads.
  const loose = [...dots, ...dots.map((dot) => dot - 1), token.length - 1];
  for (let i = 0; i < token.length; i++) {
    if (loose.includes(i)) continue;
    const changed = token.slice(0, i) + (token[i] === 'A' ? 'B' : 'A') + token.slice(i + 1);
    if ((await verify(changed)) !== null) t.fail(`character ${i}`);
  }
  const [header, , signature] = token.split('.');
  t.equal(await verify(`${header}.${encode({ ...CLAIMS, sub: 'root' })}.${signature}`), null, 'another payload');
});

t.test('what is no compact JWS is no token', async (t) => {
  const token = await sign();
  const [header, payload, signature] = token.split('.');
  const json = JSON.stringify({ protected: header, payload, signature });
  const none = ['', '.', '..', '...', 'x', 'x.y.z', '\0', 'é.é.é', ' ', 'null', '{}', json];
  const cut = [`${header}.${payload}`, `${header}..${signature}`, `.${payload}.${signature}`, `${header}.${payload}.`];
  const long = [`${token}.`, `${token}.x`, `.${token}`, `${token}.${signature}`, `${token}${token}`, `${token}.x.y`];
  const odd = [` ${token}`, `${token}=`, `Bearer ${token}`, `${encode([])}.${payload}.${signature}`];
  for (const text of [...none, ...cut, ...long, ...odd])
    t.equal(await verify(text), null, JSON.stringify(text).slice(0, 30));
});

t.test('a very long text is refused as any other', async (t) => {
  const token = await sign();
  const long = 'A'.repeat(1_000_000);
  for (const text of [long, '.'.repeat(1_000_000), `${long}.${long}.${long}`, token + long, `${token}.${long}`]) {
    t.equal(await verify(text), null);
  }
});

t.test('claims are a JSON object; anything else that we should have signed is refused, not a failure', async (t) => {
  const payloads = ['', 'x', '{', 'null', 'true', '1', '"x"', '[]', '[{"sub":"ada"}]', '{"sub":"ada"}x'];
  for (const payload of payloads) t.equal(await verify(await sign(HEADER, payload)), null, payload);
  t.equal(await verify(await sign(HEADER, Buffer.from([0xff, 0xfe]))), null, 'bytes that are no text');
});

t.test('a key that left the JWKS verifies no more, to the millisecond', async (t) => {
  const { store } = await aKeyFolder(t, await aRotatingRing());
  const signer = signerOf(await store.load(START));
  const token = await signer.sign({ sub: 'ada' }, EARLIEST_USE - 1);
  t.strictSame(await signer.verify(token, EARLIEST_USE), { sub: 'ada' }, 'while it retires');
  t.strictSame(await signer.verify(token, EARLIEST_REMOVAL - 1), { sub: 'ada' }, 'up to its removal');
  t.equal(await signer.verify(token, EARLIEST_REMOVAL), null, 'but not then');
  const next = await signer.sign({ sub: 'eve' }, EARLIEST_REMOVAL);
  t.strictSame(await signer.verify(next, EARLIEST_REMOVAL), { sub: 'eve' }, 'that of the next key does');
  t.strictSame(await signer.verify(token, START), { sub: 'ada' }, 'a clock that is set back has it again');
});

t.test('a revoked key verifies no more from the moment the ring says so', async (t) => {
  const ring = await aRing();
  const loaded = await (await aKeyFolder(t, ring)).store.load(START);
  const signer = signerOf(loaded);
  const token = await signer.sign({ sub: 'ada' }, START);
  t.strictSame(await signer.verify(token, START), { sub: 'ada' });
  const keys = ring.keys.map((key) => (key.kid === first.key.kid ? { ...key, revokedAt: START } : key));
  signer.replace({ ...loaded, ring: { ...ring, keys } });
  t.equal(await signer.verify(token, START), null);
});
