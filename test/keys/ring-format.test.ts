import t from 'tap';
import { formatRing, parseRing } from '../../src/keys/ring-format.js';
import { START } from '../helper.js';
import { aRing, aRotatingRing, somePairs } from './support.js';

t.test('a ring is read as it was written', async (t) => {
  const ring = await aRotatingRing();
  const [key] = ring.keys;
  if (key === undefined) throw new Error('no key');
  const timed = {
    keys: [...ring.keys.slice(1), { ...key, publishedAt: START + 1, revokedAt: START + 2 }],
    timings: ring.timings.flatMap((timing) => [timing, { ...timing, jwksMaxAgeSeconds: 0, since: START + 123 }]),
  };
  for (const one of [await aRing(), ring, timed]) t.strictSame(parseRing(formatRing(one)), one);
});

t.test('the file is for people: indented, a format name, times in RFC 3339', async (t) => {
  const text = formatRing(await aRing());
  t.match(text, /^\{\n {2}"format": "mintd-key-ring\/1",\n/);
  t.match(text, /"publishedAt": "2026-01-01T00:00:00\.000Z"/);
  t.ok(text.endsWith('}\n'));
});

t.test('nothing but the public members of a key is written', async (t) => {
  const ring = await aRing();
  const careless = { ...ring, keys: ring.keys.map((key) => ({ ...key, d: 'x', jwk: { ...key.jwk, d: 'x', p: 'x' } })) };
  t.equal(formatRing(careless), formatRing(ring));
});

t.test('a ring that was cut anywhere is refused', async (t) => {
  const text = formatRing(await aRing());
  for (let length = 0; length < text.length - 2; length += 7) {
    t.throws(() => parseRing(text.slice(0, length)), { message: /^it is not JSON: it may have been cut or edited$/ });
  }
});

t.test('a ring that was edited is refused, with the place', async (t) => {
  const text = formatRing(await aRing());
  const [{ key }, standby] = await somePairs();
  const edits: readonly (readonly [name: string, edited: string, message: RegExp])[] = [
    ['empty', '', /^it is not JSON/],
    ['null', 'null', /^it is not a key ring: /],
    ['another format', text.replace('ring/1', 'ring/2'), /^it is not a key ring: format: /],
    ['no format', text.replace('"format": "mintd-key-ring/1",', ''), /^it is not a key ring: format: /],
    ['an extra member', text.replace('{\n', '{"comment": "",\n'), /^it is not a key ring: .*comment/],
    ['a private member', text.replace('"kty"', '"d": "x", "kty"'), /^it is not a key ring: keys\.0\.jwk: .*"d"/],
    ['an extra member of a key', text.replace('"kid"', '"alg": "x", "kid"'), /keys\.0: .*"alg"/],
    ['an extra member of a timing', text.replace('"since"', '"x": 1, "since"'), /timings\.0: .*"x"/],
    ['a kid too short', text.replace(key.kid, key.kid.slice(1)), /^the kid [\w-]{42} is no thumbprint$/],
    [
      'a kid that is a path',
      text.replace(key.kid, `../${key.kid.slice(3)}`),
      /^the kid \.\.\/[\w-]{40} is no thumbprint$/,
    ],
    ['a kid twice', text.replace(standby.key.kid, key.kid), /^a kid stands in it twice$/],
    [
      'two keys for one moment',
      text.replace('"activatesAt": null', `"activatesAt": "2026-01-01T00:00:00.000Z"`),
      /same moment/,
    ],
    ['another kty', text.replace('"RSA"', '"EC"'), /keys\.0\.jwk\.kty: /],
    ['no n', text.replace('"n"', '"m"'), /keys\.0\.jwk/],
    ['a time without a zone', text.replace('00.000Z', '00.000'), /keys\.0\.publishedAt: /],
    ['a day that is not', text.replace('2026-01-01T', '2026-02-30T'), /keys\.0\.publishedAt: /],
    ['a time as a number', text.replace('"2026-01-01T00:00:00.000Z"', '0'), /keys\.0\.publishedAt: /],
    ['a negative duration', text.replace(': 300', ': -300'), /timings\.0\.jwksMaxAgeSeconds: /],
    ['a fraction', text.replace(': 300', ': 300.5'), /timings\.0\.jwksMaxAgeSeconds: /],
    ['no keys', JSON.stringify({ ...JSON.parse(text), keys: [] }), /^it is not a key ring: keys: /],
    ['no timings', JSON.stringify({ ...JSON.parse(text), timings: [] }), /^it is not a key ring: timings: /],
  ];
  for (const [name, edited, message] of edits) {
    t.not(edited, text, `${name}: it was edited`);
    t.throws(() => parseRing(edited), { message }, name);
    t.throws(() => parseRing(edited), { message: /^[^\n]+$/ }, `${name}: one line`);
  }
});

t.test('timings out of order are refused: removal times rest on their order', async (t) => {
  const ring = await aRing();
  const timings = ring.timings.flatMap((timing) => [timing, { ...timing, since: START - 1 }]);
  t.throws(() => parseRing(formatRing({ ...ring, timings })));
});
