import t from 'tap';
import { isClientId } from '../../src/oauth/client.js';
import {
  ALL_PARAMETERS,
  GRANT_PARAMETERS,
  PASSWORD_PARAMETERS,
  REGISTER_PARAMETERS,
} from '../../src/oauth/endpoint-parameters.js';
import {
  carriesCredential,
  collectParameters,
  optional,
  type Pair,
  readParameters,
  required,
} from '../../src/oauth/parameters.js';
import { unhashableReason } from '../../src/oauth/password-policy.js';
import { ok, refuse } from '../../src/oauth/result.js';
import { parseLoginName } from '../../src/oauth/username.js';

/** Pairs as in a form, without any decoding. */
function pairsOf(text: string): Pair[] {
  return text.split('&').map((field) => {
    const [name = '', value = ''] = field.split('=');
    return [name, value];
  });
}

const COLLECTED: readonly [sentence: string, pairs: string, present: Record<string, string[]>][] = [
  ['one', 'a=b', { a: ['b'] }],
  ['several', 'a=1&b=2', { a: ['1'], b: ['2'] }],
  ['a parameter without a value is left out (RFC 6749 §3.2)', 'a=&b=2', { b: ['2'] }],
  ['a space is a value', 'a= ', { a: [' '] }],
  ['resource may repeat (RFC 8707 §2)', 'resource=x&resource=y', { resource: ['x', 'y'] }],
  ['so may audience, even with the same value', 'audience=x&audience=x', { audience: ['x', 'x'] }],
  ['apart from each other', 'audience=x&a=b&audience=y', { audience: ['x', 'y'], a: ['b'] }],
  ['an empty one among them is left out', 'resource=&resource=y', { resource: ['y'] }],
  ['only empty ones: left out', 'resource=&resource=', {}],
  ['names differ in case', 'a=1&A=2', { a: ['1'], A: ['2'] }],
  ['names of Object.prototype are ordinary', 'toString=x&constructor=y', { toString: ['x'], constructor: ['y'] }],
  ['__proto__ is ordinary', '__proto__=x', { ['__proto__']: ['x'] }],
];

t.test('parameters are collected', async (t) => {
  for (const [sentence, pairs, present] of COLLECTED) {
    t.strictSame(collectParameters(pairsOf(pairs)), ok(new Map(Object.entries(present))), sentence);
  }
  t.strictSame(collectParameters([]), ok(new Map()), 'nothing');
});

const REPEATED: readonly [sentence: string, pairs: string][] = [
  ['another value', 'a=1&a=2'],
  ['the same value', 'a=1&a=1'],
  ['the first empty', 'a=&a=1'],
  ['the second empty', 'a=1&a='],
  ['both empty', 'a=&a='],
  ['something between', 'a=1&b=2&a=3'],
  ['a name that nobody knows', 'zzz=1&zzz=2'],
  ['no name', '=&='],
  ['scope, which is one list and not several', 'scope=a&scope=b'],
  ['a name that differs from a repeatable one in case', 'Resource=a&Resource=b'],
  ['__proto__', '__proto__=1&__proto__=2'],
];

t.test('a parameter must not be sent more than once (RFC 6749 §3.2)', async (t) => {
  for (const [sentence, pairs] of REPEATED) {
    t.strictSame(collectParameters(pairsOf(pairs)), refuse({ reason: 'parameter_repeated' }), sentence);
  }
});

t.test('a parameter is looked up by its name', async (t) => {
  const parameters = new Map([['scope', ['read']]]);
  t.equal(optional(parameters, 'scope'), 'read');
  t.equal(optional(parameters, 'Scope'), undefined);
  t.equal(optional(parameters, 'toString'), undefined, 'nothing is inherited');
  t.strictSame(required(parameters, 'scope'), ok('read'));
  t.strictSame(required(parameters, 'username'), refuse({ reason: 'parameter_missing', parameter: 'username' }));
});

const QUERIES: readonly [query: string, carries: boolean][] = [
  ['', false],
  ['a=b', false],
  ['grant_type=password', false],
  ['client_id=app', false],
  ['username=ada', false],
  ['token_type_hint=refresh_token', false],
  ['passwords=x', false],
  ['password=x', true],
  ['password', true],
  ['password=', true],
  ['a=b&password=x', true],
  ['PassWord=x', true],
  ['pass%77ord=x', true],
  ['%70%61%73%73%77%6f%72%64=x', true],
  ['client_secret=x', true],
  ['client_assertion=x', true],
  ['refresh_token=x', true],
  ['access_token=x', true],
  ['token=x', true],
  ['%zz=x', true],
  ['password%=x', true],
  ['a=%zz', false],
];

t.test(
  'a query string with the name of a credential, or one that cannot be read, is told (RFC 6749 §2.3.1)',
  async (t) => {
    for (const [query, carries] of QUERIES) t.equal(carriesCredential(query), carries, JSON.stringify(query));
  },
);

t.test('what a table says of a parameter is what holds for it at every endpoint', async (t) => {
  const all = ALL_PARAMETERS.flatMap((table) => Object.entries(table));
  const namesWith = (holds: (name: string) => boolean) =>
    [...new Set(all.map(([name]) => name))].filter((name) => holds(name)).sort();
  for (const [name, { mayRepeat, isCredential }] of all) {
    t.equal(collectParameters(pairsOf(`${name}=1&${name}=2`)).ok, mayRepeat === true, `${name} twice`);
    t.equal(carriesCredential(`${name}=x`), isCredential === true, `${name} in a URL`);
  }
  t.strictSame(
    namesWith((name) => collectParameters(pairsOf(`${name}=1&${name}=2`)).ok),
    ['audience', 'resource'],
  );
  t.strictSame(
    namesWith((name) => carriesCredential(name)),
    ['client_assertion', 'client_secret', 'current_password', 'new_password', 'password', 'refresh_token', 'token'],
  );
});

t.test('the first that is missing is told, in the order of the table', async (t) => {
  const { password } = GRANT_PARAMETERS;
  const form = { grant_type: 'password', username: 'ada', password: 'x', scope: 'read', more: 'y' };
  const { scope: _, more: __, ...needed } = form;
  const parameters = new Map(Object.entries(form).map(([name, value]) => [name, [value]]));
  t.strictSame(readParameters(password, parameters), ok(needed), 'those that are needed, and no others');
  for (const name of ['password', 'username', 'grant_type']) {
    parameters.delete(name);
    t.strictSame(readParameters(password, parameters), refuse({ reason: 'parameter_missing', parameter: name }));
  }
  t.strictSame(readParameters({}, parameters), ok({}));
});

t.test('the lengths in the tables are those of the rules', async (t) => {
  const { username, password, client_id } = { ...REGISTER_PARAMETERS, ...GRANT_PARAMETERS.password };
  const limits: readonly (readonly [name: string, most: number | undefined, isGood: (text: string) => boolean])[] = [
    ['username', username.maxCharacters, (text) => parseLoginName(text) !== null],
    ['email', REGISTER_PARAMETERS.email.maxCharacters, (text) => parseLoginName(text) !== null],
    ['password', password.maxCharacters, (text) => unhashableReason(text) === null],
    ['new_password', PASSWORD_PARAMETERS.new_password.maxCharacters, (text) => unhashableReason(text) === null],
    ['client_id', client_id.maxCharacters, isClientId],
  ];
  for (const [name, most = 0, isGood] of limits) {
    t.strictSame([isGood('x'.repeat(most)), isGood('x'.repeat(most + 1))], [true, false], name);
  }
});
