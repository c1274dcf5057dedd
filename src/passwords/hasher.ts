import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { bcryptCost } from '../oauth/bcrypt-hash.js';
import { unhashableReason } from '../oauth/password-policy.js';
import type { Result } from '../oauth/result.js';
import { type PasswordObserver, timed } from './observer.js';
import { usableProcessors } from './processors.js';
import { type Applicant, openQueue, type QueueLimits, type QueueStatus } from './queue.js';
import { openRoom } from './room.js';
import type { Task } from './worker.js';

/** What can be done with a password, in a turn. */
export type Bcrypt = {
  /** Hashes a password that the policy allows. */
  hash(password: string): Promise<string>;
  /**
   * Whether the password belongs to the hash. A null hash, for a user that does not exist, and one of a lower cost take
   * the same time as one of the configured cost; the former never matches.
   */
  verify(password: string, hash: string | null): Promise<boolean>;
  /** Whether the hash was made at a lower cost than the configured one. */
  isOutdated(hash: string): boolean;
};

/** bcrypt in a bounded pool of its own threads, at low priority and giving way, so that it slows nothing else down. */
export type PasswordHasher = {
  /**
   * Does something that takes hashing, when its turn has come.
   *
   * @returns what the work returns, or why it was not begun: too many wait, it waited too long, nobody waits for it
   */
  inTurn<T>(who: Applicant, work: (bcrypt: Bcrypt) => Promise<Result<T>>): Promise<Result<T>>;
  /** To be told of each request that hashes nothing: for a moment, no further hash begins on one of the threads. */
  giveWay(): void;
  /** How many may be in their turn, or wait for it, at once. */
  readonly capacity: number;
  status(): QueueStatus;
  close(): Promise<void>;
};

export type HasherOptions = {
  /** bcrypt's cost for new hashes, the base-2 logarithm of its rounds. */
  readonly cost: number;
  /** Threads; by default one a processor that may be kept busy. */
  readonly threads?: number;
  readonly limits?: Partial<QueueLimits>;
  /** Is told how long waiting and hashing took. */
  readonly observe?: PasswordObserver;
};

/** Below everything that answers requests: see nice(2). */
const NICE_INCREMENT = 10;
const WAITING_PER_THREAD = 32;
/** Whoever asks has an answer within 3 s, also when it is that there is none. */
const MAX_WAIT_MS = 2_000;
const AT_ONCE_PER_ACCOUNT = 4;
/** Beyond the threads: while these ask the database, no thread stands idle. */
const MORE_AT_ONCE = 2;

/** Starts the pool. Threads are made when the first passwords come. */
export function openHasher(options: HasherOptions): PasswordHasher {
  const { cost, threads = usableProcessors(), limits, observe } = options;
  const pool = new Piscina<Task, string | boolean>({
    filename: fileURLToPath(import.meta.resolve('./worker.js')),
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: 60_000,
    niceIncrement: NICE_INCREMENT,
  });
  const room = openRoom(threads);
  const run = (task: Task) => timed(task.kind, observe, () => room.run(() => pool.run(task)));
  const maxWaiting = limits?.maxWaiting ?? threads * WAITING_PER_THREAD;
  const all: QueueLimits = {
    atOnce: threads + MORE_AT_ONCE,
    maxWaiting,
    maxWaitMs: MAX_WAIT_MS,
    atOncePerAccount: AT_ONCE_PER_ACCOUNT,
    maxWaitingPerAccount: Math.ceil(maxWaiting / 2),
    ...limits,
  };
  const queue = openQueue(all);
  const bcrypt: Bcrypt = {
    async hash(password) {
      return String(await run({ kind: 'hash', password, cost }));
    },
    async verify(password, hash) {
      // Unhashable passwords cost the same as others, so that nothing can be told from the time.
      const possible = hash !== null && bcryptCost(hash) !== null && unhashableReason(password) === null;
      const hashes = comparedWith(possible ? hash : null, cost);
      return (await run({ kind: 'verify', password, hashes })) === true && possible;
    },
    isOutdated: (hash) => (bcryptCost(hash) ?? cost) < cost,
  };
  return {
    async inTurn(who, work) {
      const turn = await timed('wait', observe, () => queue.enter(who));
      if (!turn.ok) return turn;
      try {
        return await work(bcrypt);
      } finally {
        turn.value();
      }
    },
    giveWay: room.giveWay,
    capacity: all.atOnce + all.maxWaiting,
    status: queue.status,
    close: () => pool.destroy(),
  };
}

/**
 * What a password is compared with, the hash that counts first. The rounds together are those of the configured cost:
 * 2^c + 2^c + 2^(c+1) + … + 2^(C-1) = 2^C. Else users with an older hash would be told from names that nobody has.
 */
export function comparedWith(hash: string | null, cost: number): readonly string[] {
  if (hash === null) return [dummyHash(cost)];
  const own = bcryptCost(hash) ?? cost;
  return [asB(hash), ...Array.from({ length: Math.max(0, cost - own) }, (_, i) => dummyHash(own + i))];
}

/** `$2y$` is what PHP calls `$2b$`; bcrypt for Node knows only the latter name. */
function asB(hash: string): string {
  return hash.replace(/^\$2y/, '$2b');
}

/** A hash nobody has the password of: well-formed, so that bcrypt does all its rounds, with an arbitrary result. */
function dummyHash(cost: number): string {
  return `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(22)}${'mintd/'.repeat(6).slice(0, 31)}`;
}
