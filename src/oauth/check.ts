/** What a look at one part of an installation found. */
export type Finding = {
  readonly status: CheckStatus;
  /** What is there; no secret is in it. */
  readonly found: string;
  /** The way out: a command or a setting. */
  readonly advice?: string;
};

/** `warning`: it works, and may not for long or not as safely as it could. `failed`: it does not work, or loses something. */
export type CheckStatus = 'ok' | 'warning' | 'failed';

/** A finding under the name it always has. */
export type Check = Finding & { readonly name: string };

/** A look that is still to be taken. It may throw: then that is what was found. */
export type Look = {
  readonly name: string;
  /** What to do where the look itself fails. */
  readonly advice?: string;
  /** Whether it reads tables, which are there only where the schema is current. */
  readonly needsTables?: boolean;
  readonly take: () => Promise<Finding>;
};

export function fine(found: string): Finding {
  return { status: 'ok', found };
}

export function warning(found: string, advice: string): Finding {
  return { status: 'warning', found, advice };
}

export function failed(found: string, advice: string): Finding {
  return { status: 'failed', found, advice };
}

/** A difference that nobody need think about. */
const SMALL_DIFFERENCE_SECONDS = 1;

/**
 * Judges a clock against another.
 *
 * @param aheadSeconds how far ours is ahead of it; negative: behind
 * @param skewSeconds how far clocks may differ (CLOCK_SKEW)
 * @param other what ours is compared with
 */
export function judgeClock(aheadSeconds: number, skewSeconds: number, other: string): Finding {
  const seconds = Math.abs(aheadSeconds);
  if (seconds <= SMALL_DIFFERENCE_SECONDS) return fine(`within a second of ${other}`);
  const found = `this machine's clock is ${seconds.toFixed(1)} s ${aheadSeconds > 0 ? 'ahead of' : 'behind'} ${other}`;
  const advice = 'let both be set by NTP: `timedatectl set-ntp true`';
  return seconds > skewSeconds
    ? failed(`${found}, more than CLOCK_SKEW (${skewSeconds} s)`, advice)
    : warning(found, advice);
}
