import type { Logger } from 'pino';
import { type CountReport, startFamilyCount } from './family-count.js';
import type { Meter } from './http/metrics/meter.js';
import { record } from './http/record.js';
import type { EventName } from './oauth/events.js';
import type { EpochMs } from './oauth/time.js';
import { type Expiring, type RemovalLog, startRemoval } from './removal.js';
import type { Database } from './store/database.js';
import { openFamilyCount } from './store/family-count.js';

/** What the background works on, and whom it tells. */
export type BackgroundDeps = {
  readonly database: Database;
  readonly sessions: Expiring;
  readonly usedAssertions: Expiring;
  readonly failures: Expiring;
  readonly logger: Logger;
  readonly meter: Pick<Meter, 'familiesCounted'>;
  readonly clock: () => EpochMs;
};

/** What a server does that nobody asked for: deletes what is over, and counts what is not. */
export function startBackground({ logger, clock, ...deps }: BackgroundDeps): { stop(): Promise<unknown> } {
  const { database, sessions, usedAssertions, failures, meter } = deps;
  const running = [
    startRemoval(sessions, removalLog(logger), clock),
    startRemoval(usedAssertions, quietLog(logger, 'client_assertions_removed'), clock),
    startRemoval(failures, quietLog(logger, 'login_failures_removed'), clock),
    startFamilyCount(openFamilyCount(database), countReport(logger, meter), clock),
  ];
  return { stop: () => Promise.all(running.map((one) => one.stop())) };
}

function removalLog(logger: Logger): RemovalLog {
  return {
    removed: (families) => {
      if (families > 0) record(logger, { event: 'families_removed', families });
    },
    failed: (err) => record(logger, { event: 'removal_failed', err }),
  };
}

/** Of these there is something to forget every minute, so only who looks closely hears of it. */
function quietLog(logger: Logger, event: EventName): RemovalLog {
  return {
    ...removalLog(logger),
    removed: (rows) => {
      if (rows > 0) record(logger, { event, rows });
    },
  };
}

function countReport(logger: Logger, meter: BackgroundDeps['meter']): CountReport {
  return {
    counted: meter.familiesCounted,
    failed: (err) => record(logger, { event: 'families_not_counted', err }),
  };
}
