import { ok, type Result, refuse } from '../oauth/result.js';

/** How much may be done at once, and how much may wait for it. */
export type QueueLimits = {
  readonly atOnce: number;
  readonly maxWaiting: number;
  /** Whoever waited this long would not wait for the answer any more. */
  readonly maxWaitMs: number;
  /** Of one account: guesses at it leave room for everybody else. */
  readonly atOncePerAccount: number;
  readonly maxWaitingPerAccount: number;
};

/** Who asks for a turn. */
export type Applicant = {
  /** What to be fair by. */
  readonly account: string;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
};

/** What a monitor is told. */
export type QueueStatus = {
  readonly running: number;
  readonly waiting: number;
  /** Since the start. */
  readonly turns: number;
  readonly waitedSeconds: number;
  readonly refused: Readonly<Record<Refused, number>>;
};

type Refused = 'password_queue_full' | 'password_wait_too_long' | 'request_abandoned';

export type Queue = {
  /**
   * Waits for a turn, those who came first being first.
   *
   * @returns what ends the turn, and must be called once; or why there is none
   */
  enter(who: Applicant): Promise<Result<() => void>>;
  status(): QueueStatus;
};

type Waiting = { readonly account: string; readonly since: number; readonly come: () => void };

/**
 * Turns at something scarce: bounded by number, by age, and for each account.
 *
 * @param clock a steady one, in milliseconds
 */
export function openQueue(limits: QueueLimits, clock: () => number = () => performance.now()): Queue {
  const waiting: Waiting[] = [];
  const running = new Map<string, number>();
  const refused = { password_queue_full: 0, password_wait_too_long: 0, request_abandoned: 0 };
  const done = { turns: 0, waitedMs: 0 };
  const inTurn = () => [...running.values()].reduce((sum, count) => sum + count, 0);
  const isFree = (account: string) => inTurn() < limits.atOnce && (running.get(account) ?? 0) < limits.atOncePerAccount;

  function begin({ account, since }: Omit<Waiting, 'come'>): () => void {
    running.set(account, (running.get(account) ?? 0) + 1);
    done.turns++;
    done.waitedMs += clock() - since;
    return () => {
      const left = (running.get(account) ?? 0) - 1;
      if (left > 0) running.set(account, left);
      else running.delete(account);
      const next = waiting.find((one) => isFree(one.account));
      if (next !== undefined) next.come();
    };
  }

  function no(reason: Refused): Result<never> {
    refused[reason]++;
    return refuse({ reason });
  }

  function wait({ account, signal }: Applicant, since: number): Promise<Result<() => void>> {
    return new Promise((resolve) => {
      const settle = (result: () => Result<() => void>) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', leave);
        waiting.splice(waiting.indexOf(self), 1);
        resolve(result());
      };
      const self: Waiting = { account, since, come: () => settle(() => ok(begin(self))) };
      const leave = () => settle(() => no('request_abandoned'));
      const timer = setTimeout(() => settle(() => no('password_wait_too_long')), limits.maxWaitMs);
      timer.unref();
      signal.addEventListener('abort', leave);
      waiting.push(self);
    });
  }

  return {
    async enter(who) {
      if (who.signal.aborted) return no('request_abandoned');
      const since = clock();
      if (isFree(who.account)) return ok(begin({ account: who.account, since }));
      const ofAccount = waiting.filter(({ account }) => account === who.account).length;
      const isFull = waiting.length >= limits.maxWaiting || ofAccount >= limits.maxWaitingPerAccount;
      return isFull ? no('password_queue_full') : wait(who, since);
    },
    status: () => ({
      running: inTurn(),
      waiting: waiting.length,
      turns: done.turns,
      waitedSeconds: done.waitedMs / 1000,
      refused: { ...refused },
    }),
  };
}
