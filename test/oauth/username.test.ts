import fc from 'fast-check';
import t from 'tap';
import { isEmail, isEmailLike, isRole, parseLoginName } from '../../src/oauth/username.js';

const SHOWN: readonly [sentence: string, text: string, display: string, key: string][] = [
  ['a plain name', 'ada', 'ada', 'ada'],
  ['case is kept for people and folded for comparison', 'Ada', 'Ada', 'ada'],
  ['case outside ASCII', 'ÉMILE', 'ÉMILE', 'émile'],
  ['an inner space', 'Ada Lovelace', 'Ada Lovelace', 'ada lovelace'],
  ['NFKC: decomposed and composed are one', 'e\u0301', 'é', 'é'],
  ['NFKC: fullwidth letters', 'Ａｄａ', 'Ada', 'ada'],
  ['NFKC: a ligature', 'ﬁnn', 'finn', 'finn'],
  ['NFKC: the Kelvin sign', '\u212a', 'K', 'k'],
  ['NFKC: the long s', 'ſam', 'sam', 'sam'],
  ['NFKC: a no-break space is a space', 'a\u00a0b', 'a b', 'a b'],
  ['a dotted capital I', 'İ', 'İ', 'i̇'],
  ['outside the basic plane', '𐐀', '𐐀', '𐐨'],
  ['another script', 'Юлия', 'Юлия', 'юлия'],
  ['one digit', '7', '7', '7'],
];

t.test('a name has a form for people and a form for comparison', async (t) => {
  for (const [sentence, text, display, key] of SHOWN) t.strictSame(parseLoginName(text), { display, key }, sentence);
});

const REFUSED: readonly [sentence: string, text: string][] = [
  ['empty', ''],
  ['only a space', ' '],
  ['a space in front', ' ada'],
  ['a space behind', 'ada '],
  ['a no-break space behind', 'ada\u00a0'],
  ['an ideographic space in front', '\u3000ada'],
  ['NUL', 'a\0da'],
  ['a tab', 'a\tda'],
  ['a line feed', 'ada\nroot'],
  ['DEL', 'ada\x7f'],
  ['a C1 control', 'ada\x85'],
  ['a zero-width space', 'ad\u200ba'],
  ['a zero-width joiner', 'ad\u200da'],
  ['a soft hyphen', 'ad\u00ada'],
  ['a word joiner', 'ad\u2060a'],
  ['a byte order mark', '\ufeffada'],
  ['a right-to-left override', '\u202eada'],
  ['an isolate', '\u2066ada'],
  ['a line separator', 'a\u2028da'],
  ['a paragraph separator', 'a\u2029da'],
  ['an Ogham space, which looks like a line', 'a\u1680da'],
  ['a tag character', 'ada\u{e0041}'],
  ['a private-use character', 'ada\ue000'],
  ['an unassigned character', 'ada\u0378'],
  ['a noncharacter', 'ada\uffff'],
  ['a lone surrogate', 'ada\ud800'],
  ['surrogates in the wrong order', '\udc00\ud800'],
];

t.test('a name with something invisible or misleading is refused', async (t) => {
  for (const [sentence, text] of REFUSED) t.equal(parseLoginName(text), null, sentence);
});

const DRAWN_AS_NOTHING: readonly [sentence: string, character: string][] = [
  ['a combining grapheme joiner', '\u034f'],
  ['a Hangul choseong filler', '\u115f'],
  ['a Hangul jungseong filler', '\u1160'],
  ['a Hangul filler', '\u3164'],
  ['a halfwidth Hangul filler', '\uffa0'],
  ['a Khmer inherent vowel', '\u17b4'],
  ['a Mongolian variation selector', '\u180b'],
  ['a variation selector', '\ufe0f'],
  ['a supplementary variation selector', '\u{e0100}'],
];

t.test('characters that Unicode says are drawn as nothing (Default_Ignorable_Code_Point) are refused', async (t) => {
  for (const [sentence, character] of DRAWN_AS_NOTHING) {
    t.equal(parseLoginName(`ad${character}a`), null, `${sentence} within`);
    t.equal(parseLoginName(character), null, `${sentence} alone`);
  }
  t.equal(parseLoginName('ad\u2800a'), null, 'a blank Braille pattern is drawn as nothing, too');
});

t.test('a name has 1 to 128 characters, counted as people do, after normalisation', async (t) => {
  t.not(parseLoginName('a'.repeat(128)), null);
  t.equal(parseLoginName('a'.repeat(129)), null);
  t.not(parseLoginName('𐐀'.repeat(128)), null, '128 characters in 256 UTF-16 units');
  t.not(parseLoginName('e\u0301'.repeat(128)), null, 'composed they are 128');
  t.equal(parseLoginName('ﬁ'.repeat(65)), null, 'taken apart they are 130');
});

const ONE_NAME: readonly [sentence: string, one: string, other: string][] = [
  ['ASCII', 'ADA', 'ada'],
  ['accents', 'Émile', 'éMILE'],
  ['Cyrillic', 'ЮЛИЯ', 'юлия'],
  ['a capital sharp s', 'GROẞ', 'groß'],
  ['a final sigma', 'ΟΔΟΣ', 'οδος'],
  ['fullwidth', 'ＡＤＡ', 'ada'],
];

t.test('names that differ in case alone are one name', async (t) => {
  for (const [sentence, one, other] of ONE_NAME) {
    t.equal(parseLoginName(one)?.key, parseLoginName(other)?.key, sentence);
  }
});

t.test('names that are one after full case folding (Unicode §3.13) are one name', async (t) => {
  t.equal(parseLoginName('ΟΔΟΣ')?.key, parseLoginName('οδοσ')?.key, 'a sigma is a sigma, final or not');
  t.equal(parseLoginName('STRASSE')?.key, parseLoginName('straße')?.key, 'a sharp s in capitals');
});

t.test('normalising is stable: a form that was stored is found again by itself', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }), (text) => {
      const name = parseLoginName(text);
      if (name === null) return true;
      const again = parseLoginName(name.display);
      return again?.display === name.display && again.key === name.key && parseLoginName(name.key)?.key === name.key;
    }),
    { numRuns: 2000 },
  );
});

t.test('a name with an @ is meant as an e-mail address', async (t) => {
  t.ok(isEmailLike('ada@example.com'));
  t.ok(isEmailLike('@'));
  t.notOk(isEmailLike('ada'));
});

const ADDRESSES: readonly [address: string, valid: boolean][] = [
  ['ada@example.com', true],
  ['ada+tag@example.com', true],
  ['ada@localhost', true],
  ['юлия@пример.рф', true],
  ['ada', false],
  ['@example.com', false],
  ['ada@', false],
  ['ada@@example.com', false],
  ['ada@b@example.com', false],
  ['a da@example.com', false],
  ['ada@example.com\n', false],
  ['', false],
];

t.test('an e-mail address has something before and after one @', async (t) => {
  for (const [address, valid] of ADDRESSES) t.equal(isEmail(address), valid, JSON.stringify(address));
});

const ROLES: readonly [role: string, valid: boolean][] = [
  ['admin', true],
  ['orders:read', true],
  ['!', true],
  ['~', true],
  ['r'.repeat(64), true],
  ['r'.repeat(65), false],
  ['', false],
  ['two words', false],
  ['admin\n', false],
  ['r\0le', false],
  ['rôle', false],
];

t.test('a role is 1 to 64 visible ASCII characters', async (t) => {
  for (const [role, valid] of ROLES) t.equal(isRole(role), valid, JSON.stringify(role));
});
