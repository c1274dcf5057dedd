import { compareSync, hashSync } from 'bcrypt';

/** What a worker thread is asked to do. */
export type Task =
  | { readonly kind: 'hash'; readonly password: string; readonly cost: number }
  | {
      readonly kind: 'verify';
      readonly password: string;
      /** The one that counts, and others that are only there for the time they take. */
      readonly hashes: readonly string[];
    };

/**
 * Runs in a worker thread. Synchronous on purpose: bcrypt's asynchronous calls would run on the four threads that
 * libuv shares among all of Node, and signatures would queue behind passwords.
 */
export default function work(task: Task): string | boolean {
  if (task.kind === 'hash') return hashSync(task.password, task.cost);
  const [matches] = task.hashes.map((hash) => compareSync(task.password, hash));
  return matches === true;
}
