import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { type Pair, parseJson } from '../../src/oauth/parameters.js';
import { ok, refuse } from '../../src/oauth/result.js';

const READ: readonly [sentence: string, body: string, pairs: Pair[]][] = [
  ['nothing', '{}', []],
  ['a member', '{"a":"b"}', [['a', 'b']]],
  ['white space', ' { "a" \n:\t"b" } ', [['a', 'b']]],
  ['an empty value', '{"a":""}', [['a', '']]],
  ['an empty name', '{"":"a"}', [['', 'a']]],
  ['a name in escapes', '{"\\u0061":"b"}', [['a', 'b']]],
  ['a value with a colon', '{"a":"b:c"}', [['a', 'b:c']]],
  [
    'a value that begins with a colon',
    '{"password":":x","a":":"}',
    [
      ['password', ':x'],
      ['a', ':'],
    ],
  ],
  ['a value that looks like a member', '{"a":"\\"b\\":\\"c\\""}', [['a', '"b":"c"']]],
  [
    'a value that ends in a backslash',
    '{"a":"b\\\\","c":"d"}',
    [
      ['a', 'b\\'],
      ['c', 'd'],
    ],
  ],
  ['a name with a quotation mark and a colon', '{"a\\":":"b"}', [['a":', 'b']]],
  ['a pair of surrogates in escapes', '{"a":"\\ud83d\\udd11"}', [['a', '🔑']]],
  ['one resource', '{"resource":"x"}', [['resource', 'x']]],
  [
    'several resources',
    '{"resource":["x","y"]}',
    [
      ['resource', 'x'],
      ['resource', 'y'],
    ],
  ],
  [
    'several audiences',
    '{"audience":["x","x"]}',
    [
      ['audience', 'x'],
      ['audience', 'x'],
    ],
  ],
  ['no resource', '{"resource":[]}', []],
  ['an empty resource', '{"resource":[""]}', [['resource', '']]],
  ['__proto__ is a name like any other', '{"__proto__":"x"}', [['__proto__', 'x']]],
];

t.test('a flat JSON object is read like a form', async (t) => {
  for (const [sentence, body, pairs] of READ) t.strictSame(parseJson(body), ok(pairs), sentence);
});

t.test('colons within names and within arrays are not mistaken for the end of a name', async (t) => {
  const audiences: Pair[] = ['a', ':b', ': c'].map((value) => ['audience', value]);
  t.strictSame(parseJson('{"audience":["a",":b",": c"]}'), ok(audiences));
  const named: Pair[] = [
    ['a', 'b'],
    [':x', ':d'],
  ];
  t.strictSame(parseJson('{"a":"b",":x":":d"}'), ok(named));
});

const MALFORMED: readonly [sentence: string, body: string][] = [
  ['empty', ''],
  ['not JSON', 'a=b'],
  ['cut short', '{"a":"b"'],
  ['something behind', '{"a":"b"}x'],
  ['a comma too many', '{"a":"b",}'],
  ['single quotes', "{'a':'b'}"],
  ['a comment', '{"a":"b"/**/}'],
  ['a byte order mark (RFC 8259 §8.1)', '\ufeff{}'],
  ['null', 'null'],
  ['an array', '[]'],
  ['an array of pairs', '[["a","b"]]'],
  ['a string', '"a"'],
  ['a number', '1'],
  ['true', 'true'],
  ['a number as value', '{"a":1}'],
  ['null as value', '{"a":null}'],
  ['a boolean as value', '{"a":false}'],
  ['an object as value', '{"a":{"b":"c"}}'],
  ['an array as value', '{"scope":["a","b"]}'],
  ['an array of one as value', '{"password":["x"]}'],
  ['a number in resource', '{"resource":[1]}'],
  ['null in resource', '{"resource":["x",null]}'],
  ['an array in resource', '{"resource":[["x"]]}'],
  ['an object in audience', '{"audience":[{"a":"b"}]}'],
  ['an object as audience', '{"audience":{"0":"a"}}'],
  ['an object as __proto__', '{"__proto__":{"client_id":"x"}}'],
  ['a lone surrogate in escapes', '{"a":"\\ud83d"}'],
  ['surrogates in the wrong order', '{"a":"\\udd11\\ud83d"}'],
  ['a lone surrogate in resource', '{"resource":["\\ud83d"]}'],
];

t.test('anything but a flat object of well-formed strings is malformed', async (t) => {
  for (const [sentence, body] of MALFORMED) {
    t.strictSame(parseJson(body), refuse({ reason: 'body_malformed' }), sentence);
  }
});

t.test('a lone surrogate in a name is malformed as it is in a value', async (t) => {
  t.strictSame(parseJson('{"\\ud83d":"a"}'), refuse({ reason: 'body_malformed' }));
});

const REPEATED: readonly [sentence: string, body: string][] = [
  ['another value', '{"a":"1","a":"2"}'],
  ['the same value', '{"a":"1","a":"1"}'],
  ['an empty value', '{"a":"","a":"1"}'],
  ['the first with a value of another type', '{"a":1,"a":"x"}'],
  ['the first with an object', '{"a":{"b":"c"},"a":"x"}'],
  ['one name in escapes', '{"\\u0061":"1","a":"2"}'],
  ['a slash in an escape', '{"a/b":"1","a\\/b":"2"}'],
  ['white space before the colon', '{"a" :"1","a"\n:"2"}'],
  ['far apart', '{"a":"1","b":"2","c":"3","a":"4"}'],
  ['after a value full of quotation marks', '{"a":"\\"\\\\","a":"\\":"}'],
  ['after a name that begins with a colon', '{"b":"1",":x":"2","a":"3","a":"4"}'],
  ['resource, which may be an array but not twice', '{"resource":"x","resource":"y"}'],
  ['an empty name', '{"":"1","":"2"}'],
  ['__proto__', '{"__proto__":"1","__proto__":"2"}'],
];

t.test('a name that stands twice is refused, however it is spelt (RFC 8259 §4, RFC 6749 §3.2)', async (t) => {
  for (const [sentence, body] of REPEATED) {
    t.strictSame(parseJson(body), refuse({ reason: 'parameter_repeated' }), sentence);
  }
});

/** Strings that try hard to confuse whoever looks for names in JSON text. */
const tricky = fc.string({
  unit: fc.constantFrom('"', ':', '\\', ',', ' ', '{', '}', '[', ']', 'a', 'é'),
  maxLength: 5,
});

t.test('whatever names and values are: an object is refused if and only if a name stands twice', async () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(tricky, tricky), { maxLength: 5 }), (members) => {
      const text = members.map(([name, value]) => `${JSON.stringify(name)} : ${JSON.stringify(value)}`).join(',');
      const distinct = new Set(members.map(([name]) => name)).size === members.length;
      return parseJson(`{${text}}`).ok === distinct;
    }),
    { numRuns: 2000 },
  );
});

t.test('whatever the audiences are: all of them are read', async () => {
  fc.assert(
    fc.property(fc.array(tricky, { maxLength: 4 }), (audiences) => {
      const pairs: Pair[] = audiences.map((audience) => ['audience', audience]);
      return isDeepStrictEqual(parseJson(JSON.stringify({ audience: audiences })), ok(pairs));
    }),
  );
});
