import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { CliIo } from '../../src/cli/io.js';
import { runCli } from '../../src/cli.js';
import { type Config, ConfigError, type Environment, readConfig } from '../../src/config.js';
import { prepareRing } from '../../src/keys/rotate.js';
import { type Database, openDatabase } from '../../src/store/database.js';
import { migrate } from '../../src/store/migrate.js';
import { temporaryFolder } from '../helper.js';
import { filesIn } from '../keys/support.js';

/** What a command left behind. */
export type CommandResult = { readonly code: number; readonly out: string; readonly err: string };

/** What a command may get from the world. */
export type CommandInput = {
  /** What waits on stdin. */
  readonly stdin?: string | Uint8Array;
  /** What a person at a terminal answers, one question after the other. None: no terminal. */
  readonly answers?: readonly string[];
  readonly environment?: Environment;
  /** The terminal stderr is. None: it is none. */
  readonly errTerminal?: NodeJS.WritableStream;
};

/** A folder with everything the command line works on. */
export type CommandLine = {
  readonly folder: string;
  readonly databaseUrl: string;
  readonly keysDir: string;
  /** Runs `mintd ARGS…`; arguments are separated by spaces, or given as a list. */
  mintd(args: string | readonly string[], input?: CommandInput): Promise<CommandResult>;
  /** The same with `--json`, which must succeed, with hints at most on stderr; its stdout, parsed. */
  json(args: string | readonly string[], input?: CommandInput): Promise<Record<string, unknown>>;
  /** Does something with the database the commands work on. */
  withDatabase<T>(work: (database: Database) => Promise<T>): Promise<T>;
  /** The questions a person was asked. */
  readonly questions: string[];
  /** The configurations `mintd serve` was started with. */
  readonly served: Config[];
};

/** A command line whose database and keys are not there yet. */
export function emptyCommandLine(t: Test): CommandLine {
  const folder = temporaryFolder(t);
  const databaseUrl = `file:${join(folder, 'mintd.db')}`;
  const keysDir = join(folder, 'keys');
  const settings = { DATABASE_URL: databaseUrl, KEYS_DIR: keysDir, BCRYPT_COST: '10' };
  const questions: string[] = [];
  const served: Config[] = [];

  async function mintd(args: string | readonly string[], input: CommandInput = {}): Promise<CommandResult> {
    const written = { out: '', err: '' };
    const code = await runCli(typeof args === 'string' ? wordsOf(args) : args, {
      io: fakeIo(written, questions, input),
      environment: () => ({ ...settings, ...input.environment }),
      version: '1.2.3',
      serve: async (config) => {
        served.push(config);
      },
    });
    return { code, ...written };
  }

  async function json(args: string | readonly string[], input?: CommandInput): Promise<Record<string, unknown>> {
    const words = typeof args === 'string' ? wordsOf(args) : args;
    const { code, out, err } = await mintd([...words, '--json'], input);
    const complaints = err.split('\n').filter((line) => line !== '' && !line.startsWith('{"hint":'));
    if (code !== 0 || complaints.length > 0) throw new Error(`mintd ${words.join(' ')}: exit ${code}: ${err}`);
    return JSON.parse(out);
  }

  async function withDatabase<T>(work: (database: Database) => Promise<T>): Promise<T> {
    const database = await openDatabase(databaseUrl);
    return work(database).finally(() => database.close());
  }

  return { folder, databaseUrl, keysDir, mintd, json, withDatabase, questions, served };
}

function wordsOf(line: string): readonly string[] {
  return line.split(' ').filter((word) => word !== '');
}

function fakeIo(written: { out: string; err: string }, questions: string[], input: CommandInput): CliIo {
  const answers = [...(input.answers ?? [])];
  return {
    out: (text) => {
      written.out += text;
    },
    err: (text) => {
      written.err += text;
    },
    isInteractive: input.answers !== undefined,
    readStdin: async () => String(input.stdin ?? ''),
    stdin: async function* () {
      yield Buffer.from(input.stdin ?? '');
    },
    errTerminal: input.errTerminal ?? null,
    askYes: async (question) => {
      questions.push(question);
      return answers.shift() === 'yes';
    },
    askSecret: async (question) => {
      questions.push(question);
      const answer = answers.shift();
      if (answer === undefined) throw new Error(`nobody answers: ${question}`);
      return answer;
    },
  };
}

/** A command line on a migrated, empty database. */
export async function commandLine(t: Test): Promise<CommandLine> {
  const made = emptyCommandLine(t);
  await migrate(made.databaseUrl, true);
  return made;
}

/** Makes the first key ring in a folder, as the first start of the server does, `ageSeconds` ago. */
export async function makeRing(keysDir: string, ageSeconds = 0): Promise<void> {
  const timing = {
    jwksMaxAgeSeconds: 300,
    verifierCacheSeconds: 600,
    accessTokenMaxTtlSeconds: 3600,
    clockSkewSeconds: 60,
  };
  await prepareRing(filesIn(keysDir), false, timing, () => Date.now() - ageSeconds * 1000);
}

/** Notes in the database that a migration was applied which this program does not know. */
export async function makeNewer(database: Database): Promise<void> {
  await database.prisma.$executeRawUnsafe(
    `INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, started_at, applied_steps_count)
     VALUES ('newer', 'x', CURRENT_TIMESTAMP, '29991231000000_from_the_future', CURRENT_TIMESTAMP, 1)`,
  );
}

/** The times of RFC 3339 mintd shows: UTC, whole seconds. */
export const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** A file as bytes, to see whether it changed. */
export function bytesOf(path: string): string {
  return readFileSync(path, 'latin1');
}

/** The least that production needs. */
export const PRODUCTION = {
  NODE_ENV: 'production',
  ISSUER: 'https://login.example.com',
  DATABASE_URL: 'postgres://mintd:secret@db.example.com/mintd',
};

/** Every fault of an environment; none when it can be used. */
export function faultsOf(environment: Environment): readonly string[] {
  try {
    readConfig(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}
