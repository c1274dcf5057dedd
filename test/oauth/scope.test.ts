import t from 'tap';
import { ok, refuse } from '../../src/oauth/result.js';
import { grantScope, joinList, parseScope, splitList } from '../../src/oauth/scope.js';

const notAllowed = (scope: string) => refuse({ reason: 'scope_not_allowed', scope });

const PARSED: readonly [sentence: string, text: string, tokens: string[] | null][] = [
  ['one token', 'read', ['read']],
  ['several, divided by one space', 'read write', ['read', 'write']],
  ['a repetition adds nothing', 'read write read', ['read', 'write']],
  ['case matters', 'Read read', ['Read', 'read']],
  ['the first and the last character of each range', '! # [ ] ~', ['!', '#', '[', ']', '~']],
  ['colons, slashes and commas are ordinary', 'orders:read,write https://a/b', ['orders:read,write', 'https://a/b']],
  ['names of Object.prototype are ordinary', '__proto__ constructor', ['__proto__', 'constructor']],
  ['empty', '', null],
  ['only a space', ' ', null],
  ['a space in front', ' read', null],
  ['a space behind', 'read ', null],
  ['two spaces between', 'read  write', null],
  ['a tab between', 'read\twrite', null],
  ['a line feed behind', 'read\n', null],
  ['a quotation mark', 'read"', null],
  ['a backslash', 'read\\', null],
  ['a control character', 'read\x00', null],
  ['DEL', 'read\x7f', null],
  ['not ASCII', 'lesé', null],
  ['a no-break space', 'read\u00a0write', null],
];

t.test('scope follows the grammar of RFC 6749 §3.3', async (t) => {
  for (const [sentence, text, tokens] of PARSED) t.strictSame(parseScope(text), tokens, sentence);
});

t.test('exactly the characters %x21 / %x23-5B / %x5D-7E make a token (RFC 6749 §3.3)', async (t) => {
  for (let code = 0; code < 0x180; code += 1) {
    const allowed = code === 0x21 || (code >= 0x23 && code <= 0x5b) || (code >= 0x5d && code <= 0x7e);
    t.equal(parseScope(`a${String.fromCharCode(code)}`) !== null, allowed, `U+${code.toString(16).padStart(4, '0')}`);
  }
});

t.test('a new grant gets what it asks for within what the client may have (RFC 6749 §3.3)', async (t) => {
  const grant = (requested: string | undefined) => grantScope(requested, ['read', 'write', 'admin'], ['read']);
  t.strictSame(grant(undefined), ok(['read']), 'left out: the default');
  t.strictSame(grant('write'), ok(['write']), 'asked: that, without the default');
  t.strictSame(grant('admin read write'), ok(['admin', 'read', 'write']), 'all of it');
  t.strictSame(grant('write write'), ok(['write']), 'each once');
  t.strictSame(grant('read other'), notAllowed('other'), 'nothing is granted in part');
  t.strictSame(grant('READ'), notAllowed('READ'), 'case matters');
  t.strictSame(grant('read  write'), refuse({ reason: 'scope_malformed' }), 'malformed, though each is allowed');
  t.strictSame(grant(''), refuse({ reason: 'scope_malformed' }), 'empty: the caller treats that as left out before');
});

t.test(
  'a refresh narrows and never widens (RFC 6749 §6): allowed and default are the scope of the family',
  async (t) => {
    const family = ['read', 'write'];
    t.strictSame(grantScope(undefined, family, family), ok(family), 'left out: the same as before');
    t.strictSame(grantScope('read', family, family), ok(['read']), 'narrower');
    t.strictSame(grantScope('read admin', family, family), notAllowed('admin'), 'wider');
    t.strictSame(grantScope('read', [], []), notAllowed('read'), 'out of nothing');
    t.strictSame(grantScope(undefined, [], []), ok([]), 'nothing stays nothing');
  },
);

t.test('a list goes into one column and comes back', async (t) => {
  for (const list of [[], ['a'], ['a', 'b'], ['b', 'a']]) t.strictSame(splitList(joinList(list)), list);
  t.equal(joinList(['a', 'b', 'a']), 'a b', 'repetitions are dropped');
  t.strictSame(splitList(''), [], 'an empty column holds no tokens, not an empty one');
});
