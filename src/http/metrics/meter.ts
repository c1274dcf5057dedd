import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { EpochMs } from '../../oauth/time.js';
import type { PasswordObserver } from '../../passwords/observer.js';
import type { StatementObserver } from '../../store/observer.js';
import { type RequestCounter, requestCounter } from './requests.js';

/** What is counted while things happen; all of it costs microseconds. What only has to be looked at, src/http/metrics/endpoint.ts looks at. */
export type Meter = {
  readonly registry: Registry;
  readonly requests: RequestCounter;
  readonly statement: StatementObserver;
  readonly password: PasswordObserver;
  readonly familiesCounted: (alive: number, at: EpochMs) => void;
};

export type MeterOptions = {
  /** Of the program. */
  readonly version: string;
  /** Whether this process is the server's own: then its memory, processor and event loop are told of as well. */
  readonly isWholeProcess: boolean;
};

/** From 0.2 ms: most statements are done by then on SQLite. To 2.5 s: with what waits before them, few take longer. */
const STATEMENT_BUCKETS = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 2.5];
const PASSWORD_BUCKETS = [0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const EVENT_LOOP_RESOLUTION_MS = 20;

/** Begins to count, at zero. */
export function openMeter({ version, isWholeProcess }: MeterOptions): Meter {
  const registry = new Registry();
  const registers = [registry];
  new Gauge({
    name: 'mintd_build_info',
    help: '1; the labels say which version this is, and of Node.',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version, node: process.version }, 1);
  if (isWholeProcess) {
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: EVENT_LOOP_RESOLUTION_MS });
  }
  return {
    registry,
    requests: requestCounter(registry),
    statement: statementCounter(registry),
    password: passwordCounter(registry),
    familiesCounted: familiesGauge(registry),
  };
}

function statementCounter(registry: Registry): StatementObserver {
  const registers = [registry];
  const duration = new Histogram({
    name: 'mintd_database_statement_duration_seconds',
    help: 'How long statements took, with the waiting for a connection and for other writers.',
    buckets: STATEMENT_BUCKETS,
    registers,
  });
  const errors = new Counter({
    name: 'mintd_database_errors_total',
    help: 'What went wrong with statements: busy_retried (begun again), unavailable (given up, a 503), failed (a bug).',
    labelNames: ['kind'],
    registers,
  });
  for (const kind of ['busy_retried', 'unavailable', 'failed']) errors.inc({ kind }, 0);
  return ({ ms, outcome, retries }) => {
    duration.observe(ms / 1000);
    if (retries > 0) errors.inc({ kind: 'busy_retried' }, retries);
    if (outcome === 'unavailable' || outcome === 'failed') errors.inc({ kind: outcome });
  };
}

function passwordCounter(registry: Registry): PasswordObserver {
  const duration = new Histogram({
    name: 'mintd_password_duration_seconds',
    help: 'How long a password took: wait (for a turn, also in vain), hash (a new one), verify.',
    labelNames: ['phase'],
    buckets: PASSWORD_BUCKETS,
    registers: [registry],
  });
  for (const phase of ['wait', 'hash', 'verify']) duration.zero({ phase });
  return (phase, ms) => duration.observe({ phase }, ms / 1000);
}

function familiesGauge(registry: Registry): Meter['familiesCounted'] {
  const registers = [registry];
  const alive = new Gauge({
    name: 'mintd_families_alive',
    help: 'Logins that can be refreshed, of all servers on the database. Counted in the background: a minute old, with a million logins four. Those that ended with their user or client count until they expire.',
    registers,
  });
  const countedAt = new Gauge({
    name: 'mintd_families_counted_timestamp_seconds',
    help: 'When they were counted.',
    registers,
  });
  // Nothing counted yet is no sample: 0 would be taken for a measurement.
  alive.remove();
  countedAt.remove();
  return (count, at) => {
    alive.set(count);
    countedAt.set(at / 1000);
  };
}
