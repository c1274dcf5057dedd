/**
 * How much longer a proof runs than in a normal test run: 1, or what `npm run test:soak` says. The proofs are bounded in
 * counts, never in time, so that a slow machine proves as much as a fast one.
 */
export const SOAK = Math.max(1, Math.trunc(Number(process.env['SOAK'] ?? '1')) || 1);

/** For a test that a normal run leaves out: it goes the ways of others once more, on another place. */
export const LONGER_RUN_ONLY = SOAK > 1 ? {} : { skip: 'left to `npm run test:soak`' };

/**
 * The steps of 1 to `count` at which something is tried: in a longer run all of them, in a normal one the `turn`
 * from which it counts and the step after it, or where there is none the first.
 */
export function someSteps(count: number, turn: number): readonly number[] {
  const all = Array.from({ length: count }, (_, i) => i + 1);
  if (SOAK > 1) return all;
  const wanted = turn <= count ? [turn, turn + 1] : [1];
  return all.filter((step) => wanted.includes(step));
}
