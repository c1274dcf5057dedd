import SqliteConnection from 'better-sqlite3';
import { Client as PgClient } from 'pg';
import { providerOf, sqliteFile } from './database.js';

/** Lets go of a lock. A process that dies lets go as well: both kinds are held by the system, not by a file's name. */
export type Release = () => Promise<void>;

/** An arbitrary number that no other program on the same database is likely to lock. */
const POSTGRES_LOCK = 7_110_420_241;

/**
 * Holds an exclusive lock beside an SQLite file, in a small database of its own, so that the file itself stays free.
 *
 * @param purpose goes into the name: `data/mintd.db` and `server` make `data/mintd.db-server.lock`
 * @param waitMs how long to wait for another holder; the event loop stands still meanwhile
 * @returns null when another process holds it
 */
export function lockSqlite(databaseUrl: string, purpose: string, waitMs = 0): Release | null {
  const connection = new SqliteConnection(`${sqliteFile(databaseUrl)}-${purpose}.lock`, { timeout: waitMs });
  try {
    connection.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    connection.close();
    if (error instanceof Error && error.message.includes('locked')) return null;
    throw error;
  }
  return async () => {
    connection.close();
  };
}

/**
 * Waits until nobody else migrates this database, then keeps others from it.
 *
 * @throws Error when another process keeps migrating for more than 30 s
 */
export async function lockForMigration(databaseUrl: string): Promise<Release> {
  if (providerOf(databaseUrl) === 'sqlite') {
    const release = lockSqlite(databaseUrl, 'migrate', 30_000);
    if (release === null) throw new Error('another process has been migrating this database for more than 30 s');
    return release;
  }
  const client = new PgClient({ connectionString: databaseUrl, connectionTimeoutMillis: 2_000, lock_timeout: 30_000 });
  await client.connect();
  await client.query('SELECT pg_advisory_lock($1)', [POSTGRES_LOCK]);
  return () => client.end();
}
