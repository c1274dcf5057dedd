/** How much of one kind is done at once, how much may wait until it is, and how long. */
export type LaneLimits = {
  readonly atOnce: number;
  readonly maxWaiting: number;
  readonly maxWaitMs: number;
};

/** What a monitor is told; `turns` and `refused` since the start. */
export type LaneStatus = {
  readonly running: number;
  readonly waiting: number;
  readonly turns: number;
  readonly refused: number;
};

export type Lane = {
  /**
   * Waits for a turn, those who came first being first.
   *
   * @param isWanted whether somebody still waits for the answer, asked when the turn has come
   * @returns what ends the turn, and must be called once; null when there is none
   */
  enter(isWanted: () => boolean): Promise<(() => void) | null>;
  status(): LaneStatus;
};

/** Turns for requests: nobody's work is begun who has waited too long or hung up, so all that is done is of use. */
export function openLane({ atOnce, maxWaiting, maxWaitMs }: LaneLimits): Lane {
  type Waiting = { readonly isWanted: () => boolean; readonly settle: (comes: boolean) => void };
  const waiting: Waiting[] = [];
  let running = 0;
  let turns = 0;
  let refused = 0;

  function begin(): () => void {
    turns++;
    return () => {
      // Handed on rather than given back, so that nobody who comes just now is faster than those who wait.
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const comes = next.isWanted();
        next.settle(comes);
        if (comes) return;
      }
      running--;
    };
  }

  function wait(isWanted: () => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (comes: boolean) => {
        clearTimeout(timer);
        resolve(comes);
      };
      const self: Waiting = { isWanted, settle };
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(self), 1);
        resolve(false);
      }, maxWaitMs);
      waiting.push(self);
    });
  }

  return {
    async enter(isWanted) {
      if (running < atOnce) {
        running++;
        return begin();
      }
      if (waiting.length < maxWaiting && (await wait(isWanted))) return begin();
      refused++;
      return null;
    },
    status: () => ({ running, waiting: waiting.length, turns, refused }),
  };
}
