import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import t from 'tap';
import { readForeignKey } from '../../src/keys/foreign-key.js';
import { rejectionOf } from '../store/support.js';
import { somePairs } from './support.js';

const [{ key, privatePem }] = await somePairs();
const { kid: print, jwk } = key;
const privateKey = createPrivateKey(privatePem);
const publicKey = createPublicKey(privatePem);

const pem = (one: KeyObject, type: 'spki' | 'pkcs1' | 'pkcs8' | 'sec1') => {
  const options = { type, format: 'pem' } as const;
  return String(
    one.type === 'public' ? exportPublic(one, options.type) : one.export({ ...options, type: privateType(type) }),
  );
};
const exportPublic = (one: KeyObject, type: string) =>
  one.export({ type: type === 'pkcs1' ? 'pkcs1' : 'spki', format: 'pem' });
const privateType = (type: string) => (type === 'pkcs1' ? 'pkcs1' : 'pkcs8');

const messageOf = async (text: string, kid: string | null = null) =>
  (await rejectionOf(readForeignKey(text, kid))).message;

/** `openssl req -x509 -newkey rsa:2048 -noenc -subj /CN=issuer.example`, and the modulus of its key. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIDEzCCAfugAwIBAgIUbjj/UXKqoVTC+5RgPfG2fSikrUYwDQYJKoZIhvcNAQEL
BQAwGTEXMBUGA1UEAwwOaXNzdWVyLmV4YW1wbGUwHhcNMjYxMTIyMDgzMzMyWhcN
MzYxMTE5MDgzMzMyWjAZMRcwFQYDVQQDDA5pc3N1ZXIuZXhhbXBsZTCCASIwDQYJ
KoZIhvcNAQEBBQADggEPADCCAQoCggEBAJBZLanOMsZ8XQc8lSNCEpAzSPmD6lse
95jfq95aAdWCXZJJOt20f+1cswAwEqVDn9q/032r1Ladj2GrhY3rPC1UegT4yS9v
w1nKQ74Z1mCiOF97TfEkNevvSjbnjwveFMu7XFf9tTkG5I8Z/6htAwV+4Qzb+/eH
vXEwGBQqb+ci6amECrm5E74CK13llp+hSRV5PD0n4JiWPu3PwHnehhwrEbT0IxmG
EXsO3hwxmocm0OoIAuBXZQ42WJt0d1lllsp2wJzULtuXeirj+NA4j54IwUPwtynW
xbxRB1fQ55uiJK9x5/cm+5YCf7F9//fSfS3lMF6NJjjA55vtVsQq7LsCAwEAAaNT
MFEwHQYDVR0OBBYEFAt/DjjWN7vFAcLGn88laBrnGnpxMB8GA1UdIwQYMBaAFAt/
DjjWN7vFAcLGn88laBrnGnpxMA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQEL
BQADggEBAIbCgj3fQUN4Cre/tALJv0HqTvnZPg3Lm8kH8AJhnqs8a9KMtF9XLcGb
H0pKIU84kacbwz1pgP95cUUfwNApqbUaY4lx5yPKwY4J2HIhe/LFvJe0my4hS49l
46pMNuoqWjwkiLBDPoDxi5GuRU1+qmDTmdiysPtv+3xC2RKjT6lsz7pNLpLutEmH
I41TpK3NzJbitULPjsWMnI2IGwVSgHFC+2P2mt2Fun7sh7MctHiaOi1eSTW7yXpU
HATC9GmtJRxn+HyilcpIx1VyeYYRZOUNPPW0LsiHe/v4Xfbw+w72oVg1QL3tbauf
6EekPRjkG0F8AtwubFmJCbOpfkHi47A=
-----END CERTIFICATE-----
`;
const CERTIFICATE_N =
  'kFktqc4yxnxdBzyVI0ISkDNI-YPqWx73mN-r3loB1YJdkkk63bR_7VyzADASpUOf2r_TfavUtp2PYauFjes8LVR6BPjJL2_DWcpDvhnWYKI4X3' +
  'tN8SQ16-9KNuePC94Uy7tcV_21OQbkjxn_qG0DBX7hDNv794e9cTAYFCpv5yLpqYQKubkTvgIrXeWWn6FJFXk8PSfgmJY-7c_Aed6GHCsRtPQj' +
  'GYYRew7eHDGahybQ6ggC4FdlDjZYm3R3WWWWynbAnNQu25d6KuP40DiPngjBQ_C3KdbFvFEHV9Dnm6Ikr3Hn9yb7lgJ_sX3_99J9LeUwXo0mOM' +
  'Dnm-1WxCrsuw';

t.test('PEM of every kind that holds a public or private key is read, and only the public half is taken', async (t) => {
  for (const [name, text] of Object.entries({
    'a public key (SPKI)': pem(publicKey, 'spki'),
    'a public key (PKCS #1)': pem(publicKey, 'pkcs1'),
    'a private key (PKCS #8)': privatePem,
    'a private key (PKCS #1)': pem(privateKey, 'pkcs1'),
    'with a comment before it and lines that end as on Windows': `# from the old issuer\r\n${pem(publicKey, 'spki').replaceAll('\n', '\r\n')}`,
  })) {
    t.strictSame(await readForeignKey(text, null), { kid: print, jwk }, name);
    t.strictSame(await readForeignKey(text, 'their-key'), { kid: 'their-key', jwk }, `${name}, under a kid`);
  }
});

t.test('so is a certificate', async (t) => {
  const read = await readForeignKey(CERTIFICATE, 'x509');
  t.strictSame(read, { kid: 'x509', jwk: { kty: 'RSA', n: CERTIFICATE_N, e: 'AQAB' } });
  const der = createPublicKey(CERTIFICATE).export({ type: 'spki', format: 'pem' });
  t.strictSame(await readForeignKey(String(der), 'x509'), read);
});

t.test('a JWK is read with and without kid, alg and use, and no private member gets over', async (t) => {
  t.strictSame(await readForeignKey(JSON.stringify(jwk), null), { kid: print, jwk });
  const named = { ...jwk, kid: 'rsa-2024', alg: 'RS256', use: 'sig', x5t: 'x', key_ops: ['verify'] };
  t.strictSame(await readForeignKey(JSON.stringify(named), null), { kid: 'rsa-2024', jwk });
  const whole = { ...privateKey.export({ format: 'jwk' }), kid: 'rsa-2024' };
  const read = await readForeignKey(JSON.stringify(whole), null);
  t.strictSame(read, { kid: 'rsa-2024', jwk });
  t.strictSame(Object.keys(read.jwk).sort(), ['e', 'kty', 'n']);
  t.strictSame(await readForeignKey(`\n ${JSON.stringify(jwk, null, 2)}\n`, null), { kid: print, jwk });
});

t.test('the kid is the one that is said, else that of the key, else its thumbprint', async (t) => {
  const named = JSON.stringify({ ...jwk, kid: 'theirs' });
  t.equal((await readForeignKey(named, 'said')).kid, 'said');
  t.equal((await readForeignKey(named, null)).kid, 'theirs');
  for (const kid of [
    'a',
    '!',
    '~',
    'https://issuer.example/keys/1',
    'k'.repeat(255),
    '../../etc/passwd',
    '__proto__',
  ]) {
    t.equal((await readForeignKey(named, kid)).kid, kid);
    t.equal((await readForeignKey(JSON.stringify({ ...jwk, kid }), null)).kid, kid);
  }
  const rule = 'its kid must be 1 to 255 characters of visible ASCII without spaces';
  for (const kid of ['', ' ', 'a b', 'a\n', '\ta', 'k'.repeat(256), 'schlüssel', '\u0000', '\u007f', 'a\u200bb']) {
    t.equal(await messageOf(named, kid), rule, JSON.stringify(kid));
    t.equal(await messageOf(JSON.stringify({ ...jwk, kid }), null), rule, JSON.stringify(kid));
  }
});

t.test('what is written another way is one key: its kid and members are those of the key itself', async (t) => {
  const padded = `AAAA${jwk.n}`;
  t.strictSame(await readForeignKey(JSON.stringify({ ...jwk, n: padded }), null), { kid: print, jwk }, 'leading zeros');
  t.strictSame(await readForeignKey(JSON.stringify({ ...jwk, e: 'AAEAAQ' }), null), { kid: print, jwk });
});

t.test('a JWKS is refused, with what to do', async (t) => {
  const says = 'it is JSON, but not a JWK: of a JWKS, take the one key';
  for (const value of [
    { keys: [jwk] },
    { keys: [] },
    [jwk],
    {},
    null,
    1,
    'x',
    { ...jwk, kty: 1 },
    { ...jwk, kid: 7 },
  ]) {
    t.equal(await messageOf(JSON.stringify(value)), says, JSON.stringify(value).slice(0, 30));
  }
});

t.test('keys of other kinds are refused', async (t) => {
  const notRsa = 'it is not an RSA key: mintd publishes RS256 keys alone';
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ed = generateKeyPairSync('ed25519');
  const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 });
  const dsa = generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 });
  for (const [name, pair] of Object.entries({ ec, ed, pss, dsa })) {
    t.equal(await messageOf(pem(pair.publicKey, 'spki')), notRsa, `${name}, public`);
    t.equal(await messageOf(pem(pair.privateKey, 'pkcs8')), notRsa, `${name}, private`);
  }
  const orMissing = `${notRsa}, or n or e is missing`;
  for (const other of [
    ec.publicKey.export({ format: 'jwk' }),
    { kty: 'oct', k: 'AA' },
    { kty: 'RSA' },
    { ...jwk, kty: 'rsa' },
  ]) {
    t.equal(await messageOf(JSON.stringify(other)), orMissing, JSON.stringify(other).slice(0, 30));
  }
});

t.test('an RSA key for another algorithm or use is refused', async (t) => {
  for (const alg of ['RS512', 'PS256', 'RSA-OAEP', 'none', '']) {
    t.equal(await messageOf(JSON.stringify({ ...jwk, alg })), `it is for ${alg}: mintd publishes RS256 keys alone`);
  }
  t.equal(await messageOf(JSON.stringify({ ...jwk, use: 'enc' })), 'it is for use "enc", not for signatures');
});

t.test('a key of less than 2048 bits is refused, in every form', async (t) => {
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const says = 'it has 1024 bits; at least 2048 are needed';
  for (const text of [
    pem(small.publicKey, 'spki'),
    pem(small.privateKey, 'pkcs8'),
    JSON.stringify(small.publicKey.export({ format: 'jwk' })),
  ]) {
    t.equal(await messageOf(text), says);
  }
});

t.test('what cannot be read is said to be so, in one line', async (t) => {
  const encrypted = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' });
  const noKey = 'it is PEM, but holds no key that can be read: is it encrypted, or cut?';
  for (const text of [
    String(encrypted),
    privatePem.slice(0, 200),
    CERTIFICATE.slice(0, 300),
    '-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----',
    '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----',
  ]) {
    t.equal(await messageOf(text), noKey, text.slice(0, 30));
  }
  for (const text of ['', 'garbage', 'ssh-rsa AAAA', '{"kty":"RSA"', '\u0000']) {
    t.equal(await messageOf(text), 'it is neither PEM nor a JWK', text);
  }
  for (const n of ['', '!!!']) {
    const message = await messageOf(JSON.stringify({ ...jwk, n }));
    t.match(message, /^(its members n and e cannot be read|"n" \(Modulus\) [^\n]+)$/, n);
  }
});

t.test('a key under which anybody can forge is refused: its exponent must be odd and at least 3', async (t) => {
  for (const e of ['AQ', 'AA', 'Ag', 'BA']) {
    const outcome = await readForeignKey(JSON.stringify({ ...jwk, e }), null).then(
      () => 'taken',
      () => 'refused',
    );
    t.equal(outcome, 'refused', e);
  }
  t.equal((await readForeignKey(JSON.stringify({ ...jwk, e: 'Aw' }), 'three')).jwk.e, 'Aw');
});
