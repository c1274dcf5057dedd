// npm run bench:rows: what a refresh does to the row of its family in PostgreSQL. For several fillfactors: the share of
// HOT updates, the log (WAL) of a refresh, and what table and indexes grow to, with families refreshed at random by the
// program's own statement. Prints what docs/scaling.md rests on; takes some minutes. FAMILIES=100000 makes it larger.
import { openPostgres } from '../scripts/postgres.js';
import { openRows, type Rows } from './row-counters.js';

const FAMILIES = Number(process.env['FAMILIES'] ?? 10_000);
const FILLFACTORS = (process.env['FILLFACTORS'] ?? '100,90,80,70').split(',').map(Number);

/** Refreshes so many families, picked at random, and tells what one refresh cost. */
async function measure(rows: Rows, what: string, times: number) {
  const refreshes = Math.ceil(FAMILIES * times);
  const before = await rows.read();
  await rows.refresh(refreshes);
  const after = await rows.read(before);
  return {
    what,
    refreshes,
    'HOT %': ((100 * (after.hot - before.hot)) / refreshes).toFixed(1),
    'WAL B': Math.round(after.walBytes / refreshes),
    'of it images': Math.round(after.imageBytes / refreshes),
    'index records': (after.indexRecords / refreshes).toFixed(3),
    'table B/family': Math.round(after.tableBytes / FAMILIES),
    'index B/family': Math.round(after.indexBytes / FAMILIES),
  };
}

/** One table from its first logins on; autovacuum comes when it comes. */
async function benchFillfactor(postgresUrl: string, fillfactor: number): Promise<void> {
  const rows = await openRows(postgresUrl, `rows_${fillfactor}`, FAMILIES, fillfactor);
  const { rowBytes, tableBytes, indexBytes } = await rows.read();
  const each = (bytes: number) => Math.round(bytes / FAMILIES);
  console.log(`\nfillfactor ${fillfactor}: ${FAMILIES} logins, ${Math.round(rowBytes)} bytes a row; for each family`);
  console.log(`  ${each(tableBytes)} bytes of table and ${each(indexBytes)} of indexes`);
  const shown = [
    await measure(rows, 'each once', 1),
    await measure(rows, 'each once more', 1),
    await measure(rows, 'then', 2),
    await measure(rows, 'then', 4),
  ];
  await rows.replace(Math.ceil(FAMILIES / 20));
  shown.push(await measure(rows, 'one of 20 logins replaced', 1));
  shown.push(await rows.besideTransaction(() => measure(rows, 'beside a long transaction', 1)));
  shown.push(await measure(rows, 'when it is over', 1));
  await rows.checkpoint();
  shown.push(await measure(rows, 'right after a checkpoint', 0.02));
  console.table(shown);
  await rows.close();
}

const postgres = await openPostgres();
for (const fillfactor of FILLFACTORS) await benchFillfactor(postgres.url, fillfactor);
await postgres.stop();
