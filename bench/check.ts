import { existsSync, readFileSync } from 'node:fs';
import type { Results, Verdict } from './results.js';
import { median } from './statistics.js';

/** Rows whose rates say something after a second. */
export const CHECKED_ROWS: readonly string[] = ['refresh-8', 'client', 'jwks', 'password', 'mixed'];

/** Of what was committed: less is no wobble of the machine. */
const LEAST_SHARE = 0.5;

const COMMITTED = new URL('../docs/performance.json', import.meta.url);

/** What was reached when somebody last measured for longer. */
export function committedVerdicts(): readonly Verdict[] {
  if (!existsSync(COMMITTED)) throw new Error('docs/performance.json is missing: npm run bench -- --json writes it');
  return (JSON.parse(readFileSync(COMMITTED, 'utf8')) as Results).verdicts;
}

/**
 * The rates that are less than half of what they were. A p99 says nothing after a second.
 *
 * @throws Error when there was no such comparison before
 */
export function grosslyWorse(now: readonly Verdict[], before: readonly Verdict[]): Verdict[] {
  return now.filter(({ what, atLeast, values }) => {
    if (atLeast === undefined) return false;
    const committed = before.find((one) => one.what === what);
    if (committed === undefined)
      throw new Error(`docs/performance.json has no "${what}": run all of npm run bench again`);
    // Nothing measured is NaN, which is not at least anything.
    return !(median(values) >= LEAST_SHARE * median(committed.values));
  });
}
