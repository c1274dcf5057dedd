/** For so long after a request that hashes nothing, the next one is expected. */
const GIVE_WAY_MS = 20;

/** Processors for hashing: all of them, or all but one while there are other requests to answer. */
export type Room = {
  /** Leaves a processor to others from the next hash on, for a moment. Who waits is looked at when a hash comes or ends. */
  giveWay(): void;
  /** Runs a hash when there is room for it, those that came first being first. */
  run<T>(hash: () => Promise<T>): Promise<T>;
};

/**
 * Room for so many hashes at once as there are threads. A hash that has begun is not interrupted; with one thread, there is
 * nothing to give way with.
 *
 * @param clock a steady one, in milliseconds
 */
export function openRoom(threads: number, clock: () => number = () => performance.now()): Room {
  const waiting: (() => void)[] = [];
  let running = 0;
  let gaveWayAt = Number.NEGATIVE_INFINITY;

  const size = () => (clock() - gaveWayAt < GIVE_WAY_MS ? Math.max(1, threads - 1) : threads);

  // While any waits, one runs, and its end looks again.
  function begin(): void {
    for (let next = waiting[0]; next !== undefined && running < size(); next = waiting[0]) {
      waiting.shift();
      running++;
      next();
    }
  }

  return {
    giveWay() {
      gaveWayAt = clock();
    },
    async run(hash) {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        begin();
      });
      try {
        return await hash();
      } finally {
        running--;
        begin();
      }
    },
  };
}
