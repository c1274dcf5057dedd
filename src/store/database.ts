import { existsSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3';
import { PrismaPg } from '@prisma/adapter-pg';
import { Pool, type PoolConfig } from 'pg';
import { type Direct, directOn } from './direct.js';
import { directOnSqlite } from './direct-sqlite.js';
import { assertAccepted, DURABLE, NO_BUSY_WAIT_MS } from './durability.js';
import { gathered } from './gathered.js';
import { PrismaClient as PostgresClient } from './generated/postgres/client.js';
import { PrismaClient as SqliteClient } from './generated/sqlite/client.js';
import { type Attempt, observed, type StatementObserver } from './observer.js';
import { attempt } from './outage.js';
import { takeTurns } from './turns.js';

/** What DATABASE_URL chooses. */
export type Provider = 'sqlite' | 'postgres';

/** An open database. `prisma` is typed as the SQLite client, the narrower of the two generated from equal models. */
export type Database = {
  readonly provider: Provider;
  readonly prisma: SqliteClient;
  /** Runs one statement or batch; see src/store/outage.ts. */
  readonly attempt: Attempt;
  /** See src/store/direct.ts. */
  readonly direct: Direct;
  /** What is done in one statement where it comes at once; null on SQLite, whose `direct` has one commit for several. */
  readonly gather: Gather | null;
  close(): Promise<void>;
};

/** Has work done for several that ask at about the same time; see src/store/gathered.ts. */
export type Gather = <In, Out>(
  work: (inputs: readonly In[]) => Promise<readonly Out[]>,
  isDone: (output: Out) => boolean,
) => (input: In) => Promise<Out>;

/** How long PostgreSQL may work on one statement, 0 for ever; how long that may wait for its turn, and for a connection. */
export type Patience = { readonly statementMs: number; readonly turnMs: number; readonly connectMs: number };
/** For requests: that there is no connection, or that a statement takes too long on one, is known in under 3 s. */
export const REQUEST_PATIENCE: Patience = { statementMs: 800, turnMs: 500, connectMs: 2_000 };
/** For commands: nobody waits behind them, and what they do may be large. */
export const COMMAND_PATIENCE: Patience = { statementMs: 120_000, turnMs: 120_000, connectMs: 10_000 };
/** For migrations: a large table takes as long as it takes. */
export const MIGRATION_PATIENCE: Patience = { ...COMMAND_PATIENCE, statementMs: 0 };
/** The driver gives up on a server that does not even say that it gave up. */
const SILENCE_TIMEOUT_MS = 100;
export const POOL_SIZE = 10;
/** Rotations at once, in one statement or in several; and how long one may hold the next up. */
const GATHERING = { most: 16, patienceMs: 50 };

/** Which database a URL names: `file:` is SQLite, `postgres:` or `postgresql:` PostgreSQL. Null for anything else. */
export function providerOf(databaseUrl: string): Provider | null {
  if (/^file:./.test(databaseUrl)) return 'sqlite';
  return /^postgres(ql)?:\/\//.test(databaseUrl) ? 'postgres' : null;
}

/** The path of the file a `file:` URL names; relative paths are relative to the working directory. */
export function sqliteFile(databaseUrl: string): string {
  return databaseUrl.replace(/^file:(\/\/(?=\/))?/, '');
}

/**
 * Makes sure that the folder of an SQLite file is there.
 *
 * @param make whether to make it, for its owner alone
 * @throws Error that names the folder
 */
export async function prepareFolder(databaseUrl: string, make: boolean): Promise<void> {
  if (providerOf(databaseUrl) !== 'sqlite') return;
  const folder = dirname(sqliteFile(databaseUrl));
  if (make) await mkdir(folder, { recursive: true, mode: 0o700 });
  else if (!existsSync(folder)) throw new Error(`the folder of DATABASE_URL is not there: ${folder}`);
}

/** How a connection to PostgreSQL is made, in a pool or alone. */
export function connectionSettings(databaseUrl: string, { statementMs, connectMs }: Patience): PoolConfig {
  return {
    connectionString: databaseUrl,
    application_name: 'mintd',
    max: POOL_SIZE,
    connectionTimeoutMillis: connectMs,
    ...(statementMs > 0 && {
      statement_timeout: statementMs,
      query_timeout: statementMs + SILENCE_TIMEOUT_MS,
    }),
    keepAlive: true,
  };
}

/**
 * Opens the database a URL names. Nothing is migrated; on PostgreSQL the first statement connects.
 *
 * @param mayCreate whether an SQLite file that is not there is made
 * @param patience with each statement on PostgreSQL
 * @param observe is told how each statement went
 * @throws Error when there is no such file, or SQLite does not take the settings durability rests on
 */
export async function openDatabase(
  databaseUrl: string,
  mayCreate = false,
  patience = REQUEST_PATIENCE,
  observe?: StatementObserver,
): Promise<Database> {
  if (providerOf(databaseUrl) === 'sqlite') {
    await prepareFile(sqliteFile(databaseUrl), mayCreate);
    const adapter = new PrismaBetterSqlite3(
      { url: databaseUrl, timeout: NO_BUSY_WAIT_MS, fileMustExist: true },
      { timestampFormat: 'unixepoch-ms' },
    );
    const prisma = new SqliteClient({ adapter });
    await makeDurable(prisma, sqliteFile(databaseUrl)).catch(async (error: unknown) => {
      await prisma.$disconnect();
      throw error;
    });
    const { direct, close } = directOnSqlite(sqliteFile(databaseUrl));
    return {
      provider: 'sqlite',
      prisma,
      attempt: observed(attempt, observe),
      direct,
      gather: null,
      async close() {
        close();
        await prisma.$disconnect();
      },
    };
  }
  const pool = new Pool(connectionSettings(databaseUrl, patience));
  // A connection that breaks while nobody uses it is replaced; whoever needs one hears of what is wrong then.
  pool.on('error', () => {});
  const adapter = new PrismaPg(pool);
  // The two generated clients have the same models (test/store/schema.test.ts), but TypeScript cannot know it.
  const prisma = new PostgresClient({ adapter }) as unknown as SqliteClient;
  const inTurn = takeTurns(POOL_SIZE, patience.turnMs);
  const attemptInTurn: Attempt = (statement) => attempt(() => inTurn(statement));
  const eachSeen = observed((statement) => statement(), observe);
  return {
    provider: 'postgres',
    prisma,
    attempt: observed(attemptInTurn, observe),
    direct: directOn(pool),
    gather(work, isDone) {
      const ask = gathered(
        (inputs: Parameters<typeof work>[0]) => attemptInTurn(() => work(inputs)),
        isDone,
        GATHERING,
      );
      return (input) => eachSeen(() => ask(input));
    },
    async close() {
      await prisma.$disconnect();
      await pool.end();
    },
  };
}

/** Made before SQLite makes it readable by everybody: it holds password hashes. Its other files get the same mode. */
export async function prepareFile(path: string, mayCreate: boolean): Promise<void> {
  if (mayCreate) await (await open(path, 'a', 0o600)).close();
  else if (!existsSync(path)) {
    throw new Error(`there is no database at ${path}: run \`mintd migrate\` or \`mintd serve\``);
  }
}

/**
 * Sets what it takes that nothing acknowledged is ever lost, and reads it back: with `synchronous=NORMAL` a
 * consumed refresh token could come back after a power cut.
 */
async function makeDurable(prisma: SqliteClient, path: string): Promise<void> {
  try {
    await attempt(() => prisma.$queryRaw`SELECT name FROM sqlite_master LIMIT 1`);
  } catch (error) {
    if (!String(error).includes('file is not a database')) throw error;
    throw new Error(`${path} is not a database that SQLite can read`, { cause: error });
  }
  const wanted = { journal_mode: 'wal', ...DURABLE };
  for (const [name, value] of Object.entries(wanted)) {
    await attempt(() => prisma.$queryRawUnsafe(`PRAGMA ${name} = ${value}`));
    const rows = await attempt(() => prisma.$queryRawUnsafe<Record<string, unknown>[]>(`PRAGMA ${name}`));
    assertAccepted(name, value, Object.values(rows[0] ?? {})[0]);
  }
}
