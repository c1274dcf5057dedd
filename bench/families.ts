// npm run bench:families: does a refresh care how many families there are, or how often one was refreshed? For each
// database: one family refreshed 10,000 times, and refreshes beside 1,000 and beside 1,000,000 families, in turns, through
// real servers. Prints tables; takes some minutes. What counts are the ratios: they come from one run on one machine.
import { rm } from 'node:fs/promises';
import { openPostgres } from '../scripts/postgres.js';
import { type Bench, openBench } from './issuer.js';
import { type Load, load, median } from './load.js';

const REFRESHES_OF_ONE = 10_000;
const FEW = 1_000;
const MANY = 1_000_000;
const ROUNDS = 5;
const REFRESHES_A_ROUND = 4_000;

/** One family, refreshed again and again by one client. */
async function benchOne(bench: Bench): Promise<void> {
  const [token = ''] = await bench.addFamilies(1, 1);
  const server = await bench.serve();
  const warm = await load(server.url, [token], 200, 1);
  const before = await bench.size();
  const { tokens } = await load(server.url, warm.tokens, REFRESHES_OF_ONE, 1);
  const after = await bench.size();
  await server.stop();
  const { rows, generation } = await bench.look(tokens[0] ?? '');
  console.log(`${bench.name}: ${REFRESHES_OF_ONE} refreshes of one family: ${rows} row, generation ${generation},`);
  console.log(`  database ${before} bytes before, ${after} after (${((after / before - 1) * 100).toFixed(1)} %)`);
}

/** One of the two sizes that are compared. */
type Side = { readonly bench: Bench; readonly families: number; tokens: string[]; readonly rounds: Load[] };

/** Refreshes of families all over the table, beside few and beside many, in turns. */
async function benchMany(small: Bench, large: Bench): Promise<void> {
  const sides: Side[] = [];
  for (const [bench, families] of [
    [small, FEW],
    [large, MANY],
  ] as const) {
    const tokens = await bench.addFamilies(families, Math.min(families, REFRESHES_A_ROUND));
    sides.push({ bench, families, tokens, rounds: [] });
  }
  for (const side of sides) {
    const { url, stop } = await side.bench.serve();
    side.tokens = (await load(url, side.tokens, REFRESHES_A_ROUND, 8)).tokens;
    await stop();
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const side of sides) {
      const { url, stop } = await side.bench.serve();
      await load(url, side.tokens.slice(0, 500), 500, 8).then(({ tokens }) => side.tokens.splice(0, 500, ...tokens));
      const measured = await load(url, side.tokens, REFRESHES_A_ROUND, 8);
      side.tokens = measured.tokens;
      side.rounds.push(measured);
      await stop();
    }
  }
  const shown = sides.map(({ bench, families, rounds }) => ({
    database: bench.name,
    families,
    'refreshes/s': Math.round(median(rounds.map(({ perSecond }) => perSecond))),
    'p50 ms': median(rounds.map(({ p50 }) => p50)).toFixed(2),
    'p99 ms': median(rounds.map(({ p99 }) => p99)).toFixed(2),
  }));
  console.table(shown);
  const ratios = (what: 'p99' | 'perSecond') =>
    sides[1]?.rounds.map((big, i) => big[what] / (sides[0]?.rounds[i]?.[what] ?? Number.NaN)) ?? [];
  const spread = (values: readonly number[]) => values.map((value) => value.toFixed(2)).join(' ');
  console.log(`p99 of ${MANY} to ${FEW}: median ${median(ratios('p99')).toFixed(2)} (rounds ${spread(ratios('p99'))})`);
  console.log(`rate of ${MANY} to ${FEW}: median ${median(ratios('perSecond')).toFixed(2)}`);
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
