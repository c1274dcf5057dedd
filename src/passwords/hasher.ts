import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { bcryptCost } from '../oauth/bcrypt-hash.js';
import { unhashableReason } from '../oauth/password-policy.js';
import type { Task } from './worker.js';

/** bcrypt in a bounded pool of its own threads, at low priority, so that it slows nothing else down. */
export type PasswordHasher = {
  /** Hashes a password that the policy allows. Waits its turn, however many others do. */
  hash(password: string): Promise<string>;
  /**
   * Whether the password belongs to the hash. A null hash, for a user that does not exist, takes the same time as a
   * hash of the configured cost and never matches. `busy` when too many are waiting: nothing was hashed.
   */
  verify(password: string, hash: string | null): Promise<boolean | 'busy'>;
  close(): Promise<void>;
};

export type HasherOptions = {
  /** bcrypt's cost for new hashes, the base-2 logarithm of its rounds. */
  readonly cost: number;
  /** Threads; by default one a processor. */
  readonly threads?: number;
  /** How many verifications may wait for a thread; by default 32 a thread. */
  readonly maxQueue?: number;
};

/** Below everything that answers requests: see nice(2). */
const NICE_INCREMENT = 10;
const QUEUE_PER_THREAD = 32;

/** Starts the pool. Threads are made when the first passwords come. */
export function openHasher(options: HasherOptions): PasswordHasher {
  const threads = options.threads ?? availableParallelism();
  const pool = new Piscina<Task, string | boolean>({
    filename: fileURLToPath(import.meta.resolve('./worker.js')),
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: 60_000,
    niceIncrement: NICE_INCREMENT,
  });
  const maxQueue = options.maxQueue ?? threads * QUEUE_PER_THREAD;
  const dummy = dummyHash(options.cost);
  return {
    async hash(password) {
      return String(await pool.run({ kind: 'hash', password, cost: options.cost }));
    },
    async verify(password, hash) {
      // Unhashable passwords cost the same as others, so that nothing can be told from the time. What is no hash in the
      // database never matches, instead of stopping a worker.
      const possible = hash !== null && bcryptCost(hash) !== null && unhashableReason(password) === null;
      const task = { kind: 'verify', password, hash: possible ? asB(hash) : dummy } as const;
      if (pool.queueSize >= maxQueue) return 'busy';
      return (await pool.run(task)) === true && possible;
    },
    close: () => pool.destroy(),
  };
}

/** `$2y$` is what PHP calls `$2b$`; bcrypt for Node knows only the latter name. */
function asB(hash: string): string {
  return hash.replace(/^\$2y/, '$2b');
}

/** A hash nobody has the password of: well-formed, so that bcrypt does all its rounds, with an arbitrary result. */
function dummyHash(cost: number): string {
  return `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(22)}${'mintd/'.repeat(6).slice(0, 31)}`;
}
