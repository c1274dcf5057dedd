import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Target } from './target.js';
import type { Kind } from './visitors.js';

/** So many who do the same. Tokens are what those who refresh begin with; who has none logs in first. */
export type Group = { readonly kind: Kind; readonly clients: number; readonly tokens?: readonly (string | null)[] };

export type LoadTask = {
  readonly target: Target;
  /** All at once. */
  readonly groups: readonly Group[];
  readonly seconds: number;
  /** Before anything is counted. */
  readonly warmupSeconds: number;
  /** Whether visitors pause between requests as bench/visitors.ts says, or never. */
  readonly pauses: boolean;
};

/** What a group found. Only answers that ended in the stretch count; errors count whenever they come. */
export type GroupResult = {
  readonly kind: Kind;
  readonly clients: number;
  readonly count: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly errors: number;
  readonly lastError: string | null;
  readonly tokens: readonly (string | null)[];
};

/** What the loader says while it works. */
export type Told =
  | { readonly told: 'begin' | 'end' }
  | { readonly told: 'done'; readonly loaderCores: number; readonly groups: readonly GroupResult[] }
  | { readonly told: 'failed'; readonly reason: string };

/** What was found, and how many cores it took to find it out. */
export type LoadResult = { readonly loaderCores: number; readonly groups: readonly GroupResult[] };

/** A process that visits servers, so that its work is not counted as that of whoever measures. */
export type Loader = {
  /** @param at is called when the stretch that counts begins, and when it ends */
  run(task: LoadTask, at: (edge: 'begin' | 'end') => void): Promise<LoadResult>;
  stop(): Promise<void>;
};

export function openLoader(): Loader {
  const child: ChildProcess = fork(fileURLToPath(new URL('loader.ts', import.meta.url)), { stdio: 'inherit' });
  const exit = once(child, 'exit');
  return {
    run(task, at) {
      return new Promise((resolve, reject) => {
        const hear = (told: Told) => {
          if (told.told === 'begin' || told.told === 'end') return at(told.told);
          child.off('message', hear);
          if ('reason' in told) reject(new Error(told.reason));
          else if ('groups' in told) resolve(told);
        };
        child.on('message', hear);
        void exit.then(() => reject(new Error('the loader has ended')));
        child.send(task);
      });
    },
    async stop() {
      child.disconnect();
      await exit;
    },
  };
}
