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

t.test('a refresh token is mrt_ and base64url(handle 16 bytes, secret 32 bytes)', async (t) => {
  t.strictSame([HANDLE_BYTES, SECRET_BYTES, SUCCESSOR_KEY_BYTES], [16, 32, 32]);
  const zeros = formatRefreshToken({ handle: new Uint8Array(16), secret: new Uint8Array(32) });
  t.equal(zeros, `mrt_${'A'.repeat(64)}`);
  const ones = formatRefreshToken({ handle: new Uint8Array(16).fill(255), secret: new Uint8Array(32).fill(255) });
  t.equal(ones, `mrt_${'_'.repeat(64)}`);
  const mixed = formatRefreshToken({ handle: new Uint8Array(16).fill(1), secret: new Uint8Array(32).fill(2) });
  t.strictSame(parseRefreshToken(mixed), {
    handle: new Uint8Array(16).fill(1),
    secret: new Uint8Array(32).fill(2),
  });
});

t.test('every token is read as what it was made of', async () => {
  fc.assert(
    fc.property(bytes(16), bytes(32), (handle, secret) => {
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
  fc.assert(
    fc.property(spelling, (body) => {
      const parsed = parseRefreshToken(`mrt_${body}`);
      return parsed !== null && formatRefreshToken(parsed) === `mrt_${body}`;
    }),
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

t.test('the successor is HMAC-SHA-256 of the presented secret under the fresh key', async (t) => {
  // RFC 4231 §4.2 and §4.3.
  const first = successorOf(new TextEncoder().encode('Hi There'), new Uint8Array(20).fill(0x0b));
  t.strictSame(first, hex('b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'));
  const second = successorOf(
    new TextEncoder().encode('what do ya want for nothing?'),
    new TextEncoder().encode('Jefe'),
  );
  t.strictSame(second, hex('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'));
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
