import { closeSync, existsSync, openSync, realpathSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import SqliteConnection from 'better-sqlite3';
import { Client as PgClient } from 'pg';
import { providerOf, REQUEST_PATIENCE, sqliteFile } from './database.js';
import { attempt } from './outage.js';

/** Lets go of a lock. A process that dies lets go as well: both kinds are held by the system, not by a file's name. */
export type Release = () => Promise<void>;

const MIGRATION_WAIT_MS = 30_000;
const FOLDER_WAIT_MS = 5_000;
const PAUSE_MS = 50;

/** An arbitrary number that no other program on the same database is likely to lock. */
const POSTGRES_LOCK = 7_110_420_241;

/**
 * Takes a lock on a path: an SQLite database there with an exclusive transaction open, which the system ends with the
 * process, however that ends. The file stays; it means nothing by itself.
 *
 * @returns null when another process, or this one, holds it
 */
function lockPath(path: string): Release | null {
  closeSync(openSync(path, 'a', 0o600));
  const connection = new SqliteConnection(path, { timeout: 0 });
  try {
    connection.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    connection.close();
    const message = error instanceof Error ? error.message : String(error);
    if (message.includes('locked')) return null;
    throw new Error(`${path}: it cannot be locked: ${message}`, { cause: error });
  }
  return async () => {
    connection.close();
  };
}

async function waitForPath(path: string, waitMs: number, complaint: string): Promise<Release> {
  for (let waitedMs = 0; waitedMs <= waitMs; waitedMs += PAUSE_MS) {
    const release = lockPath(path);
    if (release !== null) return release;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  throw new Error(complaint);
}

/**
 * Takes a lock beside an SQLite file, so that the file itself stays free.
 *
 * @param purpose goes into the name: `data/mintd.db` and `server` make `data/mintd.db-server.lock`
 * @returns null when another process holds it
 */
export function lockSqlite(databaseUrl: string, purpose: string): Release | null {
  return lockPath(besideSqlite(databaseUrl, purpose));
}

/**
 * Which process holds the server's lock on an SQLite file, without touching it: for a moment the lock would be ours.
 *
 * @returns null where none does that this process could see
 */
export async function whoHolds(path: string): Promise<string | null> {
  const lock = besideSqlite(`file:${path}`, 'server');
  if (!existsSync(lock)) return null;
  const { ino } = statSync(lock);
  const held = await readFile('/proc/locks', 'utf8').then(
    (text) => holderIn(text, ino),
    () => undefined,
  );
  if (held !== undefined) return held;
  // No such list outside of Linux.
  const connection = new SqliteConnection(lock, { readonly: true, timeout: 0 });
  try {
    connection.prepare('SELECT name FROM sqlite_master').all();
    return null;
  } catch {
    return 'a process of this machine';
  } finally {
    connection.close();
  }
}

/** Reads proc_locks(5): `1: POSIX  ADVISORY  WRITE 4711 08:01:123456 0 EOF`. */
function holderIn(locks: string, inode: number): string | null {
  const pid = new RegExp(`WRITE +(\\d+) \\w+:\\w+:${inode} `).exec(locks)?.[1];
  return pid === undefined ? null : `process ${pid}`;
}

function besideSqlite(databaseUrl: string, purpose: string): string {
  return `${realPath(sqliteFile(databaseUrl))}-${purpose}.lock`;
}

/**
 * Runs work on a folder while no other process on this machine does.
 *
 * @throws Error when another keeps at it for more than 5 s
 */
export async function exclusively<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const complaint = `another process has been changing ${folder} for more than 5 s`;
  const release = await waitForPath(join(folder, '.lock'), FOLDER_WAIT_MS, complaint);
  try {
    return await work();
  } finally {
    await release();
  }
}

/** One name for one file, whatever links lead to it; the file need not be there yet. */
function realPath(path: string): string {
  return existsSync(path) ? realpathSync(path) : join(realpathSync(dirname(path)), basename(path));
}

/**
 * Waits until nobody else migrates this database, then keeps others from it.
 *
 * @throws Error when another process keeps migrating for more than 30 s
 */
export async function lockForMigration(databaseUrl: string): Promise<Release> {
  if (providerOf(databaseUrl) === 'sqlite') {
    const complaint = 'another process has been migrating this database for more than 30 s';
    return waitForPath(besideSqlite(databaseUrl, 'migrate'), MIGRATION_WAIT_MS, complaint);
  }
  const client = new PgClient({ connectionString: databaseUrl, connectionTimeoutMillis: REQUEST_PATIENCE.connectMs });
  // A connection that is lost meanwhile has lost the lock as well; what migrates next finds out by itself.
  client.on('error', () => undefined);
  await attempt(() => client.connect());
  try {
    // In a transaction: a pooler between would give a connection that only a session's lock is on to somebody else.
    await client.query('BEGIN');
    await client.query(`SET LOCAL lock_timeout = ${MIGRATION_WAIT_MS}`);
    await client.query('SET LOCAL idle_in_transaction_session_timeout = 0');
    await client.query('SELECT pg_advisory_xact_lock($1)', [POSTGRES_LOCK]);
  } catch (error) {
    await client.end();
    throw error;
  }
  return () => client.end();
}
