import { readFileSync } from 'node:fs';
import SqliteConnection from 'better-sqlite3';
import t, { type Test } from 'tap';
import { sqlBetween } from '../../scripts/schema-engine.js';
import { openClients } from '../../src/store/clients.js';
import { openDatabase, type Provider, sqliteFile } from '../../src/store/database.js';
import { openFamilies } from '../../src/store/families.js';
import { knownMigrations, migrate, prismaFolder } from '../../src/store/migrate.js';
import { openUsers } from '../../src/store/users.js';
import { aClient, emptyDatabaseUrl, PROVIDERS, START, testDatabase } from '../helper.js';
import { aFamily, aRotation, aUser, connectPostgres, DAY_MS, hashOf } from './support.js';

const schemaOf = (provider: Provider) => readFileSync(`${prismaFolder(provider)}schema.prisma`, 'utf8');

/** What the catalog says of everything but Prisma's own table: comparable rows, by the name of what was asked. */
type Catalog = Record<string, readonly unknown[]>;

const POSTGRES_CATALOG = {
  columns: `SELECT table_name, column_name, ordinal_position, data_type, character_maximum_length, datetime_precision,
      is_nullable, column_default, is_identity, collation_name
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_prisma_migrations'
    ORDER BY table_name, ordinal_position`,
  indexes: `SELECT tablename, indexname, indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND tablename <> '_prisma_migrations' ORDER BY indexname`,
  constraints: `SELECT conrelid::regclass::text AS on_table, conname, contype, pg_get_constraintdef(oid) AS definition
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> '_prisma_migrations'
    ORDER BY conname`,
  sequences: "SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'",
  types: `SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'`,
};

async function postgresCatalog(t: Test, url: string): Promise<Catalog> {
  const client = await connectPostgres(t, url);
  const catalog: Catalog = {};
  for (const [name, sql] of Object.entries(POSTGRES_CATALOG)) catalog[name] = (await client.query(sql)).rows;
  return catalog;
}

function sqliteCatalog(url: string): Catalog {
  const connection = new SqliteConnection(sqliteFile(url), { readonly: true });
  const named = `SELECT name, type FROM sqlite_master
    WHERE tbl_name NOT LIKE '\\_prisma%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name`;
  const objects = connection.prepare<[], { name: string; type: string }>(named).all();
  const catalog: Catalog = { objects };
  for (const { name, type } of objects) {
    const kinds = type === 'table' ? ['table_xinfo', 'index_list', 'foreign_key_list'] : ['index_xinfo'];
    for (const kind of kinds) catalog[`${kind} ${name}`] = pragma(connection, `${kind}('${name}')`);
  }
  connection.close();
  return catalog;
}

/** Rows without `seq`, which only counts in which order indexes were made, and in an order of their own. */
function pragma(connection: SqliteConnection.Database, call: string): readonly unknown[] {
  const rows = connection.pragma(call) as Record<string, unknown>[];
  return rows.map(({ seq: _made, ...row }) => JSON.stringify(row)).sort();
}

async function run(t: Test, provider: Provider, url: string, sql: string): Promise<void> {
  if (provider === 'postgres') {
    await (await connectPostgres(t, url)).query(sql);
    return;
  }
  const connection = new SqliteConnection(sqliteFile(url));
  connection.exec(sql);
  connection.close();
}

t.test('the two schemas have equal models', async (t) => {
  const models = (provider: Provider) => schemaOf(provider).split(/^datasource db \{[^}]*\}$/m)[1];
  t.match(models('sqlite'), /^model Family \{$/m, 'the models were found');
  t.equal(models('postgres'), models('sqlite'));
});

t.test('their headers differ in what must differ alone', async (t) => {
  const header = (provider: Provider) => schemaOf(provider).split(/^\/\/\/|^model /m)[0] ?? '';
  const alike = header('postgres')
    .replace('prisma/sqlite/schema.prisma', 'prisma/postgres/schema.prisma')
    .replace('store/generated/postgres', 'store/generated/sqlite')
    .replace('provider = "postgresql"', 'provider = "sqlite"');
  t.equal(alike, header('sqlite'));
});

for (const provider of PROVIDERS) {
  t.test(`${provider}: the migrations lead exactly to the schema`, async (t) => {
    const migrated = await emptyDatabaseUrl(t, provider);
    await migrate(migrated, true);
    const made = await emptyDatabaseUrl(t, provider);
    await run(t, provider, made, await sqlBetween(migrated, null, schemaOf(provider)));
    const catalog = (url: string) => (provider === 'sqlite' ? sqliteCatalog(url) : postgresCatalog(t, url));
    const found = await catalog(migrated);
    t.ok(JSON.stringify(found).includes('login_epoch'), 'the catalog was read');
    t.strictSame(found, await catalog(made));
  });

  t.test(`${provider}: the newest migration keeps the schema it leads to`, async (t) => {
    const newest = (await knownMigrations(provider)).at(-1);
    const kept = readFileSync(`${prismaFolder(provider)}migrations/${newest}/schema.prisma`, 'utf8');
    const url = await emptyDatabaseUrl(t, provider);
    t.equal(await sqlBetween(url, kept, schemaOf(provider)), '', 'run `npm run migration -- NAME`');
    t.equal(kept, schemaOf(provider));
  });

  t.test(`${provider}: a difference between two schemas is found`, async (t) => {
    const url = await emptyDatabaseUrl(t, provider);
    const schema = schemaOf(provider);
    const more = schema.replace('model User {', 'model User {\n  nickname String?');
    t.match(await sqlBetween(url, schema, more), /ALTER TABLE "users" ADD COLUMN +"nickname" TEXT/);
    t.equal(await sqlBetween(url, schema, `// a comment\n${schema}`), '');
  });

  t.test(`${provider}: no index has a column that a refresh changes`, async (t) => {
    const url = await emptyDatabaseUrl(t, provider);
    const sql = await sqlBetween(url, null, schemaOf(provider));
    const indexes = sql.split('\n').filter((line) => /^CREATE (UNIQUE )?INDEX/.test(line));
    t.ok(indexes.length > 3, 'they were found');
    const changing = /previous_hash|current_hash|successor_key|generation|rotated_at|idle_expires_at/;
    t.strictSame(
      indexes.filter((line) => changing.test(line)),
      [],
    );
  });

  t.test(`${provider}: every migration keeps its schema, and names sort by time`, async (t) => {
    const names = await knownMigrations(provider);
    t.ok(names.length > 0);
    for (const name of names) {
      t.match(name, /^\d{14}_[a-z][a-z0-9_]*$/);
      t.ok(readFileSync(`${prismaFolder(provider)}migrations/${name}/schema.prisma`, 'utf8').includes('model User'));
    }
  });
}

t.test('both databases have the same migrations', async (t) => {
  t.strictSame(await knownMigrations('sqlite'), await knownMigrations('postgres'));
});

/** Refreshes one family so often and tells what PostgreSQL counted, which it does when a connection ends. */
async function countUpdates(t: Test, url: string, first: number, refreshes: number) {
  const database = await openDatabase(url);
  for (let i = first; i < first + refreshes; i++) {
    const hashes = { presentedHash: hashOf(`secret ${i}`), successorHash: hashOf(`secret ${i + 1}`) };
    const times = { now: START + i, idleExpiresAt: START + i + DAY_MS };
    t.ok(await openFamilies(database).rotate(aRotation({ ...hashes, ...times, successorKey: hashOf(`key ${i}`) })));
  }
  await database.close();
  const client = await connectPostgres(t, url);
  for (;;) {
    const { rows } = await client.query(
      `SELECT n_tup_upd::int AS updates, n_tup_hot_upd::int AS hot, pg_indexes_size('families')::int AS "indexBytes"
       FROM pg_stat_user_tables WHERE relname = 'families'`,
    );
    if (rows[0]?.updates === first + refreshes) return rows[0];
  }
}

t.test('on PostgreSQL a refresh is a HOT update: it writes no index', async (t) => {
  const database = await testDatabase(t, 'postgres');
  const { url, prisma } = database;
  const user = aUser();
  await openUsers(database).add(user);
  await openClients(database).add(aClient());
  await openFamilies(database).begin(aFamily(user.id));
  const { indexBytes } = await countUpdates(t, url, 0, 1);
  const counted = await countUpdates(t, url, 1, 99);
  t.match(counted, { updates: 100, indexBytes });
  // A page of versions that somebody might still look at, the autovacuum among them, is left for another now and then.
  t.ok(counted.hot > 90, `${counted.hot} of 100`);
  await prisma.$executeRaw`CREATE INDEX ON families (rotated_at)`;
  t.match(
    await countUpdates(t, url, 100, 20),
    { updates: 120, hot: counted.hot },
    'an index on what it changes would end that',
  );
});

/** Whether a program that knows nothing of a migration can go on: it only makes new tables, and columns that may be left out. */
function onlyAdds(sql: string): boolean {
  const statements = sql
    .replaceAll(/--.*$/gm, '')
    .split(';')
    .map((statement) => statement.trim());
  const added = /^ADD COLUMN\s+"\w+" (?!.*\bNOT NULL\b(?!.*\bDEFAULT\b))/;
  return statements.filter(Boolean).every((statement) => {
    const [, changes] = /^ALTER TABLE "\w+" (.*)$/s.exec(statement) ?? [];
    if (changes !== undefined) return changes.split(/,\s*(?=[A-Z]+ )/).every((change) => added.test(change));
    return /^CREATE (TABLE|INDEX) /.test(statement);
  });
}

t.test('a migration whose name says that it expands only adds', async (t) => {
  for (const provider of PROVIDERS) {
    for (const name of (await knownMigrations(provider)).filter((one) => one.includes('_expand_')))
      t.ok(onlyAdds(readFileSync(`${prismaFolder(provider)}migrations/${name}/migration.sql`, 'utf8')), name);
  }
  const samples: readonly (readonly [is: boolean, sql: string])[] = [
    [true, '-- AlterTable\nALTER TABLE "a" ADD COLUMN     "b" TEXT;\n-- CreateIndex\nCREATE INDEX "i" ON "a"("b");'],
    [true, 'ALTER TABLE "a" ADD COLUMN     "b" TIMESTAMP(3),\nADD COLUMN     "c" INTEGER NOT NULL DEFAULT 0;'],
    [true, 'CREATE TABLE "a" (\n  "b" BYTEA NOT NULL,\n  CONSTRAINT "p" PRIMARY KEY ("b")\n);'],
    [false, 'ALTER TABLE "a" ADD COLUMN     "b" TEXT NOT NULL;'],
    [false, 'ALTER TABLE "a" ADD COLUMN     "b" TEXT,\nADD COLUMN     "c" INTEGER NOT NULL;'],
    [false, 'ALTER TABLE "a" ADD COLUMN     "b" TEXT,\nDROP COLUMN "c";'],
    [false, 'ALTER TABLE "a" ALTER COLUMN "b" SET NOT NULL;'],
    [false, 'CREATE UNIQUE INDEX "i" ON "a"("b");'],
    [false, 'CREATE TABLE "new_a" ("b" TEXT);\nDROP TABLE "a";'],
    [false, 'UPDATE "a" SET "b" = 1;'],
  ];
  for (const [is, sql] of samples) t.equal(onlyAdds(sql), is, sql);
});
