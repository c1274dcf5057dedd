import t from 'tap';
import { BASELINE_IDS, BASELINE_ROWS, besideBaseline } from '../../bench/baseline-rows.js';
import { CHECKED_ROWS } from '../../bench/check.js';
import type { Measured, Started } from '../../bench/measure.js';
import { readOptions, versionOfNode } from '../../bench/options.js';
import { isReached, verdictRows } from '../../bench/results.js';
import { FAMILIES, ROW_IDS } from '../../bench/rows.js';

const measured = (perSecond: number, cpuMsPerRequest: number, p99Ms: number, rssMib: number): Measured => ({
  groups: [{ kind: 'refresh', clients: 8, perSecond, p50Ms: 1, p99Ms, errors: 0, lastError: null }],
  cpuMsPerRequest,
  serverCores: 1,
  rssMib,
  loaderCores: 0,
  foreignCores: 0,
  signaturesPerSecond: 1000,
});

const started = (ms: number, idleRssMib: number): Started => ({ ms, idleRssMib, foreignCores: 0 });

t.test("each ratio is today's by the baseline's, within one repetition", async (t) => {
  const stretches = {
    'baseline-refresh-8': {
      today: [measured(300, 1, 2, 90), measured(100, 3, 8, 90)],
      baseline: [measured(200, 2, 4, 50), measured(100, 3, 4, 60)],
    },
    // The PostgreSQL processes count here, so this is not the memory of mintd.
    'baseline-refresh-32-postgres': { today: [measured(1, 3, 1, 900)], baseline: [measured(1, 4, 1, 100)] },
    'baseline-client': {
      today: [measured(1, 1, 1, 80), measured(1, 1, 1, 30)],
      baseline: [measured(2, 1, 1, 100), measured(4, 1, 1, 40)],
    },
  };
  const verdicts = besideBaseline(stretches, [
    { today: started(600, 80), baseline: started(1000, 100) },
    { today: started(700, 75), baseline: started(1000, 100) },
  ]);
  const valuesOf = (what: string) => verdicts.find((verdict) => verdict.what === what)?.values;
  t.strictSame(valuesOf('refresh, 8 clients: rate'), [1.5, 1]);
  t.strictSame(valuesOf('refresh, 8 clients: CPU a request'), [0.5, 1]);
  t.strictSame(valuesOf('refresh, 8 clients: p99'), [0.5, 2]);
  t.strictSame(valuesOf('client_credentials, 8 clients: rate'), [0.5, 0.25]);
  t.strictSame(valuesOf('memory (RSS) under all this load'), [0.9, 1.5], 'the most of any row on SQLite');
  t.strictSame(valuesOf('memory (RSS), idle'), [0.8, 0.75]);
  t.strictSame(valuesOf('start: listening, with an existing database'), [0.6, 0.7]);
  const targets = verdicts.filter(({ atLeast, atMost }) => atLeast !== undefined || atMost !== undefined);
  t.strictSame(
    targets.map(({ what, atMost }) => [what, atMost]),
    [
      ['refresh, 32 clients, PostgreSQL: CPU a request', 0.75],
      ['memory (RSS), idle', 0.8],
      ['start: listening, with an existing database', 0.65],
    ],
  );
  t.strictSame(targets.map(isReached), [true, true, true]);
});

t.test('what was not measured has no ratio, and what has no target is neither reached nor missed', async (t) => {
  t.strictSame(besideBaseline({}, []), []);
  const [shown] = verdictRows([{ row: '', what: 'rate', unit: '', values: [1.5] }]);
  t.strictSame(shown, { what: 'rate', target: '–', measured: '1.50', reached: '–' });
});

t.test('the two sides of a row differ in nothing but the build', async (t) => {
  for (const { id, sides } of BASELINE_ROWS) {
    const { today, baseline } = sides;
    t.strictSame(Object.keys(sides), ['today', 'baseline'], id);
    t.strictSame(today?.visitors, baseline?.visitors, id);
    t.equal(today?.subject.replace('today', 'baseline'), baseline?.subject, id);
  }
});

t.test('the whole run has the rows beside the baseline; short ones, which need no compiler, have not', async (t) => {
  const rows = (...args: string[]) => readOptions(args).rows;
  t.strictSame(rows(), [...ROW_IDS, ...BASELINE_IDS]);
  t.strictSame(rows('--baseline'), BASELINE_IDS);
  t.strictSame(rows('--no-baseline'), ROW_IDS);
  t.strictSame(
    rows('--quick'),
    ROW_IDS.filter((id) => id !== FAMILIES),
  );
  t.strictSame(rows('--check'), CHECKED_ROWS);
  t.strictSame(rows('--check', '--baseline'), CHECKED_ROWS);
  t.strictSame(rows('--rows', 'jwks,baseline-jwks'), ['jwks', 'baseline-jwks']);
  t.throws(() => rows('--rows', 'jwks,base'), { message: /^no such row: base; there are refresh-8, .*baseline-jwks/ });
});

t.test('--node names a program that says its version', async (t) => {
  t.equal(versionOfNode(process.execPath), process.version);
  t.throws(() => versionOfNode('/no/such/node'), { message: '--node: /no/such/node is not a Node that runs here' });
});
