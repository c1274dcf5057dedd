import { DatabaseUnavailable, isDangling, isTaken } from './outage.js';

/** How a statement ended: done; refused by what is in the database already; not in time; or for a reason of its own. */
export const OUTCOMES = ['ok', 'conflict', 'unavailable', 'failed'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** One statement or batch, with the waiting before it and between its tries. */
export type Observation = {
  readonly ms: number;
  readonly outcome: Outcome;
  /** How often it was begun again, because somebody else was in the way. */
  readonly retries: number;
};

/** Is told of each statement when it has ended, in the asynchronous context of whoever asked for it. Must not throw. */
export type StatementObserver = (observation: Observation) => void;

/** Runs a statement or batch. */
export type Attempt = <T>(statement: () => Promise<T>) => Promise<T>;

/** The same attempt, but that somebody is told how it went; with nobody to tell, the very same. */
export function observed(attempt: Attempt, observe: StatementObserver | undefined): Attempt {
  if (observe === undefined) return attempt;
  return async (statement) => {
    const since = performance.now();
    let tries = 0;
    const tell = (outcome: Outcome) =>
      observe({ ms: performance.now() - since, outcome, retries: Math.max(0, tries - 1) });
    try {
      const value = await attempt(() => {
        tries++;
        return statement();
      });
      tell('ok');
      return value;
    } catch (error) {
      tell(outcomeOf(error));
      throw error;
    }
  };
}

function outcomeOf(error: unknown): Outcome {
  if (error instanceof DatabaseUnavailable) return 'unavailable';
  return isTaken(error) || isDangling(error) ? 'conflict' : 'failed';
}
