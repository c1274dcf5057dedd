// npm run bench [-- --quick] [-- --check] [-- --rows refresh-8,mixed] [-- --seconds 4] [-- --repetitions 5] [-- --json FILE]: how
// fast is mintd, held against servers that do nothing but the part that cannot be left out? What is compared comes right after
// one another, in each repetition in another order, and what counts are the ratios: the machine is not always as fast. A row
// during which others took much of the processors is measured once more. Folders are made where TMPDIR says: it has to be a real
// disk. With --check it takes seconds, and fails when a rate is less than half of what docs/performance.json has. Linux only.
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { CHECKED_ROWS, committedVerdicts, grosslyWorse } from './check.js';
import { familiesVerdict } from './families-row.js';
import { type Loader, openLoader } from './load.js';
import { conditions } from './machine.js';
import { type Measured, measure, measureBcrypt, type Stretch } from './measure.js';
import { compare, errorLines, type Results, spread, stretchRows, type Verdict, verdictRows } from './results.js';
import { FAMILIES, MEMORY, ROW_IDS, ROWS, type Row, type Side, START } from './rows.js';
import { openSubjects, type Subjects } from './subjects.js';

/** Beyond this, others have disturbed: in cores. */
const FOREIGN_CORES = 0.25;
const STARTS = 5;

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    rows: { type: 'string' },
    seconds: { type: 'string' },
    repetitions: { type: 'string' },
    json: { type: 'string' },
  },
});
const isShort = options.quick || options.check;
const seconds = Number(options.seconds ?? (isShort ? 0.8 : 4));
const repetitions = Number(options.repetitions ?? (isShort ? 1 : 5));
const stretch: Stretch = { seconds, warmupSeconds: isShort ? 0.2 : 0.5 };
/** For what seems to be slower: the machine may have been busy. */
const AGAIN: Stretch = { seconds: 3, warmupSeconds: 0.5 };

function chosenRows(): readonly string[] {
  if (options.rows !== undefined) {
    const chosen = options.rows.split(',');
    const unknown = chosen.filter((id) => !ROW_IDS.includes(id));
    if (unknown.length > 0) throw new Error(`no such row: ${unknown.join(', ')}; there are ${ROW_IDS.join(', ')}`);
    return chosen;
  }
  if (options.check) return CHECKED_ROWS;
  return options.quick ? ROW_IDS.filter((id) => id !== FAMILIES) : ROW_IDS;
}

/** A PostgreSQL takes seconds to make. */
function withoutPostgres(row: Row): Row {
  const sides = Object.entries(row.sides).filter(([, { subject }]) => subject !== 'mintd on PostgreSQL');
  return { ...row, sides: Object.fromEntries(sides) };
}

type Measuring = { readonly loader: Loader; readonly subjects: Subjects; readonly stretch: Stretch };

async function measureSide({ loader, subjects, stretch }: Measuring, { subject, visitors }: Side): Promise<Measured> {
  if (subject === 'bare bcrypt') return measureBcrypt(await subjects.bcrypt(), stretch);
  return measure(loader, await subjects.get(subject), visitors, stretch);
}

/** What is compiled by the time it is measured is what runs in production. */
async function warmUp({ loader, subjects }: Measuring, rows: readonly Row[]): Promise<void> {
  const done = new Set<string>();
  const warming = { seconds: isShort ? 0.5 : 2, warmupSeconds: 0 };
  for (const { subject, visitors } of rows.flatMap(({ sides }) => Object.values(sides))) {
    const what = JSON.stringify([subject, visitors.map(({ kind }) => kind)]);
    if (subject === 'bare bcrypt' || visitors.length > 1 || done.has(what)) continue;
    done.add(what);
    await measure(loader, await subjects.get(subject), visitors, warming);
  }
}

/** Each side once, beginning with another one in each repetition. */
async function measureSides(measuring: Measuring, row: Row, repetition: number): Promise<Record<string, Measured>> {
  const sides = Object.entries(row.sides);
  const measured: Record<string, Measured> = {};
  for (let i = 0; i < sides.length; i++) {
    const [name, side] = sides[(i + repetition) % sides.length] as [string, Side];
    measured[name] = await measureSide(measuring, side);
  }
  return measured;
}

const foreignCores = (sides: Record<string, Measured>) =>
  Math.max(...Object.values(sides).map((measured) => measured.foreignCores));

async function measureRow(measuring: Measuring, row: Row, repetition: number): Promise<Record<string, Measured>> {
  const first = await measureSides(measuring, row, repetition);
  if (isShort || foreignCores(first) <= FOREIGN_CORES) return first;
  const again = await measureSides(measuring, row, repetition);
  return foreignCores(again) < foreignCores(first) ? again : first;
}

/** All repetitions of the rows; the second of a row comes when all rows had their first. */
async function measureAll(measuring: Measuring, rows: readonly Row[]): Promise<Results['stretches']> {
  const stretches: Record<string, Record<string, Measured[]>> = {};
  for (const row of rows) stretches[row.id] = Object.fromEntries(Object.keys(row.sides).map((side) => [side, []]));
  await warmUp(measuring, rows);
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (const row of rows) {
      const measured = await measureRow(measuring, row, repetition);
      for (const [side, one] of Object.entries(measured)) stretches[row.id]?.[side]?.push(one);
      process.stderr.write(`${repetition + 1} of ${repetitions}: ${row.id}\n`);
    }
  }
  return stretches;
}

/** The most memory that mintd took in each repetition, of all stretches on SQLite. */
function memoryVerdict(stretches: Results['stretches']): Verdict[] {
  const ofMintd = ROWS.flatMap(({ id, sides }) =>
    Object.entries(sides).flatMap(([side, { subject }]) => (subject === 'mintd' ? [stretches[id]?.[side] ?? []] : [])),
  );
  const values = Array.from({ length: repetitions }, (_, i) => Math.max(...ofMintd.map((all) => all[i]?.rssMib ?? 0)));
  return [{ row: MEMORY, what: 'memory (RSS) under all this load', unit: 'MiB', atMost: 150, values }];
}

async function startVerdict({ subjects }: Measuring): Promise<Verdict[]> {
  const values: number[] = [];
  for (let i = 0; i < (isShort ? 2 : STARTS); i++) values.push((await subjects.startMs()) / 1000);
  return [{ row: START, what: 'start: listening, with an existing database', unit: 's', atMost: 1.5, values }];
}

async function run(measuring: Measuring): Promise<Results> {
  const chosen = chosenRows();
  const rows = ROWS.filter(({ id }) => chosen.includes(id)).map((row) => (options.check ? withoutPostgres(row) : row));
  const before = await conditions();
  const stretches = await measureAll(measuring, rows);
  const verdicts = rows.flatMap((row) => compare(row, stretches[row.id] ?? {}));
  if (chosen.includes(MEMORY) && rows.length > 0) verdicts.push(...memoryVerdict(stretches));
  if (chosen.includes(START)) verdicts.push(...(await startVerdict(measuring)));
  if (chosen.includes(FAMILIES)) verdicts.push(await familiesVerdict(repetitions));
  return { conditions: before, seconds, repetitions, verdicts, stretches };
}

/** Whether no rate has fallen to half of what was committed; what seems to have is looked at once more, for longer. */
async function isFastEnough(measuring: Measuring, { verdicts }: Results): Promise<boolean> {
  const suspected = grosslyWorse(verdicts, committedVerdicts());
  if (suspected.length === 0) return true;
  console.log(`once more: ${suspected.map(({ what }) => what).join('; ')}`);
  const rows = ROWS.filter(({ id }) => suspected.some(({ row }) => row === id)).map(withoutPostgres);
  const stretches = await measureAll({ ...measuring, stretch: AGAIN }, rows);
  const again = rows.flatMap((row) => compare(row, stretches[row.id] ?? {}));
  const worse = grosslyWorse(again, committedVerdicts());
  for (const { what, values } of worse)
    console.log(`SLOWER: ${what} is ${spread(values)}, less than half of what docs/performance.json has`);
  return worse.length === 0;
}

const measuring = { loader: openLoader(), subjects: openSubjects(), stretch };
try {
  const results = await run(measuring);
  const { fileSystem, folder, fsyncMs, kernel, processors, node, scheduling } = results.conditions;
  console.log(
    `${processors}, ${kernel}, ${scheduling}, Node ${node}; ${folder} on ${fileSystem}, where an fsync takes ${fsyncMs.toFixed(2)} ms`,
  );
  if (Object.keys(results.stretches).length > 0) console.table(stretchRows(results.stretches));
  for (const line of errorLines(results.stretches)) console.log(line);
  console.table(verdictRows(results.verdicts));
  const speeds = Object.values(results.stretches).flatMap((sides) => Object.values(sides).flat());
  const range = speeds.map((measured) => measured.signaturesPerSecond);
  if (range.length > 0)
    console.log(
      `RS256 signatures a second of one thread: ${Math.min(...range).toFixed(0)} to ${Math.max(...range).toFixed(0)}`,
    );
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(results, null, 2)}\n`);
  if (options.check) process.exitCode = (await isFastEnough(measuring, results)) ? 0 : 1;
} finally {
  await measuring.subjects.stop();
  await measuring.loader.stop();
}
