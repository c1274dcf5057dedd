import type { Logger } from 'pino';
import type { Config } from './config.js';
import { type Meter, openMeter } from './http/metrics/meter.js';
import { record } from './http/record.js';
import { importOptional } from './optional-package.js';
import type { PasswordObserver } from './passwords/observer.js';
import { providerOf } from './store/database.js';
import type { StatementObserver } from './store/observer.js';
import type { Tracing } from './tracing.js';

/** Who counts and who traces, and what they are both told of. */
export type Observers = {
  readonly meter: Meter;
  readonly tracing: Tracing | null;
  readonly statement: StatementObserver;
  readonly password: PasswordObserver;
};

/** Begins to count, and to trace where that is wanted. */
export async function openObservers(config: Config, logger: Logger, version: string): Promise<Observers> {
  const meter = openMeter({ version, isWholeProcess: true });
  if (!config.isTraced) return { meter, tracing: null, statement: meter.statement, password: meter.password };
  const tracing = await openTracing(config, logger, version);
  return {
    meter,
    tracing,
    statement(observation) {
      meter.statement(observation);
      tracing.statement(observation);
    },
    password(phase, ms) {
      meter.password(phase, ms);
      tracing.password(phase, ms);
    },
  };
}

/** What src/tracing.ts imports: few installations want it, and it is large. */
const TRACING_PACKAGES = [
  '@fastify/otel',
  '@opentelemetry/api',
  '@opentelemetry/exporter-trace-otlp-proto',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace-node',
] as const;

async function openTracing({ DATABASE_URL }: Config, logger: Logger, version: string): Promise<Tracing> {
  const { module, missing } = await importOptional(TRACING_PACKAGES, () => import('./tracing.js'));
  if (module === undefined) {
    throw new Error(
      `OpenTelemetry's variables ask for traces (OTEL_SDK_DISABLED=true: none), and what sends them is ${missing.sentence}`,
    );
  }
  const databaseSystem = providerOf(DATABASE_URL) === 'sqlite' ? 'sqlite' : 'postgresql';
  const notSent = (err: unknown) => record(logger, { event: 'traces_not_sent', err });
  return module.startTracing({ version, databaseSystem }, { notSent });
}
