import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Client as PgClient } from 'pg';
import { COMMAND_PATIENCE, openDatabase } from '../src/store/database.js';
import { type FamilyStore, type NewFamily, openFamilies } from '../src/store/families.js';
import { migrate } from '../src/store/migrate.js';

/** What PostgreSQL has counted so far for the table of families. */
export type Reading = {
  readonly updates: number;
  readonly hot: number;
  readonly tableBytes: number;
  readonly indexBytes: number;
  /** Of a row on average, without the space a page leaves. */
  readonly rowBytes: number;
  /** Where the log ends. */
  readonly walEnd: string;
  readonly walBytes: number;
  /** Images of whole pages, which are written when a page changes for the first time after a checkpoint. */
  readonly imageBytes: number;
  /** Changes of indexes in the log, of this database and all others. */
  readonly indexRecords: number;
};

/** A database with families that can be refreshed without HTTP and signatures. */
export type Rows = {
  /** Refreshes families picked at random, several at once; each is rotated, or it throws. */
  refresh(count: number): Promise<void>;
  /** Ends logins picked at random, has their rows removed, and begins as many new ones. */
  replace(count: number): Promise<void>;
  /** The counters, and of the log what was written since an earlier reading. */
  read(since?: Reading): Promise<Reading>;
  /** Does something while another transaction looks at the table as it is now, as a backup does. */
  besideTransaction<T>(work: () => Promise<T>): Promise<T>;
  /** Writes all that has changed, so that each page's next change is its first. */
  checkpoint(): Promise<void>;
  close(): Promise<void>;
};

const DAY_MS = 86_400_000;
const AT_ONCE = 8;
const DEVICE = {
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  address: '203.0.113.195',
};

const sha256 = (text: string) => new Uint8Array(createHash('sha256').update(text).digest());

/** Makes a database of that name with so many logins, two of each user, in a table with this fillfactor. */
export async function openRows(url: string, name: string, families: number, fillfactor: number): Promise<Rows> {
  const client = await connect(url);
  await client.query(`CREATE DATABASE ${name}`).finally(() => client.end());
  const databaseUrl = Object.assign(new URL(url), { pathname: name }).href;
  await migrate(databaseUrl, true);
  const own = await connect(databaseUrl);
  await own.query('CREATE EXTENSION IF NOT EXISTS pg_walinspect');
  // Keeps the log until it has been looked at.
  await own.query(`SELECT pg_create_physical_replication_slot('${name}', true, true)`);
  await own.query(`ALTER TABLE families SET (fillfactor = ${fillfactor})`);
  await addOwners(own, families);
  const newest = Array.from({ length: families }, (_, number): Newest => ({ handle: `handle ${number}`, secret: 0 }));
  await withFamilies(databaseUrl, ({ begin }) => inTurns(newest, (one, i) => begin(aLogin(one, i))));
  await own.query('VACUUM ANALYZE families');
  let updates = 0;
  return {
    async refresh(count) {
      await withFamilies(databaseUrl, ({ rotate }) => refreshAtRandom(rotate, newest, count));
      updates += count;
    },
    async replace(count) {
      const old = await own.query(
        'DELETE FROM families WHERE id IN (SELECT id FROM families ORDER BY random() LIMIT $1) RETURNING handle_hash',
        [count],
      );
      const gone = new Set(old.rows.map((row: { handle_hash: Buffer }) => row.handle_hash.toString('hex')));
      await own.query('VACUUM families');
      const over = newest.filter(({ handle }) => gone.has(Buffer.from(sha256(handle)).toString('hex')));
      for (const one of over) Object.assign(one, { handle: `${one.handle} again`, secret: 0 });
      await withFamilies(databaseUrl, ({ begin }) => inTurns(over, (one, i) => begin(aLogin(one, i))));
    },
    async read(since) {
      // A connection that ends hands in its counts; they are there a moment later.
      for (;;) {
        const reading = await readCounters(own, since?.walEnd);
        if (reading.updates >= updates) return reading;
        await pause(50);
      }
    },
    async besideTransaction(work) {
      const other = await connect(databaseUrl);
      await other.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM families LIMIT 1');
      return work().finally(() => other.end());
    },
    checkpoint: async () => void (await own.query('CHECKPOINT')),
    close: () => own.end(),
  };
}

/** What the newest token of a family is made from: the row has the hashes of texts. */
type Newest = { handle: string; secret: number };

async function connect(url: string): Promise<PgClient> {
  const client = new PgClient({ connectionString: url });
  await client.connect();
  return client;
}

async function addOwners(client: PgClient, families: number): Promise<void> {
  await client.query(
    `INSERT INTO users (id, username, username_key, password_hash, roles, created_at)
     SELECT 'user ' || i, 'user ' || i, 'user ' || i, 'x', '', now() FROM generate_series(0, $1::int) AS i`,
    [families / 2],
  );
  await client.query(
    `INSERT INTO clients (id, name, kind, grants, scopes, default_scope, audiences, default_audiences, created_at)
     VALUES ('bench', 'bench', 'public', 'password refresh_token', 'api', 'api', '', '', now())`,
  );
}

async function withFamilies(url: string, work: (families: FamilyStore) => Promise<void>): Promise<void> {
  const database = await openDatabase(url, false, COMMAND_PATIENCE);
  await work(openFamilies(database)).finally(() => database.close());
}

/** Does something with each, a few at once. */
async function inTurns<T>(all: readonly T[], work: (one: T, i: number) => Promise<unknown>): Promise<void> {
  const left = all.entries();
  const worker = async () => {
    for (const [i, one] of left) await work(one, i);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

function aLogin({ handle, secret }: Newest, i: number): NewFamily {
  const now = Date.now();
  return {
    sid: crypto.randomUUID(),
    handleHash: sha256(handle),
    secretHash: sha256(`${handle} ${secret}`),
    userId: `user ${i >> 1}`,
    clientId: 'bench',
    loginEpoch: 0,
    clientEpoch: 0,
    scope: ['openid', 'profile', 'orders.read', 'orders.write'],
    audiences: ['https://api.example.com'],
    device: DEVICE,
    now,
    idleExpiresAt: now + 14 * DAY_MS,
    absoluteExpiresAt: now + 90 * DAY_MS,
  };
}

async function refreshAtRandom(rotate: FamilyStore['rotate'], all: readonly Newest[], count: number): Promise<void> {
  const busy = new Set<Newest>();
  const pick = (): Newest => {
    const one = all[Math.floor(Math.random() * all.length)];
    return one === undefined || busy.has(one) ? pick() : one;
  };
  await inTurns(Array.from({ length: count }), async () => {
    const one = pick();
    busy.add(one);
    const now = Date.now();
    const login = await rotate({
      handleHash: sha256(one.handle),
      presentedHash: sha256(`${one.handle} ${one.secret}`),
      successorHash: sha256(`${one.handle} ${++one.secret}`),
      successorKey: new Uint8Array(randomBytes(32)),
      clientId: 'bench',
      audiences: ['https://api.example.com'],
      now,
      idleExpiresAt: now + 14 * DAY_MS,
    });
    if (login === null) throw new Error(`${one.handle} was not rotated`);
    busy.delete(one);
  });
}

const LOG_SQL = `
  SELECT $2::pg_lsn - $1::pg_lsn AS "walBytes", sum(fpi_size) AS "imageBytes",
    sum(count) FILTER (WHERE "resource_manager/record_type" = 'Btree') AS "indexRecords"
  FROM pg_get_wal_stats($1::pg_lsn, $2::pg_lsn)`;

async function readCounters(client: PgClient, since: string | undefined): Promise<Reading> {
  const { walEnd } = await one(client, 'SELECT pg_current_wal_lsn()::text AS "walEnd"');
  const counts = await one(
    client,
    `SELECT n_tup_upd AS updates, n_tup_hot_upd AS hot, pg_relation_size('families') AS "tableBytes",
       pg_indexes_size('families') AS "indexBytes",
       (SELECT avg(pg_column_size(families.*)) FROM families) AS "rowBytes"
     FROM pg_stat_user_tables WHERE relname = 'families'`,
  );
  const log = since === undefined ? {} : await one(client, LOG_SQL, [since, walEnd ?? '']);
  const number = (text: string | null | undefined) => Number(text ?? 0);
  return {
    walEnd: walEnd ?? '',
    updates: number(counts['updates']),
    hot: number(counts['hot']),
    tableBytes: number(counts['tableBytes']),
    indexBytes: number(counts['indexBytes']),
    rowBytes: number(counts['rowBytes']),
    walBytes: number(log['walBytes']),
    imageBytes: number(log['imageBytes']),
    indexRecords: number(log['indexRecords']),
  };
}

type Row = Readonly<Record<string, string | null>>;

async function one(client: PgClient, sql: string, values: readonly string[] = []): Promise<Row> {
  const [row] = (await client.query<Row>(sql, [...values])).rows;
  if (row === undefined) throw new Error(`no row: ${sql}`);
  return row;
}
