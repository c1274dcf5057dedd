import type { Started, Visitors } from './measure.js';
import { compare, type Results, type Verdict } from './results.js';
import type { Comparison, Metric, Row } from './rows.js';
import type { Kind } from './visitors.js';

type Target = Pick<Comparison, 'atLeast' | 'atMost'>;

const METRICS: Readonly<Record<Metric, string>> = {
  perSecond: 'rate',
  cpuMsPerRequest: 'CPU a request',
  p99Ms: 'p99',
};

/** A row of two: today's build and the baseline, with the same visitors. Targets are for today's by the baseline's. */
function baselineRow(
  id: string,
  what: string,
  [kind, clients]: readonly [Kind, number],
  database: '' | ' on PostgreSQL' = '',
  targets: Readonly<Partial<Record<Metric, Target>>> = {},
): Row {
  const visitors: Visitors[] = [{ kind, clients }];
  const comparisons = (Object.keys(METRICS) as Metric[]).map((metric): Comparison => {
    const sides = { of: ['today', 0], to: ['baseline', 0] } as const;
    return { what: `${what}: ${METRICS[metric]}`, metric, ...sides, ...targets[metric] };
  });
  return {
    id: `baseline-${id}`,
    sides: {
      today: { subject: `today${database}`, visitors },
      baseline: { subject: `baseline${database}`, visitors },
    },
    comparisons,
  };
}

/** What is measured in stretches beside the baseline. On SQLite, unless it says otherwise. */
export const BASELINE_ROWS: readonly Row[] = [
  baselineRow('refresh-8', 'refresh, 8 clients', ['refresh', 8]),
  baselineRow('refresh-32', 'refresh, 32 clients', ['refresh', 32]),
  baselineRow('refresh-32-postgres', 'refresh, 32 clients, PostgreSQL', ['refresh', 32], ' on PostgreSQL', {
    cpuMsPerRequest: { atMost: 0.75 },
  }),
  baselineRow('client', 'client_credentials, 8 clients', ['client', 8]),
  baselineRow('jwks', 'JWKS, 8 clients', ['jwks', 8]),
  baselineRow('password', 'password, 8 clients', ['password', 8]),
];

/** Memory under load is that of these rows; the other one starts both builds again and again. */
export const BASELINE_MEMORY = 'baseline-memory';
export const BASELINE_START = 'baseline-start';
export const BASELINE_IDS: readonly string[] = [...BASELINE_ROWS.map(({ id }) => id), BASELINE_MEMORY, BASELINE_START];

/** Today's start and the baseline's, one right after the other. */
export type StartPair = Readonly<Record<'today' | 'baseline', Started>>;

/** The most memory that a build on SQLite took in each repetition of these rows. */
function mostRssMib(stretches: Results['stretches'], side: 'today' | 'baseline'): number[] {
  const onSqlite = BASELINE_ROWS.filter(({ sides }) => sides[side]?.subject === side);
  const measured = onSqlite.map(({ id }) => stretches[id]?.[side] ?? []);
  const repetitions = Math.max(...measured.map(({ length }) => length));
  return Array.from({ length: repetitions }, (_, i) => Math.max(...measured.map((all) => all[i]?.rssMib ?? 0)));
}

/** Every ratio of today's build to the baseline, each within one repetition or one pair of starts. */
export function besideBaseline(stretches: Results['stretches'], starts: readonly StartPair[]): Verdict[] {
  const rows = BASELINE_ROWS.flatMap((row) => compare(row, stretches[row.id] ?? {}));
  const ofBaseline = mostRssMib(stretches, 'baseline');
  const memory = mostRssMib(stretches, 'today').map((ofToday, i) => ofToday / (ofBaseline[i] ?? Number.NaN));
  const verdict = (row: string, what: string, target: Target, values: readonly number[]): Verdict[] =>
    values.length === 0 ? [] : [{ row, what, unit: '', ...target, values }];
  const ofStarts = (metric: 'ms' | 'idleRssMib') =>
    starts.map(({ today, baseline }) => today[metric] / baseline[metric]);
  return [
    ...rows,
    ...verdict(BASELINE_MEMORY, 'memory (RSS) under all this load', {}, memory),
    ...verdict(BASELINE_START, 'memory (RSS), idle', { atMost: 0.8 }, ofStarts('idleRssMib')),
    ...verdict(BASELINE_START, 'start: listening, with an existing database', { atMost: 0.65 }, ofStarts('ms')),
  ];
}
