import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { decodeFormPart, type Pair, parseForm } from '../../src/oauth/parameters.js';
import { ok, refuse } from '../../src/oauth/result.js';

const FORMS: readonly [sentence: string, body: string, pairs: Pair[]][] = [
  ['nothing', '', []],
  ['a pair', 'a=b', [['a', 'b']]],
  [
    'pairs in order',
    'b=2&a=1',
    [
      ['b', '2'],
      ['a', '1'],
    ],
  ],
  ['+ is a space', 'a+b=c+d', [['a b', 'c d']]],
  ['%2B is a plus', 'a=c%2Bd', [['a', 'c+d']]],
  ['%20 is a space', 'a=c%20d', [['a', 'c d']]],
  ['hex digits in either case', 'a=%c3%A9', [['a', 'é']]],
  ['names are decoded as well', 'grant%5ftype=x', [['grant_type', 'x']]],
  ['the first = divides', 'a=b=c', [['a', 'b=c']]],
  ['an encoded = does not divide', 'a%3Db=c', [['a=b', 'c']]],
  ['an encoded & does not divide', 'a=b%26c=d', [['a', 'b&c=d']]],
  ['no =', 'a', [['a', '']]],
  ['no value', 'a=', [['a', '']]],
  ['no name', '=b', [['', 'b']]],
  ['neither', '=', [['', '']]],
  ['empty fields mean nothing', '&&a=b&&', [['a', 'b']]],
  ['a semicolon is ordinary', 'a=b;c=d', [['a', 'b;c=d']]],
  [
    'twice stays twice',
    'a=1&a=2',
    [
      ['a', '1'],
      ['a', '2'],
    ],
  ],
  ['a percent sign is decoded once', 'a=%2541', [['a', '%41']]],
  ['NUL is a character', 'a=%00', [['a', '\0']]],
  ['four bytes of UTF-8', 'a=%F0%9F%94%91', [['a', '🔑']]],
  ['text that was not encoded is itself', 'a=é', [['a', 'é']]],
  ['line ends are ordinary', 'a=b\r\n', [['a', 'b\r\n']]],
  ['names of Object.prototype are ordinary', '__proto__=x', [['__proto__', 'x']]],
  ['brackets do not nest', 'a[b]=c', [['a[b]', 'c']]],
];

t.test('a form is read as RFC 6749 Appendix B has it', async (t) => {
  for (const [sentence, body, pairs] of FORMS) t.strictSame(parseForm(body), ok(pairs), sentence);
});

const UNDECODABLE: readonly [sentence: string, text: string][] = [
  ['a % at the end', '100%'],
  ['a % and one digit', '%4'],
  ['a % and no hex digits', '%zz'],
  ['a % and one hex digit', '%4z'],
  ['two %', '%%41'],
  ['the %u of old browsers', '%u0041'],
  ['a lone continuation byte (RFC 3629 §4)', '%80'],
  ['a byte that never occurs', '%FF'],
  ['a sequence cut short', '%E2%82'],
  ['a sequence cut short by text', '%E2%82a'],
  ['a sequence longer than needed', '%C0%AF'],
  ['NUL longer than needed', '%C0%80'],
  ['a surrogate', '%ED%A0%80'],
  ['a pair of surrogates', '%ED%A0%BD%ED%B4%91'],
  ['beyond U+10FFFF', '%F4%90%80%80'],
  ['Latin-1', 'caf%E9'],
];

t.test('what is not UTF-8 is refused, never replaced by U+FFFD', async (t) => {
  for (const [sentence, text] of UNDECODABLE) {
    t.equal(decodeFormPart(text), null, sentence);
    for (const body of [`a=${text}`, `${text}=a`, text, `ok=1&a=${text}`]) {
      t.strictSame(parseForm(body), refuse({ reason: 'body_malformed' }), `${sentence}: ${body}`);
    }
  }
});

t.test('a lone surrogate is refused in a form as it is in JSON', async (t) => {
  for (const body of ['a=\ud800', '\ud800=a', 'a=\udc00\ud800']) {
    t.strictSame(parseForm(body), refuse({ reason: 'body_malformed' }), JSON.stringify(body));
  }
});

t.test('whatever a client encodes as a form is read as it was', async () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 8 });
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text), { maxLength: 4 }), (pairs) => {
      return isDeepStrictEqual(parseForm(new URLSearchParams(pairs).toString()), ok(pairs));
    }),
  );
});

t.test('what is read from a form is what the URL standard reads, unless it is refused', async () => {
  const noise = fc.string({
    unit: fc.constantFrom('%', '4', '1', 'C', '3', 'A', '9', '+', '=', '&', 'é', ';'),
    maxLength: 12,
  });
  fc.assert(
    fc.property(noise, (body) => {
      const read = parseForm(body);
      return !read.ok || isDeepStrictEqual(read.value, [...new URLSearchParams(body)]);
    }),
    { numRuns: 1000 },
  );
});
