import type { EpochMs } from '../oauth/time.js';

/** What a look at the clock found. */
export type ClockLook = {
  /** How far the clock went ahead of real time since the last look, in seconds; 0 while it runs evenly. */
  readonly jumpedSeconds: number;
  readonly isTrusted: boolean;
};

/** Whatever the jump, a clock is trusted again after so long. */
const LONGEST_DISTRUST_MS = 3_600_000;
const SMALLEST_JUMP_MS = 5_000;

/**
 * Compares a clock that can be set with one that cannot. A clock that jumped ahead is not trusted for as long as it
 * jumped: had the jump been wrong, what is done after that would still not be done too early.
 *
 * @returns looks at the clocks, with the difference between clocks that counts for nothing, in seconds
 */
export function clockWatch(clock: () => EpochMs, steadyMs: () => number): (skewSeconds: number) => ClockLook {
  let lead = clock() - steadyMs();
  let trustedFromMs = steadyMs();
  return (skewSeconds) => {
    const before = lead;
    lead = clock() - steadyMs();
    const jumpMs = lead - before;
    const hasJumped = jumpMs > Math.max(skewSeconds * 1000, SMALLEST_JUMP_MS);
    if (hasJumped) trustedFromMs = Math.max(trustedFromMs, steadyMs() + Math.min(jumpMs, LONGEST_DISTRUST_MS));
    return { jumpedSeconds: hasJumped ? Math.round(jumpMs / 1000) : 0, isTrusted: steadyMs() >= trustedFromMs };
  };
}
