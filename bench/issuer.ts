import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import SqliteConnection from 'better-sqlite3';
import { Client as PgClient } from 'pg';
import { formatRefreshToken, parseRefreshToken } from '../src/oauth/refresh-token.js';
import type { Provider } from '../src/store/database.js';
import { migrate } from '../src/store/migrate.js';
import { serve } from './server.js';

/** An installation of mintd to be measured, with a user, the client `bench` and as many families as wanted. */
export type Bench = {
  readonly name: string;
  readonly folder: string;
  readonly databaseUrl: string;
  /** Starts a server on a free port. */
  serve(): Promise<{ readonly url: string; stop(): Promise<void> }>;
  /** Adds families; the tokens of some, spread over the table, are known. */
  addFamilies(count: number, known: number): Promise<string[]>;
  /** Bytes the families take, indexes included. */
  size(): Promise<number>;
  look(token: string): Promise<{ readonly rows: number; readonly generation: number }>;
};

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest();
const DAY_MS = 86_400_000;
const COLUMNS = `id, handle_hash, user_id, client_id, login_epoch, scope, audiences, created_at, absolute_expires_at,
  current_hash, idle_expires_at`;

/** Runs a statement with values; the two drivers agree on nothing else. */
type Run = (sql: string, values?: readonly unknown[]) => Promise<readonly Record<string, unknown>[]>;

/** Makes an installation of its own in a temporary folder, or in a database of its own on a PostgreSQL. */
export async function openBench(provider: Provider, name: string, postgresUrl: string): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'mintd-bench-'));
  const url = provider === 'sqlite' ? `file:${join(folder, 'bench.db')}` : await newDatabase(postgresUrl, name);
  await migrate(url, true);
  const run: Run = provider === 'sqlite' ? runSqlite(join(folder, 'bench.db')) : runPostgres(url);
  const userId = randomUUID();
  // Times as each database keeps them; the far future is the same text or number for both.
  const time = (ms: number) => (provider === 'sqlite' ? ms : new Date(ms).toISOString());
  const now = Date.now();
  await run(
    `INSERT INTO users (id, username, username_key, password_hash, roles, created_at) VALUES ($1, 'b', 'b', 'x', '', $2)`,
    [userId, time(now)],
  );
  await run(
    `INSERT INTO clients (id, name, kind, grants, scopes, default_scope, audiences, default_audiences, created_at)
     VALUES ('bench', 'bench', 'public', 'password refresh_token', 'api', 'api', '', '', $1)`,
    [time(now)],
  );
  return {
    name: provider,
    folder,
    databaseUrl: url,
    serve: () => serve(folder, url),
    async addFamilies(count, known) {
      const times = [time(now), time(now + 90 * DAY_MS), time(now + 14 * DAY_MS)] as const;
      const tokens: string[] = [];
      // Known ones between the others, so that they lie all over the table.
      const chunk = Math.ceil(count / known);
      const chunks = Math.min(100, known);
      for (let i = 0; i < chunks; i++) {
        const here = Math.floor(known / chunks);
        for (let j = 0; j < here; j++) tokens.push(await addKnown(run, userId, times));
        await addUnknown(run, provider, (chunk - 1) * here, userId, times);
      }
      if (provider === 'postgres') await run('VACUUM ANALYZE families');
      return tokens.sort(() => Math.random() - 0.5);
    },
    async size() {
      if (provider === 'sqlite') await run('PRAGMA wal_checkpoint(TRUNCATE)');
      const sql =
        provider === 'sqlite'
          ? 'SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()'
          : "SELECT pg_total_relation_size('families') AS bytes";
      return Number((await run(sql))[0]?.['bytes']);
    },
    async look(token) {
      const rows = await run('SELECT handle_hash, generation FROM families');
      const handle = sha256(parseRefreshToken(token)?.handle ?? new Uint8Array());
      const own = rows.filter((row) => handle.equals(row['handle_hash'] as Uint8Array));
      return { rows: own.length, generation: Number(own[0]?.['generation']) };
    },
  };
}

async function newDatabase(postgresUrl: string, name: string): Promise<string> {
  await runPostgres(postgresUrl)(`CREATE DATABASE ${name}`);
  const url = new URL(postgresUrl);
  url.pathname = name;
  return url.href;
}

function runSqlite(path: string): Run {
  return async (sql, values = []) => {
    const connection = new SqliteConnection(path, { timeout: 5_000 });
    connection.pragma('synchronous = OFF');
    const statement = connection.prepare(sql.replace(/\$\d+/g, '?'));
    const rows = statement.reader ? statement.all(...values) : [];
    if (!statement.reader) statement.run(...values);
    connection.close();
    return rows as Record<string, unknown>[];
  };
}

function runPostgres(url: string): Run {
  return async (sql, values = []) => {
    const client = new PgClient({ connectionString: url });
    await client.connect();
    return (await client.query(sql, [...values]).finally(() => client.end())).rows;
  };
}

type Times = readonly [created: unknown, absolute: unknown, idle: unknown];

async function addKnown(run: Run, userId: string, [created, absolute, idle]: Times): Promise<string> {
  const token = { handle: new Uint8Array(randomBytes(16)), secret: new Uint8Array(randomBytes(28)) };
  await run(
    `INSERT INTO families (${COLUMNS}) VALUES ($1, $2, $3, 'bench', 0, 'api', 'http://localhost', $4, $5, $6, $7)`,
    [randomUUID(), sha256(token.handle), userId, created, absolute, sha256(token.secret), idle],
  );
  return formatRefreshToken(token);
}

/** How each database counts to the last parameter, names a row, and makes 32 bytes up. */
const MADE_UP: Readonly<Record<Provider, { rows: string; id: string; bytes: string; time: string }>> = {
  sqlite: {
    rows: '(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $5) SELECT i FROM n)',
    id: 'lower(hex(randomblob(16)))',
    bytes: 'randomblob(32)',
    time: '',
  },
  postgres: {
    rows: 'generate_series(1, $5::int)',
    id: 'gen_random_uuid()::text',
    bytes: 'sha256(gen_random_uuid()::text::bytea)',
    time: '::timestamp',
  },
};

async function addUnknown(run: Run, provider: Provider, count: number, userId: string, times: Times): Promise<void> {
  if (count === 0) return;
  const { rows, id, bytes, time } = MADE_UP[provider];
  await run(
    `INSERT INTO families (${COLUMNS})
     SELECT ${id}, ${bytes}, $1, 'bench', 0, 'api', 'http://localhost', $2${time}, $3${time}, ${bytes}, $4${time}
     FROM ${rows} AS made`,
    [userId, ...times, count],
  );
}
