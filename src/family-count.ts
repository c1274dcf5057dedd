import { setTimeout as pause } from 'node:timers/promises';
import type { EpochMs } from './oauth/time.js';
import type { CountSlice } from './store/family-count.js';

/** From the end of one count to the beginning of the next. */
const EVERY_MS = 60_000;
/** Two milliseconds of SQLite's time, and a pause behind it: nobody who waits for a refresh shall notice. */
const SLICE_SIZE = 500;
const PAUSE_MS = 50;

/** What counting tells the world. */
export type CountReport = {
  readonly counted: (alive: number, at: EpochMs) => void;
  readonly failed: (error: unknown) => void;
};

export type FamilyCount = {
  /** Lets the slice that is counted finish, and begins none any more. */
  stop(): Promise<void>;
};

/** Counts the logins that are alive, now and again and again, for as long as the server runs. */
export function startFamilyCount(countSlice: CountSlice, report: CountReport, clock: () => EpochMs): FamilyCount {
  const stopping = new AbortController();
  const { signal } = stopping;
  const rest = (ms: number, ref: boolean) => pause(ms, undefined, { signal, ref }).catch(() => undefined);
  const running = (async () => {
    while (!signal.aborted) {
      await countAll(countSlice, report, clock, () => rest(PAUSE_MS, true), signal);
      await rest(EVERY_MS, false);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** One count, which is told when it is whole. */
async function countAll(
  countSlice: CountSlice,
  report: CountReport,
  clock: () => EpochMs,
  rest: () => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  try {
    let alive = 0;
    for (let after: string | null = ''; after !== null; ) {
      const slice = await countSlice(after, SLICE_SIZE, clock());
      alive += slice.alive;
      after = slice.last;
      if (after !== null) await rest();
      if (signal.aborted) return;
    }
    report.counted(alive, clock());
  } catch (error) {
    report.failed(error);
  }
}
