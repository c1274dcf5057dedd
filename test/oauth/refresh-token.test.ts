import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import {
  formatRefreshToken,
  HANDLE_BYTES,
  parseRefreshToken,
  SECRET_BYTES,
  SUCCESSOR_KEY_BYTES,
  sha256,
  successorOf,
} from '../../src/oauth/refresh-token.js';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

t.test('a refresh token is mrt_ and base64url(handle 16 bytes, secret 28 bytes, checksum 4 bytes)', async (t) => {
  t.strictSame([HANDLE_BYTES, SECRET_BYTES, SUCCESSOR_KEY_BYTES], [16, 28, 32]);
  const token = { handle: new Uint8Array(16).fill(1), secret: new Uint8Array(28).fill(2) };
  const bytes = Buffer.from(formatRefreshToken(token).slice(4), 'base64url');
  t.strictSame(bytes.subarray(0, 44), Buffer.concat([token.handle, token.secret]));
  const checksum = createHash('sha256').update(bytes.subarray(0, 44)).digest().subarray(0, 4);
  t.strictSame(bytes.subarray(44), checksum);
  t.strictSame(parseRefreshToken(formatRefreshToken(token)), token);
});

t.test('a token with any one character changed, or cut anywhere, is not one', async (t) => {
  const token = formatRefreshToken({ handle: randomBytes(16), secret: randomBytes(28) });
  for (let i = 0; i < token.length; i++) {
    const changed = token.slice(0, i) + (token[i] === 'A' ? 'B' : 'A') + token.slice(i + 1);
    if (parseRefreshToken(changed) !== null) t.fail(`character ${i}`);
    if (parseRefreshToken(token.slice(0, i)) !== null) t.fail(`cut at ${i}`);
  }
  t.equal(parseRefreshToken(`${token}A`), null);
});

t.test('every token is read as what it was made of', async () => {
  fc.assert(
    fc.property(bytes(16), bytes(SECRET_BYTES), (handle, secret) => {
      const text = formatRefreshToken({ handle, secret });
      const parsed = parseRefreshToken(text);
      return (
        text.length === 68 &&
        parsed !== null &&
        Buffer.compare(parsed.handle, handle) === 0 &&
        Buffer.compare(parsed.secret, secret) === 0
      );
    }),
  );
});

t.test('a token has one spelling: every text that is read is written in the same way again', async () => {
  const base64url = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const spelling = fc.string({ unit: fc.constantFrom(...base64url), minLength: 64, maxLength: 64 });
  const valid = fc
    .tuple(bytes(16), bytes(SECRET_BYTES))
    .map(([handle, secret]) => formatRefreshToken({ handle, secret }));
  fc.assert(
    fc.property(
      fc.oneof(
        valid,
        spelling.map((body) => `mrt_${body}`),
      ),
      (text) => {
        const parsed = parseRefreshToken(text);
        return parsed === null || formatRefreshToken(parsed) === text;
      },
    ),
  );
});

const BODY = 'A'.repeat(64);
const NEVER_OURS: readonly [sentence: string, text: string][] = [
  ['empty', ''],
  ['the prefix alone', 'mrt_'],
  ['no prefix', BODY],
  ['another prefix', `mat_${BODY}`],
  ['the prefix in capitals', `MRT_${BODY}`],
  ['one character short', `mrt_${BODY.slice(1)}`],
  ['one character long', `mrt_${BODY}A`],
  ['padding', `mrt_${BODY.slice(1)}=`],
  ['base64 rather than base64url', `mrt_${BODY.slice(2)}+/`],
  ['a space in front', ` mrt_${BODY}`],
  ['a line feed behind', `mrt_${BODY}\n`],
  ['a line feed within', `mrt_${BODY.slice(1)}\n`],
  ['not ASCII', `mrt_${BODY.slice(1)}é`],
  ['a JWT', 'eyJhbGciOiJSUzI1NiJ9.e30.AAAA'],
];

t.test('what mintd never issued is not read', async (t) => {
  for (const [sentence, text] of NEVER_OURS) t.equal(parseRefreshToken(text), null, sentence);
});

t.test('the successor is HMAC-SHA-256 of the presented secret under the fresh key, its first 28 bytes', async (t) => {
  // RFC 4231 §4.2 and §4.3.
  const first = successorOf(new TextEncoder().encode('Hi There'), new Uint8Array(20).fill(0x0b));
  t.strictSame(first, hex('b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c'));
  const second = successorOf(
    new TextEncoder().encode('what do ya want for nothing?'),
    new TextEncoder().encode('Jefe'),
  );
  t.strictSame(second, hex('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b9'));
});

t.test('the same secret and key give the same successor, anything else another one', async () => {
  fc.assert(
    fc.property(bytes(32), bytes(32), bytes(32), bytes(32), (secret, key, otherSecret, otherKey) => {
      const text = (s: Uint8Array, k: Uint8Array) => Buffer.from(successorOf(s, k)).toString('hex');
      const sameInput = Buffer.compare(secret, otherSecret) === 0 && Buffer.compare(key, otherKey) === 0;
      return (
        text(secret, key) === text(Uint8Array.from(secret), Uint8Array.from(key)) &&
        successorOf(secret, key).length === SECRET_BYTES &&
        (text(secret, key) === text(otherSecret, otherKey)) === sameInput
      );
    }),
  );
});

t.test('sha256 is SHA-256, of bytes and of text as UTF-8', async (t) => {
  // FIPS 180-4, example "abc".
  const abc = hex('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  t.strictSame(sha256('abc'), abc);
  t.strictSame(sha256(new TextEncoder().encode('abc')), abc);
  t.strictSame(sha256('é'), sha256(hex('c3a9')));
});
