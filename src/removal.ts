import { setTimeout as pause } from 'node:timers/promises';
import type { EpochMs } from './oauth/time.js';

const EVERY_MS = 60_000;
/** Small, and with a pause behind it: nobody who waits for a refresh shall notice. */
const BATCH_SIZE = 200;
const PAUSE_MS = 50;

/** Rows that are over at some time. */
export type Expiring = {
  /** Deletes those that are, `limit` at most; how many it deleted. */
  removeExpired(now: EpochMs, limit: number): Promise<number>;
};

/** What removal tells the log. */
export type RemovalLog = {
  readonly removed: (rows: number) => void;
  readonly failed: (error: unknown) => void;
};

export type Removal = {
  /** Lets the batch that runs finish, and begins none any more. */
  stop(): Promise<void>;
};

/** Deletes what is over in one table, now and every minute, for as long as the server runs. */
export function startRemoval(rows: Expiring, log: RemovalLog, clock: () => EpochMs): Removal {
  const stopping = new AbortController();
  let round = Promise.resolve();
  const begin = () => {
    round = round.then(() => removeAll(rows, log, clock, stopping.signal));
  };
  begin();
  const timer = setInterval(begin, EVERY_MS);
  timer.unref();
  return {
    async stop() {
      clearInterval(timer);
      stopping.abort();
      await round;
    },
  };
}

/** Deletes all that is over, batch by batch; what was deleted counts, also if the rest cannot be. */
async function removeAll(rows: Expiring, log: RemovalLog, clock: () => EpochMs, signal: AbortSignal): Promise<void> {
  let removed = 0;
  try {
    for (let batch = BATCH_SIZE; batch === BATCH_SIZE && !signal.aborted; ) {
      batch = await rows.removeExpired(clock(), BATCH_SIZE);
      removed += batch;
      if (batch === BATCH_SIZE) await pause(PAUSE_MS, undefined, { signal }).catch(() => undefined);
    }
    log.removed(removed);
  } catch (error) {
    if (removed > 0) log.removed(removed);
    log.failed(error);
  }
}
