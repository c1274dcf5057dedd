import { randomBytes } from 'node:crypto';
import { type Command, Option } from 'commander';
import { type ImportRow, type ImportTally, importUsers } from '../accounts/import.js';
import { openUsers, type UserStore } from '../store/users.js';
import { withDatabase } from './database.js';
import { readCsv } from './import-csv.js';
import { readNdjson } from './import-ndjson.js';
import { openSource, type Source } from './import-source.js';
import { type CliIo, CommandFailed, type OutputOptions, print } from './io.js';
import { openProgress, type Progress } from './progress.js';
import { examples, type Settings, wholeNumber } from './settings.js';

const FORMATS = ['csv', 'ndjson'] as const;
type Format = (typeof FORMATS)[number];
type ImportOptions = OutputOptions & { format?: Format; dryRun?: boolean; skipExisting?: boolean; batch: number };

const READERS: Readonly<Record<Format, (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<ImportRow>>> = {
  csv: readCsv,
  ndjson: readNdjson,
};

/** More faults are counted and not shown: whoever has so many has one reason for them. */
const MOST_FAULTS_SHOWN = 100;

const HELP = `
Columns of CSV (a header line is required), members of NDJSON (an object a line):
  username       required; unique, as with \`users add\`
  password_hash  required; bcrypt: $2a$, $2b$ or $2y$, cost 4 to 16
  email          an address to log in with as well
  roles          separated by spaces; in NDJSON also a list
  id             a UUID, kept as the \`sub\` of the user's tokens; else one is made
  disabled       true or false
  created_at     RFC 3339; else now

Rows are written in batches. A batch with a faulty row writes none of its rows; the import goes on with the next one,
and the exit code is 1. Mend the rows that were shown, and run it again with --skip-existing: users whose name is there
already, from the first run or from before, are then left out and are no fault. Nobody who is there is ever changed.`;

/** `mintd users import` */
export function importCommand(users: Command, io: CliIo, settings: () => Settings): void {
  users
    .command('import')
    .description('add users from elsewhere who keep their passwords: with the bcrypt hashes they have')
    .argument('[file]', 'CSV or NDJSON in UTF-8; - or nothing for stdin')
    .addOption(new Option('--format <format>', 'what it is, if its name does not end with that').choices(FORMATS))
    .option('--dry-run', 'check everything, write nothing')
    .option('--skip-existing', 'leave out users whose name is there already')
    .option('--batch <rows>', 'how many rows are written together or not at all', wholeNumber(1, 10_000), 1000)
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .addHelpText(
      'after',
      examples(
        'mintd users import users.csv --dry-run',
        'mintd users import users.csv --skip-existing',
        'mintd users import --format ndjson < users.ndjson',
      ),
    )
    .action((file: string | undefined, options: ImportOptions, command: Command) => {
      if (file === undefined && io.isInteractive) command.error('error: say a file, or - to type the users in');
      const format = options.format ?? formatOf(file ?? '-');
      if (format === null) return command.error('error: say --format csv or --format ndjson');
      return importFrom(io, settings(), file ?? '-', READERS[format], options);
    });
}

function formatOf(file: string): Format | null {
  if (/\.csv$/i.test(file)) return 'csv';
  return /\.(ndjson|jsonl)$/i.test(file) ? 'ndjson' : null;
}

async function importFrom(
  io: CliIo,
  settings: Settings,
  file: string,
  read: (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<ImportRow>,
  options: ImportOptions,
): Promise<void> {
  await withDatabase(settings.databaseUrl, async (database) => {
    const source = await openSource(io, file);
    const progress = openProgress(io, source.totalBytes);
    try {
      const rows = read(counted(source, progress));
      const tally = await run(openUsers(database), settings, rows, options, progress);
      progress.stop();
      noteImport(settings, tally, options);
      report(io, settings, tally, options);
    } finally {
      progress.stop();
      await source.close();
    }
  });
}

async function* counted({ chunks }: Source, progress: Progress): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    progress.add(chunk.length);
    yield chunk;
  }
}

/** Imports, shows faults as they come, and where it was when it fails. */
async function run(
  users: UserStore,
  { bcryptCost, audit }: Settings,
  rows: AsyncIterable<ImportRow>,
  { batch, dryRun = false, skipExisting = false, json = false }: ImportOptions,
  progress: Progress,
): Promise<ImportTally> {
  let faultsLeft = MOST_FAULTS_SHOWN;
  let stage = { line: 0, imported: 0, administrators: 0 };
  try {
    return await importUsers(
      {
        ...{ users, clock: Date.now, randomBytes },
        onFault(line, faults) {
          if (faultsLeft-- <= 0) return;
          progress.say(json ? JSON.stringify({ line, faults }) : `line ${line}: ${faults.join('; ')}`);
        },
        onBatch(line, { imported, administrators }) {
          stage = { line, imported, administrators };
        },
      },
      rows,
      { batchRows: batch, isDryRun: dryRun, skipsExisting: skipExisting, bcryptCost },
    );
  } catch (error) {
    const { line, imported, administrators } = stage;
    if (!dryRun) audit('users_imported', { count: imported, administrators, reason: 'stopped' });
    if (line > 0) {
      const done = `all up to line ${line} is done, with ${imported} users imported`;
      progress.say(dryRun ? `stopped after line ${line}` : `stopped: ${done}; of the batch after it all or nothing is`);
    }
    throw error;
  } finally {
    if (faultsLeft < 0) progress.say(`${-faultsLeft} more faulty rows are not shown`);
  }
}

function noteImport(
  { audit }: Settings,
  { imported, administrators, faulty }: ImportTally,
  { dryRun }: ImportOptions,
): void {
  if (dryRun === true || imported === 0) return;
  audit('users_imported', { count: imported, administrators, ...(faulty > 0 && { reason: 'faulty_rows' }) });
}

function report(io: CliIo, settings: Settings, tally: ImportTally, options: ImportOptions): void {
  const { imported, faulty, leftOut, skipped, skippedDifferent, costly } = tally;
  const isDryRun = options.dryRun === true;
  if (costly > 0) {
    io.err(
      `warning: ${costly} hashes have a cost above BCRYPT_COST (${settings.bcryptCost}): a login of these users takes longer ` +
        'than one with a name nobody has, which tells that they exist\n',
    );
  }
  const counts = { imported, faulty, left_out: leftOut, skipped, skipped_different: skippedDifferent };
  print(io, options, { dry_run: isDryRun, ...counts }, () =>
    [
      `${isDryRun ? 'would import' : 'imported'} ${imported} ${imported === 1 ? 'user' : 'users'}`,
      ...(skipped === 0 ? [] : [`there already: ${skipped}${different(skippedDifferent)}`]),
      ...(faulty === 0 ? [] : [`faulty rows: ${faulty}; good rows left out with their batch: ${leftOut}`]),
    ].join('\n'),
  );
  if (faulty > 0) {
    const next = isDryRun ? '' : ': mend these rows, and run it again with --skip-existing';
    throw new CommandFailed(`not all of it ${isDryRun ? 'would be' : 'was'} imported${next}`);
  }
}

function different(count: number): string {
  return count === 0 ? '' : `, ${count} of them with another hash, address or id than in the file`;
}
