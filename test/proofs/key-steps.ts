// Runs processes of the real program whose steps on the key ring are counted, and ended at any of them.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { temporaryFolder } from '../helper.js';

/** Something the program does to the key ring. */
export type Step = {
  readonly call: 'open' | 'writeFile' | 'sync' | 'rename' | 'unlink' | 'chmod' | 'mkdir' | 'before' | 'after';
  /** The file's name in the folder of keys; `.` is the folder; of a statement its verb. */
  readonly name: string;
  /** What it is renamed to. */
  readonly to?: string;
  readonly flags?: string;
  readonly mode?: number;
  /** The ring's text, where that is written. */
  readonly ring?: string;
};

/** What happens at a step. */
export type StepOptions = {
  /** The folder of keys. */
  readonly folder: string;
  /** At which step, counted from 1. Left out: at none, or at all while the switch is on. */
  readonly at?: number;
  /** A signal that the process gets just before the step, or the code of the error that the step fails with. */
  readonly act?: 'SIGKILL' | 'SIGSTOP' | 'ENOSPC' | 'EIO' | 'EACCES';
  /** A file: whenever something is written into a file, while this one is there. */
  readonly switchFile?: string;
  /** Counts statements on the ring in such a database as well. */
  readonly statements?: 'sqlite' | 'postgres';
};

/** A process's environment that makes it count its steps, and the steps so far. */
export type Steps = { readonly env: Record<string, string>; readonly taken: () => readonly Step[] };

export function countSteps(t: Test, { folder, at, act, switchFile, statements }: StepOptions): Steps {
  const trace = join(temporaryFolder(t), 'trace');
  const env = {
    NODE_OPTIONS: `--import ${new URL('./key-steps-preload.js', import.meta.url).href}`,
    KEY_STEPS_FOLDER: folder,
    KEY_STEPS_TRACE: trace,
    ...(at !== undefined && { KEY_STEPS_AT: String(at) }),
    ...(act !== undefined && { KEY_STEPS_DO: act }),
    ...(switchFile !== undefined && { KEY_STEPS_WHILE: switchFile }),
    ...(statements !== undefined && { KEY_STEPS_DATABASE: statements }),
  };
  const lines = () => (existsSync(trace) ? readFileSync(trace, 'utf8').split('\n').filter(Boolean) : []);
  return { env, taken: () => lines().map((line): Step => JSON.parse(line)) };
}

/** Resolves as soon as a process has come to its nth step. */
export async function reached({ taken }: Steps, n: number): Promise<void> {
  while (taken().length < n) await new Promise((resolve) => setTimeout(resolve, 20));
}
