import { generateKeyPairSync } from 'node:crypto';
import t from 'tap';
import { isSignedByClient } from '../../src/keys/client-assertion.js';
import { readClientJwks } from '../../src/keys/client-jwks.js';
import { ASSERTION_ALGORITHMS, readClientAssertion } from '../../src/oauth/client-assertion.js';
import { START } from '../helper.js';
import { assertionOf, type ClientKey, clientKey } from '../rfc/assertions.js';

const KEYS = ASSERTION_ALGORITHMS.map((algorithm) => clientKey(algorithm, `of-${algorithm}`));
const [rsa, , ec, , okp] = KEYS.map(({ jwk }) => jwk);

const read = (...keys: readonly unknown[]) => readClientJwks(JSON.stringify({ keys }));

t.test('the public keys of every algorithm are taken, and of each only what is known and public', async (t) => {
  const more = { use: 'sig', key_ops: ['verify'], x5c: ['x'], x5u: 'https://evil.example', ext: true, junk: {} };
  const jwks = await read(
    { ...rsa, ...more, alg: 'PS256' },
    { ...ec, ...more, alg: 'ES256' },
    { ...okp, ...more, alg: 'EdDSA' },
    { ...okp, kid: undefined },
  );
  t.strictSame(jwks, {
    jwks: {
      keys: [
        { kty: 'RSA', n: rsa?.['n'], e: 'AQAB', kid: 'of-RS256', use: 'sig', alg: 'PS256' },
        { kty: 'EC', crv: 'P-256', x: ec?.['x'], y: ec?.['y'], kid: 'of-ES256', use: 'sig', alg: 'ES256' },
        { kty: 'OKP', crv: 'Ed25519', x: okp?.['x'], kid: 'of-Ed25519', use: 'sig', alg: 'EdDSA' },
        { kty: 'OKP', crv: 'Ed25519', x: okp?.['x'] },
      ],
    },
  });
});

t.test('a private key, or a shared secret, is refused loudly', async (t) => {
  for (const { privateKey, algorithm } of KEYS) {
    t.match(
      await read(privateKey.export({ format: 'jwk' })),
      { faults: [/^key 1 of the JWKS is a PRIVATE key: .*new pair/] },
      algorithm,
    );
  }
  for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']) {
    t.match(await read({ ...rsa, [member]: '' }), { faults: [/PRIVATE/] }, member);
  }
  const unknown = { kty: 'EC', crv: 'P-384', d: 'x' };
  t.match(await read(ec, unknown), { faults: [/^key 2 of the JWKS is a PRIVATE key/] }, 'of a kind that is not taken');
  const faults = await read({ kty: 'oct', k: 'c2VjcmV0' });
  t.match(faults, { faults: [/shared secret/] });
  t.notMatch(JSON.stringify(faults), 'c2VjcmV0');
});

const sized = (modulusLength: number, publicExponent = 65_537) =>
  generateKeyPairSync('rsa', { modulusLength, publicExponent }).publicKey.export({ format: 'jwk' });
const curve = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'jwk' });

const REFUSED: readonly (readonly [sentence: string, key: unknown, fault: RegExp])[] = [
  ['RSA of 1024 bits', sized(1024), /^key 1 of the JWKS has 1024 bits: RSA keys must have 2048 to 8192$/],
  ['RSA of far too many bits', { ...rsa, n: Buffer.alloc(1200, 0xff).toString('base64url') }, /has 9600 bits/],
  ['an exponent of one', { ...rsa, e: 'AQ' }, /public exponent 1|cannot be read/],
  ['RSA without n', { ...rsa, n: undefined }, /n and e that cannot be read/],
  ['RSA with plain base64', { ...rsa, n: `${rsa?.['n']}==` }, /n and e that cannot be read/],
  ['another curve', curve('P-384'), /kind mintd does not take/],
  ['a curve of Bitcoin', curve('secp256k1'), /kind mintd does not take/],
  ['X25519, which signs nothing', { kty: 'OKP', crv: 'X25519', x: okp?.['x'] }, /kind mintd does not take/],
  ['a point that is not on its curve', { ...ec, y: ec?.['x'] }, /x and y that cannot be read/],
  ['half an Ed25519 key', { ...okp, x: String(okp?.['x']).slice(0, 20) }, /x that cannot be read/],
  ['no kty', {}, /kind mintd does not take/],
  ['for encryption', { ...rsa, use: 'enc' }, /use must be sig/],
  ['for signing only', { ...rsa, key_ops: ['sign'] }, /key_ops must have verify/],
  ['an alg of another kind', { ...rsa, alg: 'ES256' }, /RS256 or PS256 would/],
  ['an alg nobody takes', { ...rsa, alg: 'RS512' }, /alg that does not fit/],
  ['an empty kid', { ...ec, kid: '' }, /kid that is not/],
  ['a kid with a line feed', { ...ec, kid: 'a\nb' }, /kid that is not/],
  ['a kid of 256 characters', { ...ec, kid: 'x'.repeat(256) }, /kid that is not/],
  ['a kid that is a number', { ...ec, kid: 7 }, /kid that is not/],
];

t.test('a key that is not fit is refused, and it is said which and why', async (t) => {
  for (const [sentence, key, fault] of REFUSED) {
    const result = await read(key);
    t.match(result, { faults: [fault] }, sentence);
    t.equal('faults' in result && result.faults.length, 1, sentence);
  }
  t.match(
    await read(ec, { ...okp, use: 'enc' }, { ...rsa, use: 'enc' }),
    { faults: [/^key 2/, /^key 3/] },
    'all at once',
  );
  t.match(await read(ec, { ...okp, kid: ec?.['kid'] }), { faults: [/a kid twice/] });
  t.ok('jwks' in (await read({ ...ec, kid: undefined }, { ...okp, kid: undefined })), 'no kid is none twice');
});

t.test('a text that is no key set', async (t) => {
  const rows = [
    ['', /is not JSON$/],
    ['-----BEGIN PUBLIC KEY-----', /not JSON but PEM/],
    ['[]', /must be an object/],
    ['null', /must be an object/],
    [JSON.stringify(ec), /must be an object/],
    ['{"keys":{}}', /must be an object/],
    ['{"keys":["x"]}', /must be an object/],
    ['{"keys":[]}', /1 to 10 keys/],
    [JSON.stringify({ keys: Array(11).fill({ ...ec, kid: undefined }) }), /1 to 10 keys/],
    [`${JSON.stringify({ keys: [ec] })}${' '.repeat(16_384)}`, /larger than 16 KiB/],
  ] as const;
  for (const [text, fault] of rows) t.match(await readClientJwks(text), { faults: [fault] }, text.slice(0, 30));
  t.ok('jwks' in (await readClientJwks(JSON.stringify({ keys: Array(10).fill({ ...ec, kid: undefined }) }))));
});

const signed = async (key: ClientKey, header = {}) => {
  const read = readClientAssertion(await assertionOf(key, START, { header }));
  if (!read.ok) throw new Error(read.refusal.reason);
  return read.value;
};

t.test('what one of the keys signed is told from what none did', async (t) => {
  const jwks = { keys: KEYS.map(({ jwk }) => jwk) };
  for (const key of KEYS) {
    t.equal(await isSignedByClient(await signed(key), jwks), true, key.algorithm);
    t.equal(await isSignedByClient(await signed(key, { kid: undefined }), jwks), true, `${key.algorithm}, no kid`);
    const stranger = clientKey(key.algorithm, key.kid);
    t.equal(await isSignedByClient(await signed(stranger), jwks), false, `${key.algorithm} by a stranger`);
    const self = { jwk: stranger.jwk, jku: 'https://evil.example' };
    t.equal(await isSignedByClient(await signed(stranger, self), jwks), false, 'who brings his key along');
  }
  const okpKeys = { keys: [{ ...okp, alg: 'EdDSA' }] };
  const [, , , eddsa] = KEYS;
  if (eddsa === undefined) throw new Error('no key');
  const renamed = { keys: [{ ...eddsa.jwk, alg: 'Ed25519' }] };
  t.equal(await isSignedByClient(await signed(eddsa), renamed), true, 'EdDSA by a key kept for Ed25519');
  t.equal(await isSignedByClient(await signed(eddsa), okpKeys), false);
});

t.test('a changed byte anywhere is seen', async (t) => {
  const key = clientKey('Ed25519', 'k');
  const text = await assertionOf(key, START);
  const parts = text.split('.');
  for (const i of [1, 2]) {
    const bytes = Buffer.from(parts[i] ?? '', 'base64url');
    bytes.writeUInt8(bytes.readUInt8(9) ^ 1, 9);
    const changed = parts.map((part, at) => (at === i ? bytes.toString('base64url') : part)).join('.');
    const assertion = { ...(await signed(key)), text: changed };
    t.equal(await isSignedByClient(assertion, { keys: [key.jwk] }), false, `part ${i}`);
  }
});
