import { setTimeout as pause } from 'node:timers/promises';
import type { EpochMs } from './oauth/time.js';
import type { SessionStore } from './store/sessions.js';

const EVERY_MS = 60_000;
/** Small, and with a pause behind it: nobody who waits for a refresh shall notice. */
const BATCH_SIZE = 200;
const PAUSE_MS = 50;

/** What removal tells the log. */
export type RemovalLog = {
  readonly removed: (families: number) => void;
  readonly failed: (error: unknown) => void;
};

export type Removal = {
  /** Lets the batch that runs finish, and begins none any more. */
  stop(): Promise<void>;
};

/** Deletes families past their absolute expiry, now and every minute, for as long as the server runs. */
export function startRemoval(
  sessions: Pick<SessionStore, 'removeExpired'>,
  log: RemovalLog,
  clock: () => EpochMs,
): Removal {
  const stopping = new AbortController();
  let round = Promise.resolve();
  const begin = () => {
    round = round.then(() => removeAll(sessions, log, clock, stopping.signal));
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

/** Deletes all that are past their absolute expiry, batch by batch; what was deleted counts, also if the rest cannot be. */
async function removeAll(
  sessions: Pick<SessionStore, 'removeExpired'>,
  log: RemovalLog,
  clock: () => EpochMs,
  signal: AbortSignal,
): Promise<void> {
  let removed = 0;
  try {
    for (let batch = BATCH_SIZE; batch === BATCH_SIZE && !signal.aborted; ) {
      batch = await sessions.removeExpired(clock(), BATCH_SIZE);
      removed += batch;
      if (batch === BATCH_SIZE) await pause(PAUSE_MS, undefined, { signal }).catch(() => undefined);
    }
    log.removed(removed);
  } catch (error) {
    if (removed > 0) log.removed(removed);
    log.failed(error);
  }
}
