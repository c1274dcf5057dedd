/** A moment as milliseconds since 1970-01-01T00:00:00Z. Rules get it as an argument and never read a clock. */
export type EpochMs = number;

/** Largest first. */
const UNITS: readonly (readonly [unit: string, seconds: number])[] = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
];

/** Nothing that mintd gives out or waits for lasts longer than ten years. */
export const MAX_DURATION_SECONDS = 3650 * 86_400;

/**
 * Reads a duration such as `90`, `90s`, `10m`, `12h` or `14d`.
 *
 * @returns whole seconds, or null when the text is not a duration or longer than ten years
 */
export function parseDurationSeconds(text: string): number | null {
  const match = /^(\d{1,10})([smhd]?)$/.exec(text.trim());
  if (match === null) return null;
  const size = UNITS.find(([unit]) => unit === match[2])?.[1] ?? 1;
  const seconds = Number(match[1]) * size;
  return seconds <= MAX_DURATION_SECONDS ? seconds : null;
}

/** A duration as people write it, in the largest unit that leaves nothing over: 600 is `10m`. */
export function formatDuration(seconds: number): string {
  for (const [unit, size] of UNITS) {
    if (seconds !== 0 && seconds % size === 0) return `${seconds / size}${unit}`;
  }
  return `${seconds}s`;
}

/** RFC 3339 in UTC with whole seconds, the form in which mintd shows times. */
export function toRfc3339(time: EpochMs): string {
  return new Date(time).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** RFC 3339 §5.6, with a space in place of the T as its note allows. */
const RFC_3339 = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/**
 * Reads a time of RFC 3339, down to milliseconds.
 *
 * @returns null when the text is none, on a day or at an hour that is not there, or in a leap second
 */
export function parseRfc3339(text: string): EpochMs | null {
  const [, date = '', time = '', fraction = '', zone = ''] = RFC_3339.exec(text) ?? [];
  // JavaScript takes 30 February for 2 March, and 24:00 for the next day.
  const whole = Date.parse(`${date}T${time}Z`);
  if (Number.isNaN(whole) || toRfc3339(whole) !== `${date}T${time}Z`) return null;
  const at = Date.parse(`${date}T${time}${fraction.slice(0, 4)}${zone.toUpperCase()}`);
  return Number.isNaN(at) ? null : at;
}

/** The same where there may be none. */
export function shownTime(time: EpochMs | null): string | null {
  return time === null ? null : toRfc3339(time);
}

/** Seconds since 1970, rounded down: a NumericDate of RFC 7519 §2. */
export function toNumericDate(time: EpochMs): number {
  return Math.floor(time / 1000);
}
