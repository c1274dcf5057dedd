import type SqliteConnection from 'better-sqlite3';
import type { Direct } from './direct.js';
import { NO_BUSY_WAIT_MS, openDurable } from './durability.js';
import type { Prisma } from './generated/sqlite/client.js';
import { together } from './together.js';

/** So many are written in one transaction; the event loop stands still for that long. */
const MOST_AT_ONCE = 64;
/** Between two transactions; on most disks a commit takes about as long. */
const PAUSE_MS = 1;

/** How a column's times are told from its numbers: by the type it was declared with. */
const TIME = 'DATETIME';

type Prepared = { readonly statement: SqliteConnection.Statement<unknown[]>; readonly times: readonly string[] };

/**
 * On a connection of its own beside Prisma's, made when the first statement comes. What arrives at about the same time is
 * one transaction and so one wait for the disk, by far the most of what a commit costs. Nothing of it is answered before
 * that commit.
 */
export function directOnSqlite(path: string): { readonly direct: Direct; close(): void } {
  let connection: SqliteConnection.Database | null = null;
  const prepared = new Map<string, Prepared>();

  function opened(): SqliteConnection.Database {
    connection ??= openDurable(path, NO_BUSY_WAIT_MS);
    return connection;
  }

  function prepare(sql: string): Prepared {
    const known = prepared.get(sql);
    if (known !== undefined) return known;
    const statement = opened().prepare<unknown[]>(sql);
    const columns = statement.reader ? statement.columns() : [];
    const times = columns.flatMap(({ name, type }) => (type === TIME ? [name] : []));
    prepared.set(sql, { statement, times });
    return { statement, times };
  }

  function run({ sql, values }: Prisma.Sql): Record<string, unknown>[] {
    const { statement, times } = prepare(sql);
    if (!statement.reader) {
      statement.run(...values.map(written));
      return [];
    }
    const rows = statement.all(...values.map(written)) as Record<string, unknown>[];
    for (const row of rows) for (const name of times) row[name] = read(row[name]);
    return rows;
  }

  const runAll = (statements: readonly Prisma.Sql[]) =>
    opened()
      .transaction(() => statements.map(run))
      .immediate();
  const queued = together(runAll, { most: MOST_AT_ONCE, pauseMs: PAUSE_MS });
  return {
    direct: async <Row>(statement: Prisma.Sql) => (await queued(statement)) as Row[],
    close: () => connection?.close(),
  };
}

function written(value: unknown): unknown {
  return value instanceof Date ? value.getTime() : value;
}

function read(value: unknown): unknown {
  return typeof value === 'number' ? new Date(value) : value;
}
