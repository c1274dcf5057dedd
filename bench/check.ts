import { readFileSync } from 'node:fs';
import { type Results, rounded, type Verdict } from './results.js';
import { median } from './statistics.js';

/** Rows whose rates say something after a second. */
export const CHECKED_ROWS: readonly string[] = ['refresh-8', 'client', 'jwks', 'password', 'mixed'];

/** Of what was committed: less is no wobble of the machine. */
const LEAST_SHARE = 0.5;

const COMMITTED = new URL('../docs/performance.json', import.meta.url);

/** Whether every rate is at least half of what was committed; says which is not. */
export function check({ verdicts }: Results): boolean {
  const committed = JSON.parse(readFileSync(COMMITTED, 'utf8')) as Results;
  const worse = grosslyWorse(verdicts, committed.verdicts);
  for (const { what, values } of worse)
    console.log(`SLOWER: ${what} is ${rounded(median(values))}, less than half of what docs/performance.json has`);
  if (worse.length === 0) console.log('nothing is grossly slower than docs/performance.json says');
  return worse.length === 0;
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
