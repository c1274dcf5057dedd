import { createHash, randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { connectionSettings, MIGRATION_PATIENCE, providerOf, sqliteFile } from './database.js';
import { openDurable } from './durability.js';
import { attempt } from './outage.js';

/** One script of prisma/{provider}/migrations. */
export type Migration = { readonly name: string; readonly sql: string };

/** A migration has the process to itself: SQLite may block it while the command line or a backup holds the file. */
const BUSY_WAIT_MS = 2_000;

/** The table in which Prisma's own tools look up what was applied, as they make it, for each provider. */
const MIGRATIONS_TABLE = {
  sqlite: `CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
    "id" TEXT PRIMARY KEY NOT NULL,
    "checksum" TEXT NOT NULL,
    "finished_at" DATETIME,
    "migration_name" TEXT NOT NULL,
    "logs" TEXT,
    "rolled_back_at" DATETIME,
    "started_at" DATETIME NOT NULL DEFAULT current_timestamp,
    "applied_steps_count" INTEGER UNSIGNED NOT NULL DEFAULT 0
  )`,
  postgres: `CREATE TABLE IF NOT EXISTS _prisma_migrations (
    id VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum VARCHAR(64) NOT NULL,
    finished_at TIMESTAMPTZ,
    migration_name VARCHAR(255) NOT NULL,
    logs TEXT,
    rolled_back_at TIMESTAMPTZ,
    started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count INTEGER NOT NULL DEFAULT 0
  )`,
} as const;

const NOTE = `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
  VALUES ($1, $2, $3, $4, $5, 1)`;

/**
 * Runs migrations in order, each in one transaction with the row that says it was applied: a script that fails, or whose
 * process dies, has changed nothing. `prisma migrate deploy` agrees with what is noted.
 *
 * The caller holds the migration lock (src/store/lock.ts), knows that they are pending, and has no connection open.
 *
 * @throws DatabaseUnavailable when the database cannot be reached
 * @throws Error that names the migration and says what the database said
 */
export async function runMigrations(databaseUrl: string, migrations: readonly Migration[]): Promise<void> {
  if (providerOf(databaseUrl) === 'sqlite') runOnSqlite(sqliteFile(databaseUrl), migrations);
  else await runOnPostgres(databaseUrl, migrations);
}

function runOnSqlite(path: string, migrations: readonly Migration[]): void {
  const connection = openDurable(path, BUSY_WAIT_MS);
  try {
    // A script that makes a table anew drops the old one, which must not take the rows that refer to it along.
    connection.pragma('foreign_keys = OFF');
    connection.exec(MIGRATIONS_TABLE.sqlite);
    const note = connection.prepare(NOTE.replaceAll(/\$\d/g, '?'));
    for (const { name, sql } of migrations) {
      const apply = connection.transaction(() => {
        const startedAt = Date.now();
        connection.exec(sql);
        const dangling = connection.pragma('foreign_key_check') as readonly unknown[];
        if (dangling.length > 0)
          throw new Error(`it leaves ${dangling.length} row(s) that refer to rows which are gone`);
        note.run(randomUUID(), checksumOf(sql), name, startedAt, Date.now());
      });
      try {
        apply.immediate();
      } catch (error) {
        throw failure(name, error);
      }
    }
  } finally {
    connection.close();
  }
}

async function runOnPostgres(databaseUrl: string, migrations: readonly Migration[]): Promise<void> {
  const client = await attempt(async () => {
    const connecting = new Client(connectionSettings(databaseUrl, MIGRATION_PATIENCE));
    // A connection that is lost meanwhile makes the statement fail that is waiting for it.
    connecting.on('error', () => undefined);
    await connecting.connect();
    return connecting;
  });
  try {
    await client.query(MIGRATIONS_TABLE.postgres);
    for (const { name, sql } of migrations) {
      const startedAt = new Date();
      try {
        await client.query('BEGIN');
        await client.query(sql);
        await client.query(NOTE, [randomUUID(), checksumOf(sql), name, startedAt, new Date()]);
        await client.query('COMMIT');
      } catch (error) {
        throw failure(name, error);
      }
    }
  } finally {
    // Ends a transaction that is open as well.
    await client.end();
  }
}

/** Prisma's checksum of a script. */
function checksumOf(sql: string): string {
  return createHash('sha256').update(sql).digest('hex');
}

/** What the database said of a migration, with its name. */
function failure(name: string, error: unknown): Error {
  const said = error instanceof Error ? error.message : String(error);
  return new Error(`the migration ${name} failed: ${said}`, { cause: error });
}
