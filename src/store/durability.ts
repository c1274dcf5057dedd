import SqliteConnection from 'better-sqlite3';

/** What every connection to an SQLite file must be set to, so that nothing acknowledged is ever lost. */
export const DURABLE = { synchronous: 2, foreign_keys: 1 } as const;

/** SQLite's own wait blocks the event loop, for each request that waits; src/store/outage.ts waits outside of it. */
export const NO_BUSY_WAIT_MS = 0;

/**
 * Holds a setting that was read back against what was asked for: SQLite ignores in silence what it does not take.
 *
 * @throws Error that names it
 */
export function assertAccepted(name: string, wanted: string | number, is: unknown): void {
  if (String(is) !== String(wanted)) throw new Error(`SQLite did not accept PRAGMA ${name}: it is ${String(is)}`);
}

/**
 * Opens an SQLite file that exists, past Prisma, and as durable as Prisma's own connection (src/store/database.ts).
 *
 * @param busyTimeoutMs how long SQLite waits for another writer, with the event loop standing still
 */
export function openDurable(path: string, busyTimeoutMs: number): SqliteConnection.Database {
  const connection = new SqliteConnection(path, { timeout: busyTimeoutMs, fileMustExist: true });
  for (const [name, value] of Object.entries(DURABLE)) {
    connection.pragma(`${name} = ${value}`);
    assertAccepted(name, value, connection.pragma(name, { simple: true }));
  }
  return connection;
}
