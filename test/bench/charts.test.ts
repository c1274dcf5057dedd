import t from 'tap';
import { peersChart, ratiosChart } from '../../bench/charts.js';
import type { Measured } from '../../bench/measure.js';
import type { PeerResults } from '../../bench/peer-results.js';
import type { Results, Verdict } from '../../bench/results.js';

type Drawn = { readonly name: string; readonly text: string; readonly of: Readonly<Record<string, string>> };

/** The elements of a picture in their order, with the values of their attributes. */
function elements(svg: string): Drawn[] {
  const found = svg.matchAll(/<(\w+)((?: [\w-]+="[^"]*")*)(?:\/>|>([^<]*))/g);
  return [...found].map(([, name = '', attributes = '', text = '']) => {
    const pairs = [...attributes.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, key, value]) => [key, value]);
    return { name, text, of: Object.fromEntries(pairs) };
  });
}

const ofClass = (drawn: readonly Drawn[], name: string) => drawn.filter(({ of }) => of['class'] === name);
const textOf = (drawn: readonly Drawn[], text: string) => drawn.find((one) => one.text === text)?.of ?? {};
const number = (text: string | undefined) => Number(text ?? Number.NaN);

const VERDICTS: readonly Verdict[] = [
  { row: 'a', what: 'rate to <floor> & "co"', unit: '', atLeast: 0.75, values: [0.5, 0.4, 0.9] },
  { row: 'b', what: 'p99 to alone', unit: '', atMost: 2, values: [1.5, 1, 1.25] },
  { row: 'c', what: 'memory', unit: 'MiB', atMost: 150, values: [100] },
];
const conditions = {} as Results['conditions'];
const results: Results = { conditions, seconds: 1, repetitions: 3, verdicts: VERDICTS, stretches: {} };

t.test('a bar ends at its median, its line goes from least to most, its mark is at the target', async (t) => {
  const drawn = elements(ratiosChart(results));
  // The axis, by two of its ticks: where 0 is, and how wide 1 is.
  const zero = number(textOf(drawn, '0')['x']);
  const one = number(textOf(drawn, '1')['x']) - zero;
  const ratioAt = (x: string | undefined) => Number(((number(x) - zero) / one).toFixed(3));
  t.strictSame(
    ofClass(drawn, 'bar').map(({ of }) => [number(of['x']), Number((number(of['width']) / one).toFixed(3))]),
    [
      [zero, 0.5],
      [zero, 1.25],
    ],
    'a ratio each, from 0 to the median; MiB are no ratio',
  );
  const ends = (name: string) => ofClass(drawn, name).map(({ of }) => [ratioAt(of['x1']), ratioAt(of['x2'])]);
  t.strictSame(ends('spread'), [
    [0.4, 0.9],
    [1, 1.5],
  ]);
  t.strictSame(ends('target'), [
    [0.75, 0.75],
    [2, 2],
  ]);
});

t.test('a missed target has another colour, and each line says its name and its numbers', async (t) => {
  const svg = ratiosChart(results);
  const drawn = elements(svg);
  const [missed, reached] = ofClass(drawn, 'bar').map(({ of }) => of['fill']);
  t.not(missed, reached);
  const middles = ofClass(drawn, 'bar').map(({ of }) => number(of['y']) + number(of['height']) / 2);
  for (const [name, numbers, line] of [
    ['rate to &lt;floor&gt; &amp; &quot;co&quot;', '0.500 (≥ 0.75, missed)', 0],
    ['p99 to alone', '1.25 (≤ 2)', 1],
  ] as const) {
    const [left, right] = [textOf(drawn, name), textOf(drawn, numbers)];
    for (const { y } of [left, right])
      t.ok(Math.abs(number(y) - (middles[line] ?? 0)) < 6, `${name} is beside its bar`);
    t.ok(number(right['x']) > number(ofClass(drawn, 'target')[line]?.of['x1']), 'nothing lies on the numbers');
    t.ok(number(right['x']) > number(ofClass(drawn, 'spread')[line]?.of['x2']), 'nothing lies on the numbers');
  }
  t.equal(ratiosChart(results), svg, 'the same results give the same bytes');
});

const measured = (...rates: readonly number[]): Measured => ({
  groups: rates.map((perSecond, i) => {
    const kind = i === 0 ? ('refresh' as const) : ('password' as const);
    return { kind, clients: 4, perSecond, p50Ms: 1, p99Ms: 2, errors: 0, lastError: null };
  }),
  cpuMsPerRequest: 1,
  serverCores: 1,
  rssMib: 100,
  loaderCores: 0,
  foreignCores: 0,
  signaturesPerSecond: 1000,
});

t.test('beside peers each group has a panel, and each server a bar as high as its median', async (t) => {
  const peers: PeerResults = {
    conditions,
    seconds: 1,
    repetitions: 3,
    servers: ['mintd', '<other>'].map((name) => ({ name, notes: '' })),
    stretches: {
      refresh: { mintd: [measured(800), measured(100), measured(400)], '<other>': [measured(100)] },
      mixed: { mintd: [measured(10, 30)], '<other>': [measured(20, 60)] },
    },
  };
  const drawn = elements(peersChart(peers));
  const bars = ofClass(drawn, 'bar').map(({ of }) => ({ ...of, height: number(of['height']) }));
  t.equal(bars.length, 6);
  const ratios = [0, 2, 4].map((i) => Number(((bars[i]?.height ?? 0) / (bars[i + 1]?.height ?? 0)).toFixed(2)));
  t.strictSame(ratios, [4, 0.5, 0.5]);
  const texts = drawn.filter(({ name }) => name === 'text').map(({ text }) => text);
  t.strictSame(texts, [
    'Requests a second',
    ...['4 refresh', '400', 'mintd', '100', '&lt;other&gt;'],
    ...['4 refresh, both at once', '10.0', 'mintd', '20.0', '&lt;other&gt;'],
    ...['4 password, both at once', '30.0', 'mintd', '60.0', '&lt;other&gt;'],
  ]);
  for (const [bar, text] of [
    [0, '400'],
    [1, '100'],
    [5, '60.0'],
  ] as const) {
    const { x, width, y } = bars[bar] as Readonly<Record<string, string | number>>;
    const label = textOf(drawn, text);
    t.equal(number(label['x']), Number(x) + Number(width) / 2, `${text} is over the middle of its bar`);
    t.ok(number(label['y']) < Number(y), `${text} is above its bar`);
  }
});
