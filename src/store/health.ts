import { existsSync } from 'node:fs';
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3';
import { type Finding, failed, fine, type Look } from '../oauth/check.js';
import type { EpochMs } from '../oauth/time.js';
import { type Database, openDatabase, providerOf, REQUEST_PATIENCE, sqliteFile } from './database.js';
import { PrismaClient as SqliteClient } from './generated/sqlite/client.js';
import { postgresLooks } from './health-postgres.js';
import { sqliteLooks } from './health-sqlite.js';
import { knownMigrations, schemaFault, schemaStatus } from './migrate.js';

/** What looking at a database takes besides its URL. */
export type LookSettings = { readonly clockSkewSeconds: number; readonly clock: () => EpochMs };

/** Another program has the SQLite file for itself at this moment; the process that waits has nothing else to do. */
const BUSY_WAIT_MS = 1_000;

/** A database's kind and place, without user, password or anything else that may be secret. */
export function databaseName(databaseUrl: string): string {
  if (providerOf(databaseUrl) === 'sqlite') return `SQLite, ${sqliteFile(databaseUrl)}`;
  if (!URL.canParse(databaseUrl)) return 'PostgreSQL, at a DATABASE_URL that is no URL';
  const { host, pathname } = new URL(databaseUrl);
  return `PostgreSQL, ${host}${pathname}`;
}

/**
 * Opens a database to look at it: nothing in it or beside it is changed, not even what opening it to work sets.
 *
 * @throws Error when there is none
 */
export async function openToLook(databaseUrl: string): Promise<Database> {
  if (providerOf(databaseUrl) !== 'sqlite') {
    // Errors come as the driver has them, at once: who looks wants to know what is wrong.
    return { ...(await openDatabase(databaseUrl, false, REQUEST_PATIENCE)), attempt: (statement) => statement() };
  }
  const path = sqliteFile(databaseUrl);
  if (!existsSync(path)) throw new Error(`there is no database at ${path}`);
  // Where nobody has it open, a connection that may only read would leave a WAL behind that it may not delete.
  const readonly = existsSync(`${path}-wal`);
  const adapter = new PrismaBetterSqlite3(
    { url: databaseUrl, timeout: BUSY_WAIT_MS, fileMustExist: true, readonly },
    { timestampFormat: 'unixepoch-ms' },
  );
  const prisma = new SqliteClient({ adapter });
  return {
    provider: 'sqlite',
    prisma,
    attempt: (statement) => statement(),
    direct: () => Promise.reject(new Error('who looks writes nothing')),
    gather: null,
    close: () => prisma.$disconnect(),
  };
}

/** Whether the database answers at all. The other looks make no sense where it does not. */
export async function lookAtDatabase(database: Database, databaseUrl: string): Promise<Finding> {
  const { provider, prisma } = database;
  if (provider === 'sqlite') {
    await prisma.$queryRawUnsafe('PRAGMA query_only = 1');
    await prisma.$queryRaw`SELECT name FROM sqlite_master LIMIT 1`;
    return fine(databaseName(databaseUrl));
  }
  const [row] = await prisma.$queryRaw<{ version: string }[]>`SELECT current_setting('server_version') AS version`;
  return fine(`${databaseName(databaseUrl)}, version ${row?.version}`);
}

/** Whether the schema is this program's. */
export async function lookAtSchema(database: Database): Promise<Finding> {
  const schema = await schemaStatus(database);
  if (schema.status === 'current') {
    const known = await knownMigrations(database.provider);
    return fine(`current: ${known.length} migrations, the last ${known.at(-1)}`);
  }
  const [found = '', ...wayOut] = (schemaFault(schema) ?? '').split(': ');
  return failed(found, wayOut.join(': '));
}

/** Everything else there is to look at, for a database whose schema is current. */
export function databaseLooks(database: Database, databaseUrl: string, settings: LookSettings): readonly Look[] {
  return database.provider === 'sqlite'
    ? sqliteLooks(database, sqliteFile(databaseUrl), settings)
    : postgresLooks(database, databaseUrl, settings);
}

/** What was thrown by a database, in its own words: Prisma's begin with source code. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!('clientVersion' in error)) return error.message;
  const last = error.message.split('\n').findLast((line) => line.trim() !== '') ?? error.message;
  return /Message: `(.*)`$/.exec(last)?.[1] ?? last;
}

/** The way out where a database could not be opened, by what it said. */
export function wayIn(reason: string): string {
  return WAYS_IN.find(([pattern]) => pattern.test(reason))?.[1] ?? 'correct DATABASE_URL, or start the database';
}

const WAYS_IN: readonly (readonly [reason: RegExp, advice: string])[] = [
  [/^there is no database at/, 'make it with `mintd migrate`, or restore it from a backup'],
  [/not a database|malformed/, 'restore it from a backup (docs/operations/backup.md)'],
  [/unable to open|readonly|permission denied/i, 'chown the file and its folder to the user that mintd runs as'],
  [/password authentication|no password supplied/, 'set the right user and password in DATABASE_URL'],
  [/database ".*" does not exist/, 'make it: `createdb`, then `mintd migrate`; or correct DATABASE_URL'],
  [/too many (clients|connections)|remaining connection slots/, 'raise max_connections, or run fewer servers'],
  [/no pg_hba.conf entry|SSL|TLS|certificate/i, 'correct sslmode in DATABASE_URL, or pg_hba.conf at the server'],
];
