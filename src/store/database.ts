import { open } from 'node:fs/promises';
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3';
import { PrismaPg } from '@prisma/adapter-pg';
import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import { PrismaClient as PostgresClient } from './generated/postgres/client.js';
import { PrismaClient as SqliteClient } from './generated/sqlite/client.js';

/** What DATABASE_URL chooses. */
export type Provider = 'sqlite' | 'postgres';

/** An open database. `prisma` is typed as the SQLite client, the narrower of the two generated from equal models. */
export type Database = {
  readonly provider: Provider;
  readonly prisma: SqliteClient;
  close(): Promise<void>;
};

/** A statement that takes longer than this on PostgreSQL is given up; DESIGN's answer within 3 s rests on it. */
const STATEMENT_TIMEOUT_MS = 2_000;
const CONNECT_TIMEOUT_MS = 2_000;
const POOL_SIZE = 10;
/** A busy wait on SQLite blocks the event loop, so it is short; src/store/outage.ts retries outside of it. */
const BUSY_TIMEOUT_MS = 100;

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
 * The driver Prisma talks through. Each call of its connect() is a new connection, so migrations have one of their own.
 *
 * @param mayCreate whether an SQLite file that is not there is made; off, a mistyped path leaves nothing behind
 */
export function adapterFor(databaseUrl: string, mayCreate: boolean): SqlMigrationAwareDriverAdapterFactory {
  if (providerOf(databaseUrl) === 'sqlite') {
    return new PrismaBetterSqlite3(
      { url: databaseUrl, timeout: BUSY_TIMEOUT_MS, fileMustExist: !mayCreate },
      { timestampFormat: 'unixepoch-ms' },
    );
  }
  return new PrismaPg({
    connectionString: databaseUrl,
    application_name: 'mintd',
    max: POOL_SIZE,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS + 500,
    keepAlive: true,
  });
}

/**
 * Opens the database a URL names. Nothing is migrated; on PostgreSQL the first statement connects.
 *
 * @param mayCreate whether an SQLite file that is not there is made
 * @throws Error when there is no such file, or SQLite does not take the settings durability rests on
 */
export async function openDatabase(databaseUrl: string, mayCreate = false): Promise<Database> {
  // Before SQLite makes it readable by everybody: it holds password hashes. Its -wal and -shm files get the same mode.
  if (mayCreate && providerOf(databaseUrl) === 'sqlite')
    await (await open(sqliteFile(databaseUrl), 'a', 0o600)).close();
  const adapter = adapterFor(databaseUrl, mayCreate);
  if (providerOf(databaseUrl) === 'sqlite') {
    const prisma = new SqliteClient({ adapter });
    await makeDurable(prisma);
    return { provider: 'sqlite', prisma, close: () => prisma.$disconnect() };
  }
  // The two generated clients have the same models (test/store/schema.test.ts), but TypeScript cannot know it.
  const prisma = new PostgresClient({ adapter }) as unknown as SqliteClient;
  return { provider: 'postgres', prisma, close: () => prisma.$disconnect() };
}

/**
 * Sets what DESIGN's "nothing acknowledged is ever lost" needs and reads it back: with `synchronous=NORMAL` a
 * consumed refresh token could come back after a power cut.
 */
async function makeDurable(prisma: SqliteClient): Promise<void> {
  const wanted = { journal_mode: 'wal', synchronous: 2n, foreign_keys: 1n };
  for (const [name, value] of Object.entries(wanted)) {
    await prisma.$queryRawUnsafe(`PRAGMA ${name} = ${value}`);
    const rows = await prisma.$queryRawUnsafe<Record<string, unknown>[]>(`PRAGMA ${name}`);
    const is = Object.values(rows[0] ?? {})[0];
    if (String(is) !== String(value)) throw new Error(`SQLite did not accept PRAGMA ${name}: it is ${String(is)}`);
  }
}
