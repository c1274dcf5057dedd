import { readFileSync } from 'node:fs';
import { type Results, rounded, type Verdict } from './results.js';
import { median } from './statistics.js';

/** Rows whose rates say something after a second. */
export const CHECKED_ROWS: readonly string[] = ['refresh-8', 'client', 'jwks', 'password', 'mixed'];

/** Of what was committed: less is no wobble of the machine. */
const LEAST_SHARE = 0.5;

const COMMITTED = new URL('../docs/performance.json', import.meta.url);

/** Whether every rate is at least half of what was committed; says which is not. A p99 says nothing after a second. */
export function check({ verdicts }: Results): boolean {
  const committed = (JSON.parse(readFileSync(COMMITTED, 'utf8')) as Results).verdicts;
  const worse = verdicts.filter((verdict) => verdict.atLeast !== undefined && isFarBelow(verdict, committed));
  for (const { what, values } of worse)
    console.log(`SLOWER: ${what} is ${rounded(median(values))}, less than half of what docs/performance.json has`);
  if (worse.length === 0) console.log('nothing is grossly slower than docs/performance.json says');
  return worse.length === 0;
}

function isFarBelow({ what, values }: Verdict, committed: readonly Verdict[]): boolean {
  const before = committed.find((one) => one.what === what);
  if (before === undefined) throw new Error(`docs/performance.json has no "${what}": run the whole bench again`);
  // Not a comparison that NaN would pass.
  return !(median(values) >= LEAST_SHARE * median(before.values));
}
