import t from 'tap';
import { grosslyWorse } from '../../bench/check.js';
import type { Measured } from '../../bench/measure.js';
import { compare, isReached, spread, type Verdict } from '../../bench/results.js';
import type { Row } from '../../bench/rows.js';
import { median, quantile, slope } from '../../bench/statistics.js';

const measured = (perSecond: number, cpuMsPerRequest = 1): Measured => ({
  groups: [{ kind: 'refresh', clients: 8, perSecond, p50Ms: 1, p99Ms: 2, errors: 0, lastError: null }],
  cpuMsPerRequest,
  serverCores: 1,
  rssMib: 100,
  loaderCores: 0,
  foreignCores: 0,
  signaturesPerSecond: 1000,
});

const ROW: Row = {
  id: 'row',
  sides: { floor: { subject: 'floor', visitors: [] }, mintd: { subject: 'mintd', visitors: [] } },
  comparisons: [
    { what: 'rate', metric: 'perSecond', of: ['mintd', 0], to: ['floor', 0], atLeast: 0.75 },
    { what: 'CPU', metric: 'cpuMsPerRequest', of: ['mintd', 0], to: ['floor', 0], atMost: 1.35 },
    { what: 'PostgreSQL', metric: 'perSecond', of: ['mintd on PostgreSQL', 0], to: ['floor', 0], atLeast: 0.55 },
  ],
};

t.test('each ratio is of one repetition, however much faster the machine is in the next', async (t) => {
  const sides = { floor: [measured(1000, 1), measured(500, 2)], mintd: [measured(800, 1.5), measured(400, 2)] };
  t.strictSame(compare(ROW, sides), [
    { row: 'row', what: 'rate', unit: '', atLeast: 0.75, values: [0.8, 0.8] },
    { row: 'row', what: 'CPU', unit: '', atMost: 1.35, values: [1.5, 1] },
  ]);
});

t.test('a target is reached by the median, and never by nothing', async (t) => {
  const verdict = (values: number[], target: Partial<Verdict>): Verdict => ({
    row: '',
    what: '',
    unit: '',
    ...target,
    values,
  });
  for (const [values, target, reached] of [
    [[0.5, 0.75, 0.9], { atLeast: 0.75 }, true],
    [[0.5, 0.74, 0.9], { atLeast: 0.75 }, false],
    [[1, 1.35, 9], { atMost: 1.35 }, true],
    [[1, 1.36, 1.37], { atMost: 1.35 }, false],
    [[], { atLeast: 0.75 }, false],
    [[Number.NaN], { atMost: 1.35 }, false],
  ] as const)
    t.equal(isReached(verdict([...values], target)), reached, JSON.stringify([values, target]));
});

t.test('only a rate below half of what it was is grossly worse', async (t) => {
  const verdict = (what: string, value: number, target: Partial<Verdict> = { atLeast: 0.75 }): Verdict => {
    return { row: 'row', what, unit: '', ...target, values: [value] };
  };
  const before = [verdict('rate', 0.8), verdict('p99', 1, { atMost: 3 })];
  const worse = (...now: Verdict[]) => grosslyWorse(now, before).map(({ what }) => what);
  t.strictSame(worse(verdict('rate', 0.4), verdict('p99', 0.1, { atMost: 3 })), []);
  t.strictSame(worse(verdict('rate', 0.39)), ['rate']);
  t.strictSame(worse(verdict('rate', Number.NaN)), ['rate']);
  t.throws(() => worse(verdict('another', 1)), { message: /no "another": run all of npm run bench again/ });
});

t.test('the median, quantiles, the spread and the slope', async (t) => {
  t.equal(median([3, 1, 2]), 2);
  t.equal(median([4, 1, 2, 3]), 2.5);
  t.ok(Number.isNaN(median([])));
  t.equal(quantile([5, 1, 4, 2, 3], 0.5), 3);
  t.equal(quantile([1, 2, 3], 1), 3);
  t.equal(spread([0.5, 1, 0.25]), '0.500 (0.250..1.00)');
  t.equal(spread([123.4]), '123');
  t.equal(slope([0, 1, 2], [10, 12, 14]), 2);
  t.equal(slope([0, 1, 2, 3], [5, 5, 5, 5]), 0);
});
