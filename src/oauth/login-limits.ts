import { sha256 } from './refresh-token.js';

/** How many failed logins are let through before each further one has to wait. */
export type LoginLimits = {
  /** Failures under one name (RFC 6749 §4.3.2: the token endpoint must be protected against guessing). */
  readonly failuresPerAccount: number;
  /** Failures from one address, whatever the names. */
  readonly failuresPerAddress: number;
  /** Without a failure for this long, all is forgotten. */
  readonly windowSeconds: number;
};

/** The first wait, after the last failure that is let through at once; each further failure doubles it. */
export const FIRST_DELAY_SECONDS = 10;

/**
 * How long nobody may try again after so many failures.
 *
 * @param failures counted so far, the one just counted among them
 * @param limit how many are let through without a wait; 0 for no limit
 * @param ceilingSeconds the longest wait there is
 * @returns seconds, 0 while the limit is not reached
 */
export function delaySeconds(failures: number, limit: number, ceilingSeconds: number): number {
  if (limit === 0 || failures < limit) return 0;
  return Math.min(ceilingSeconds, FIRST_DELAY_SECONDS * 2 ** Math.min(failures - limit, 30));
}

/** The numbers of failures whose delay differs from the one before: from the limit to where the ceiling is reached. */
export function failuresThatDelay(limit: number, ceilingSeconds: number): readonly number[] {
  const failures = [limit];
  while (delaySeconds(limit + failures.length - 1, limit, ceilingSeconds) < ceilingSeconds) {
    failures.push(limit + failures.length);
  }
  return failures;
}

/**
 * The name of a counter: what it counts, and SHA-256 of whose. Whoever reads the table learns no names, and no name, long
 * or strange as it may be, can be the key of another counter.
 */
export function failureKey(kind: 'account' | 'address' | 'owner' | 'password' | 'registration', whose: string): string {
  return `${kind}:${Buffer.from(sha256(whose)).toString('base64url')}`;
}
