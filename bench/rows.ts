import type { Visitors } from './measure.js';
import type { SubjectName } from './subjects.js';

/** What is compared: rate, the time in which 99 of 100 were answered, or processor time a request. */
export type Metric = 'perSecond' | 'p99Ms' | 'cpuMsPerRequest';

/** One of the stretches that are compared. */
export type Side = { readonly subject: SubjectName; readonly visitors: readonly Visitors[] };

/** A ratio of two sides, and what it should be. */
export type Comparison = {
  readonly what: string;
  readonly metric: Metric;
  readonly of: readonly [side: string, group: number];
  readonly to: readonly [side: string, group: number];
  readonly atLeast?: number;
  readonly atMost?: number;
};

/** Stretches that come right after one another in each repetition, so that they can be compared. */
export type Row = {
  readonly id: string;
  readonly sides: Readonly<Record<string, Side>>;
  readonly comparisons: readonly Comparison[];
};

const refreshing = (clients: number): Visitors[] => [{ kind: 'refresh', clients }];
const loggingIn = (clients: number): Visitors[] => [{ kind: 'password', clients }];

function refreshRow(clients: number): Row {
  const what = `refresh, ${clients} clients`;
  const visitors = refreshing(clients);
  const toFloor = { of: ['mintd', 0], to: ['floor', 0] } as const;
  return {
    id: `refresh-${clients}`,
    sides: {
      floor: { subject: 'floor', visitors },
      mintd: { subject: 'mintd', visitors },
      'mintd on PostgreSQL': { subject: 'mintd on PostgreSQL', visitors },
    },
    comparisons: [
      { what: `${what}: rate to the floor's`, metric: 'perSecond', ...toFloor, atLeast: 0.75 },
      { what: `${what}: CPU a request to the floor's`, metric: 'cpuMsPerRequest', ...toFloor, atMost: 1.35 },
      {
        what: `${what}, PostgreSQL: rate to the floor's`,
        metric: 'perSecond',
        of: ['mintd on PostgreSQL', 0],
        to: ['floor', 0],
        atLeast: 0.55,
      },
    ],
  };
}

/** A row of two: mintd, and what does nothing but this. */
function simpleRow(id: string, subject: SubjectName, visitors: Visitors[], what: string, atLeast: number): Row {
  const of = ['mintd', 0] as const;
  return {
    id,
    sides: { [subject]: { subject, visitors }, mintd: { subject: 'mintd', visitors } },
    comparisons: [{ what, metric: 'perSecond', of, to: [subject, 0], atLeast }],
  };
}

const MIXED: Row = {
  id: 'mixed',
  sides: {
    '4 refresh alone': { subject: 'mintd', visitors: refreshing(4) },
    '16 log in alone': { subject: 'mintd', visitors: loggingIn(16) },
    'both at once': { subject: 'mintd', visitors: [...refreshing(4), ...loggingIn(16)] },
  },
  comparisons: [
    {
      what: '4 refresh beside 16 who log in: p99 to alone',
      metric: 'p99Ms',
      of: ['both at once', 0],
      to: ['4 refresh alone', 0],
      atMost: 3,
    },
    {
      what: '4 refresh beside 16 who log in: rate to alone',
      metric: 'perSecond',
      of: ['both at once', 0],
      to: ['4 refresh alone', 0],
      atLeast: 0.6,
    },
    {
      what: '16 log in beside 4 who refresh: rate to alone',
      metric: 'perSecond',
      of: ['both at once', 1],
      to: ['16 log in alone', 0],
      atLeast: 0.6,
    },
  ],
};

const clients: Visitors[] = [{ kind: 'client', clients: 8 }];
const verifiers: Visitors[] = [{ kind: 'jwks', clients: 8 }];

/** Everything that is measured in stretches. On SQLite, unless it says otherwise. */
export const ROWS: readonly Row[] = [
  refreshRow(8),
  refreshRow(32),
  simpleRow('client', 'floor', clients, "client_credentials, 8 clients: rate to the floor's", 0.85),
  simpleRow('jwks', 'bare JWKS', verifiers, 'JWKS, 8 clients: rate to a bare server with the same bytes', 0.8),
  simpleRow('password', 'bare bcrypt', loggingIn(8), 'password, 8 clients: rate to that of bare bcrypt', 0.9),
  MIXED,
];

/** Beside them, each measured in its own way. */
export const FAMILIES = 'families';
export const START = 'start';
export const MEMORY = 'memory';
export const ROW_IDS: readonly string[] = [...ROWS.map(({ id }) => id), FAMILIES, START, MEMORY];
