import t from 'tap';
import {
  newPasswordFault,
  PASSWORD_MAX_BYTES,
  PASSWORD_MIN_CHARACTERS,
  unhashableReason,
} from '../../src/oauth/password-policy.js';

/** Held against nothing but the rules of its own. */
const RARE = { isCommon: false, names: [] };

t.test('a new password has 8 characters to 72 bytes', async (t) => {
  t.strictSame([PASSWORD_MIN_CHARACTERS, PASSWORD_MAX_BYTES], [8, 72]);
});

const SETTABLE: readonly [sentence: string, password: string][] = [
  ['8 characters', 'abcdefgi'],
  ['72 bytes', `${'x'.repeat(71)}y`],
  ['72 bytes of two each', `${'é'.repeat(35)}è`],
  ['72 bytes of four each', `${'🔑'.repeat(17)}🔒`],
  ['8 characters outside the basic plane', `${'🔑'.repeat(7)}🔒`],
  ['spaces are characters (NIST SP 800-63B §5.1.1.2)', ' a b c d '],
  ['no composition rules (NIST SP 800-63B §5.1.1.2)', 'zzzzzzzzy'],
  ['control characters other than NUL', 'abc\tdefg\n'],
];

t.test('a password may be set', async (t) => {
  for (const [sentence, password] of SETTABLE) t.equal(newPasswordFault(password, RARE), null, sentence);
});

const FAULTS: readonly [sentence: string, password: string, fault: RegExp][] = [
  ['empty', '', /at least 8 characters/],
  ['7 characters', 'abcdefg', /at least 8 characters/],
  ['4 characters of two UTF-16 units each', '🔑'.repeat(4), /at least 8 characters/],
  ['73 bytes', 'x'.repeat(73), /73 bytes, at most 72/],
  ['73 bytes in 37 characters', `${'é'.repeat(36)}x`, /73 bytes, at most 72/],
  ['a NUL within: bcrypt would stop there', 'abcd\0efgh', /NUL/],
  ['a NUL at the end', 'abcdefgh\0', /NUL/],
  ['a lone high surrogate', 'abcdefgh\ud83d', /well-formed/],
  ['a lone low surrogate', '\udd11abcdefgh', /well-formed/],
  ['surrogates in the wrong order', 'abcdefgh\udd11\ud83d', /well-formed/],
];

t.test('a password may not be set, and the reason is said', async (t) => {
  for (const [sentence, password, fault] of FAULTS) t.match(newPasswordFault(password, RARE), fault, sentence);
});

t.test('the fault never repeats the password', async (t) => {
  for (const secret of ['hunter2', 'hunter2!'.repeat(10), 'hunter2!\0']) {
    t.notMatch(newPasswordFault(secret, RARE), /hunter2/);
  }
});

t.test('a common password is refused, and says so', async (t) => {
  t.match(newPasswordFault('iloveyou', { isCommon: true, names: [] }), /everybody tries first/);
});

const MONOTONOUS = [
  ...[
    'aaaaaaaa',
    '88888888',
    '12121212',
    '123123123',
    '12341234',
    'abcabcabca',
    '        ',
    'XxXxXxXx',
    '🔑'.repeat(18),
  ],
  ...['12345678', '1234567890', '0987654321', '87654321', 'abcdefgh', 'HGFEDCBA', '8901234567'],
];

t.test('a repetition and a sequence are as common as what is on the list', async (t) => {
  for (const password of MONOTONOUS) t.match(newPasswordFault(password, RARE), /everybody tries first/, password);
  for (const password of ['12345abcde', '123412345', 'abcdeabcde', '2468013579']) {
    t.equal(newPasswordFault(password, RARE), null, password);
  }
});

const NAMES = ['Ada.Lovelace', 'Ada@Example.org'];
const LIKE_NAMES: readonly [password: string, isRefused: boolean][] = [
  ['ada.lovelace', true],
  ['ADA.LOVELACE2026!', true],
  ['123ada.lovelace', true],
  ['ada@example.org', true],
  ['__ada__1234', true],
  ['ａｄａ12345', true],
  ['adalovelace', false],
  ['ada and bob', false],
  ['12345679', false],
];

t.test('a password that is a name, with or without digits around it, is refused', async (t) => {
  for (const [password, isRefused] of LIKE_NAMES) {
    const fault = newPasswordFault(password, { isCommon: false, names: NAMES });
    t.equal(fault !== null, isRefused, password);
    if (isRefused) t.match(fault, /user name or the e-mail/);
  }
  t.equal(
    newPasswordFault('12345679', { isCommon: false, names: ['42'] }),
    null,
    'a name without letters is no letters',
  );
});

t.test('a short password can be hashed: an imported user may have one', async (t) => {
  t.equal(unhashableReason('short'), null);
  t.equal(unhashableReason(''), null);
  t.match(unhashableReason('short\0'), /NUL/);
  t.match(unhashableReason('short\ud83d'), /well-formed/);
  t.match(unhashableReason('x'.repeat(73)), /73 bytes/);
});
