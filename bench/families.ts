// npm run bench:families: does a refresh care how many families there are, or how often one was refreshed? For each
// database: one family refreshed 10,000 times, and refreshes beside 1,000 and beside 1,000,000 families, in turns, through
// real servers. Prints tables; takes some minutes. What counts are the ratios: they come from one run on one machine.
import { rm } from 'node:fs/promises';
import { openPostgres } from '../scripts/postgres.js';
import { type Bench, openBench } from './issuer.js';
import { refreshAll, refreshInTurns, roundRatios } from './refresh-rounds.js';
import { median } from './statistics.js';

const REFRESHES_OF_ONE = 10_000;
const FEW = 1_000;
const MANY = 1_000_000;
const ROUNDS = 5;

/** One family, refreshed again and again by one client. */
async function benchOne(bench: Bench): Promise<void> {
  const [token = ''] = await bench.addFamilies(1, 1);
  const server = await bench.serve();
  const warm = await refreshAll(server.url, [token], 200, 1);
  const before = await bench.size();
  const { tokens } = await refreshAll(server.url, warm.tokens, REFRESHES_OF_ONE, 1);
  const after = await bench.size();
  await server.stop();
  const { rows, generation } = await bench.look(tokens[0] ?? '');
  console.log(`${bench.name}: ${REFRESHES_OF_ONE} refreshes of one family: ${rows} row, generation ${generation},`);
  console.log(`  database ${before} bytes before, ${after} after (${((after / before - 1) * 100).toFixed(1)} %)`);
}

async function benchMany(small: Bench, large: Bench): Promise<void> {
  const sizes = await refreshInTurns(
    [
      [small, FEW],
      [large, MANY],
    ],
    ROUNDS,
  );
  const shown = sizes.map(({ bench, families, rounds }) => ({
    database: bench.name,
    families,
    'refreshes/s': Math.round(median(rounds.map(({ perSecond }) => perSecond))),
    'p50 ms': median(rounds.map(({ p50 }) => p50)).toFixed(2),
    'p99 ms': median(rounds.map(({ p99 }) => p99)).toFixed(2),
  }));
  console.table(shown);
  const [p99, rate] = [roundRatios(sizes, 'p99'), roundRatios(sizes, 'perSecond')];
  const spread = (values: readonly number[]) => values.map((value) => value.toFixed(2)).join(' ');
  console.log(`p99 of ${MANY} to ${FEW}: median ${median(p99).toFixed(2)} (rounds ${spread(p99)})`);
  console.log(`rate of ${MANY} to ${FEW}: median ${median(rate).toFixed(2)}`);
}

const postgres = await openPostgres();
const folders: string[] = [];
for (const provider of ['sqlite', 'postgres'] as const) {
  const open = async (name: string) => {
    const bench = await openBench(provider, `${provider}_${name}`, postgres.url);
    folders.push(bench.folder);
    return bench;
  };
  await benchOne(await open('one'));
  await benchMany(await open('few'), await open('many'));
}
await postgres.stop();
for (const folder of folders) await rm(folder, { recursive: true, force: true });
