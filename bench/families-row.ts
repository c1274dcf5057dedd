import { rm } from 'node:fs/promises';
import { openBench } from './issuer.js';
import { refreshInTurns, roundRatios } from './refresh-rounds.js';
import type { Verdict } from './results.js';
import { FAMILIES } from './rows.js';

const FEW = 1_000;
const MANY = 1_000_000;

/** Whether a refresh cares how many families there are, on SQLite; `npm run bench:families` asks the same of both databases. */
export async function familiesVerdict(rounds: number): Promise<Verdict> {
  // SQLite needs no server.
  const [small, large] = [await openBench('sqlite', 'few', ''), await openBench('sqlite', 'many', '')];
  const sizes = await refreshInTurns(
    [
      [small, FEW],
      [large, MANY],
    ],
    rounds,
  );
  for (const { folder } of [small, large]) await rm(folder, { recursive: true, force: true });
  const what = 'refresh, 8 clients: p99 beside 1,000,000 families to beside 1,000';
  return { row: FAMILIES, what, unit: '', atMost: 1.2, values: roundRatios(sizes, 'p99') };
}
