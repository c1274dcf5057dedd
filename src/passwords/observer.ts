/** What takes time with a password: the wait for a turn, a new hash, a comparison. */
export type PasswordPhase = 'wait' | 'hash' | 'verify';

/** Is told how long each took, when it is over, in the asynchronous context of whoever asked for it. Must not throw. */
export type PasswordObserver = (phase: PasswordPhase, ms: number) => void;

/** Runs something, and tells how long it took, however it ended. */
export async function timed<T>(
  phase: PasswordPhase,
  observe: PasswordObserver | undefined,
  run: () => Promise<T>,
): Promise<T> {
  if (observe === undefined) return run();
  const since = performance.now();
  try {
    return await run();
  } finally {
    observe(phase, performance.now() - since);
  }
}
