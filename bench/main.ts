// npm run bench [-- --quick] [-- --check] [-- --baseline [--node PATH]] [-- --rows refresh-8,mixed] [-- --seconds 4]
// [-- --repetitions 5] [-- --json FILE]: how fast is mintd, held against servers that do nothing but the part that cannot be left
// out, and against the baseline, which is mintd as it was at one commit (bench/baseline.ts)? What is compared comes right after
// one another, in each repetition in another order, and what counts are the ratios: the machine is not always as fast. A row
// during which others took much of the processors is measured once more. Folders are made where TMPDIR says: it has to be a real
// disk. With --check it takes seconds, and fails when a rate is less than half of what docs/performance.json has. With --baseline
// only the baseline is compared, with --no-baseline and --quick everything else; --node chooses the Node of today's side beside
// it, where `baseline` is the baseline's own. Linux only.
import { writeFile } from 'node:fs/promises';
import { BASELINE_COMMIT, openBaseline } from './baseline.js';
import { BASELINE_IDS, BASELINE_ROWS, BASELINE_START, besideBaseline, type StartPair } from './baseline-rows.js';
import { committedVerdicts, grosslyWorse } from './check.js';
import { familiesVerdict } from './families-row.js';
import { type Loader, openLoader } from './load.js';
import { conditions } from './machine.js';
import { type Measured, measure, measureBcrypt, type Stretch } from './measure.js';
import { readOptions, versionOfNode } from './options.js';
import { compare, errorLines, type Results, spread, stretchRows, type Verdict, verdictRows } from './results.js';
import { FAMILIES, MEMORY, ROWS, type Row, type Side, START } from './rows.js';
import { openSubjects, type Subjects, today } from './subjects.js';

/** Beyond this, others have disturbed: in cores. */
const FOREIGN_CORES = 0.25;
const STARTS = 5;
const STARTS_A_REPETITION = 3;
/** Between a start and the look at the memory of what is idle. */
const REST_MS = 2000;

/** What the user can mend needs a sentence, and no stack. */
function orExit<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}

const options = orExit(() => readOptions(process.argv.slice(2)));
const { isShort, seconds, repetitions } = options;
const stretch: Stretch = { seconds, warmupSeconds: isShort ? 0.2 : 0.5 };
/** For what seems to be slower: the machine may have been busy. */
const AGAIN: Stretch = { seconds: 3, warmupSeconds: 0.5 };

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

const foreignCores = (sides: Readonly<Record<string, { readonly foreignCores: number }>>) =>
  Math.max(...Object.values(sides).map((measured) => measured.foreignCores));

/** Measures once more when other processes were busy meanwhile; what was disturbed less counts. */
async function undisturbed<T extends Readonly<Record<string, { readonly foreignCores: number }>>>(
  measureOnce: () => Promise<T>,
): Promise<T> {
  const first = await measureOnce();
  if (isShort || foreignCores(first) <= FOREIGN_CORES) return first;
  const again = await measureOnce();
  return foreignCores(again) < foreignCores(first) ? again : first;
}

/** All repetitions of the rows; the second of a row comes when all rows had their first. */
async function measureAll(measuring: Measuring, rows: readonly Row[]): Promise<Results['stretches']> {
  const stretches: Record<string, Record<string, Measured[]>> = {};
  for (const row of rows) stretches[row.id] = Object.fromEntries(Object.keys(row.sides).map((side) => [side, []]));
  await warmUp(measuring, rows);
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (const row of rows) {
      const measured = await undisturbed(() => measureSides(measuring, row, repetition));
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
  const start = await subjects.starter('mintd', 0);
  const values: number[] = [];
  for (let i = 0; i < (isShort ? 2 : STARTS); i++) values.push((await start()).ms / 1000);
  return [{ row: START, what: 'start: listening, with an existing database', unit: 's', atMost: 1.5, values }];
}

/** Starts today's build and the baseline in turns; each is the first of a pair every other time. */
async function measureStarts({ subjects }: Measuring): Promise<StartPair[]> {
  const starters = {
    today: await subjects.starter('today', REST_MS),
    baseline: await subjects.starter('baseline', REST_MS),
  };
  const pairs: StartPair[] = [];
  for (let i = 0; i < repetitions * STARTS_A_REPETITION; i++) {
    const pair = async (): Promise<StartPair> => {
      if (i % 2 === 0) return { today: await starters.today(), baseline: await starters.baseline() };
      const baseline = await starters.baseline();
      return { today: await starters.today(), baseline };
    };
    pairs.push(await undisturbed(pair));
  }
  return pairs;
}

async function run(measuring: Measuring): Promise<Results> {
  const chosen = options.rows;
  const rows = ROWS.filter(({ id }) => chosen.includes(id)).map((row) => (options.check ? withoutPostgres(row) : row));
  const besideRows = BASELINE_ROWS.filter(({ id }) => chosen.includes(id));
  const before = await conditions();
  const stretches = await measureAll(measuring, [...rows, ...besideRows]);
  const verdicts = rows.flatMap((row) => compare(row, stretches[row.id] ?? {}));
  if (chosen.includes(MEMORY) && rows.length > 0) verdicts.push(...memoryVerdict(stretches));
  if (chosen.includes(START)) verdicts.push(...(await startVerdict(measuring)));
  if (chosen.includes(FAMILIES)) verdicts.push(await familiesVerdict(repetitions));
  const results = { conditions: before, seconds, repetitions, verdicts, stretches };
  if (baseline === null) return results;
  const starts = chosen.includes(BASELINE_START) ? await measureStarts(measuring) : [];
  const beside = besideBaseline(stretches, starts).filter(({ row }) => chosen.includes(row));
  return { ...results, baseline: { commit: BASELINE_COMMIT, nodes: baseline.nodes, verdicts: beside } };
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

/** Both sides of the rows beside the baseline; null where none of those was chosen. */
function openBoth() {
  if (!options.rows.some((id) => BASELINE_IDS.includes(id))) return null;
  const baseline = openBaseline();
  const node = options.node === 'baseline' ? baseline.build.node : (options.node ?? process.execPath);
  const nodes = { today: versionOfNode(node), baseline: versionOfNode(baseline.build.node) };
  return { installations: { today: today(node), baseline }, nodes };
}

function print(results: Results): void {
  const { fileSystem, folder, fsyncMs, kernel, processors, node, scheduling } = results.conditions;
  console.log(
    `${processors}, ${kernel}, ${scheduling}, Node ${node}; ${folder} on ${fileSystem}, where an fsync takes ${fsyncMs.toFixed(2)} ms`,
  );
  if (Object.keys(results.stretches).length > 0) console.table(stretchRows(results.stretches));
  for (const line of errorLines(results.stretches)) console.log(line);
  if (results.verdicts.length > 0) console.table(verdictRows(results.verdicts));
  if (results.baseline !== undefined) {
    const { commit, nodes, verdicts } = results.baseline;
    console.log(
      `today on Node ${nodes.today}, by the baseline: commit ${commit.slice(0, 7)} on Node ${nodes.baseline}`,
    );
    console.table(verdictRows(verdicts));
  }
  const speeds = Object.values(results.stretches).flatMap((sides) => Object.values(sides).flat());
  const range = speeds.map((measured) => measured.signaturesPerSecond);
  if (range.length > 0)
    console.log(
      `RS256 signatures a second of one thread: ${Math.min(...range).toFixed(0)} to ${Math.max(...range).toFixed(0)}`,
    );
}

const baseline = orExit(openBoth);
const measuring = { loader: openLoader(), subjects: openSubjects(baseline?.installations), stretch };
try {
  const results = await run(measuring);
  print(results);
  if (options.json !== null) await writeFile(options.json, `${JSON.stringify(results, null, 2)}\n`);
  if (options.check) process.exitCode = (await isFastEnough(measuring, results)) ? 0 : 1;
} finally {
  await measuring.subjects.stop();
  await measuring.loader.stop();
}
