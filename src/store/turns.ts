import { DatabaseUnavailable } from './outage.js';

/** Lets work run when its turn has come. */
export type Turns = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * Lets so much run at once and the rest wait, in order, and none of it for long: a request runs several statements, and
 * each could wait for a connection as long as the driver allows, which adds up to more than anybody waits for an answer.
 *
 * @returns what throws DatabaseUnavailable when its turn has not come in time
 */
export function takeTurns(atOnce: number, longestWaitMs: number): Turns {
  let running = 0;
  const waiting: (() => void)[] = [];

  async function turn(): Promise<void> {
    if (running < atOnce) {
      running++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const come = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(come), 1);
        reject(new DatabaseUnavailable('the database is busy'));
      }, longestWaitMs);
      waiting.push(come);
    });
  }

  return async (work) => {
    await turn();
    try {
      return await work();
    } finally {
      // Handed on rather than given back, so that nobody who comes just now is faster than those who wait.
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
