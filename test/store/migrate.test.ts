import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import t, { type Test } from 'tap';
import { openDatabase, type Provider, REQUEST_PATIENCE, sqliteFile } from '../../src/store/database.js';
import {
  hasKnownMigrations,
  knownMigrations,
  migrate,
  type SchemaStatus,
  schemaFault,
  schemaStatus,
} from '../../src/store/migrate.js';
import { openUsers } from '../../src/store/users.js';
import { emptyDatabaseUrl, PROVIDERS, testDatabase } from '../helper.js';
import { answerOf, aUser, connectPostgres, rejectionOf, startChild } from './support.js';

/** The database at a URL, for as long as the test. */
async function opened(t: Test, url: string) {
  const database = await openDatabase(url);
  t.teardown(() => database.close());
  return database;
}

/** Writes a row into the table Prisma keeps, as if another program had. */
async function noteMigration(t: Test, url: string, name: string, isFinished: boolean): Promise<void> {
  const { prisma } = await opened(t, url);
  const finishedAt = isFinished ? new Date() : null;
  await prisma.$executeRaw`INSERT INTO _prisma_migrations
    (id, checksum, finished_at, migration_name, started_at, applied_steps_count)
    VALUES (${crypto.randomUUID()}, 'x', ${finishedAt}, ${name}, ${new Date()}, 1)`;
}

/** Runs statements on a connection of their own: while another is open, SQLite is not migrated. */
async function statements(url: string, list: readonly string[]): Promise<void> {
  const { prisma, close } = await openDatabase(url);
  for (const statement of list) await prisma.$executeRawUnsafe(statement);
  await close();
}

async function tableNames(provider: Provider, url: string): Promise<readonly string[]> {
  const { prisma, close } = await openDatabase(url);
  const rows =
    provider === 'sqlite'
      ? await prisma.$queryRaw<{ name: string }[]>`SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`
      : await prisma.$queryRaw<{ name: string }[]>`
          SELECT table_name::text AS name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1`;
  await close();
  return rows.map(({ name }) => name);
}

for (const provider of PROVIDERS) {
  const known = await knownMigrations(provider);

  t.test(`${provider}: a fresh database gets all migrations, and none again`, async (t) => {
    const url = await emptyDatabaseUrl(t, provider);
    t.strictSame(await migrate(url, true), { before: { status: 'behind', pending: known }, applied: known });
    t.strictSame(await migrate(url, true), { before: { status: 'current' }, applied: [] });
    t.strictSame(await migrate(url, false), { before: { status: 'current' }, applied: [] });
    t.strictSame(await schemaStatus(await opened(t, url)), { status: 'current' });
  });

  t.test(`${provider}: of two processes that migrate at once, one does it, and none is kept alive by it`, async (t) => {
    const url = await emptyDatabaseUrl(t, provider);
    const children = await Promise.all(Array.from({ length: 2 }, () => startChild(t, 'migrate', url)));
    const answers = (await Promise.all(children.map(answerOf))) as { applied: string[]; timersLeft: number }[];
    t.strictSame(
      answers.flatMap(({ applied }) => applied),
      known,
    );
    t.ok(
      answers.every(({ timersLeft }) => timersLeft === 0),
      'no timer is left',
    );
    t.strictSame(await schemaStatus(await opened(t, url)), { status: 'current' });
  });

  t.test(`${provider}: of two calls in one process, one does it`, async (t) => {
    const url = await emptyDatabaseUrl(t, provider);
    const outcomes = await Promise.all([migrate(url, true), migrate(url, true)]);
    t.strictSame(
      outcomes.flatMap(({ applied }) => applied),
      known,
    );
  });

  t.test(`${provider}: a database of a newer program is left as it is`, async (t) => {
    const { url } = await testDatabase(t, provider);
    await noteMigration(t, url, '99990101000000_later', true);
    const before: SchemaStatus = { status: 'newer', unknown: ['99990101000000_later'] };
    t.strictSame(await migrate(url, true), { before, applied: [] });
    t.strictSame(await migrate(url, true), { before, applied: [] }, 'and it stays so');
  });

  t.test(`${provider}: a program of the release before starts on a schema that has only grown`, async (t) => {
    const { url, prisma } = await testDatabase(t, provider);
    await prisma.$executeRaw`ALTER TABLE users ADD COLUMN shoe_size integer`;
    await prisma.$executeRaw`CREATE TABLE shoes (id integer PRIMARY KEY)`;
    await noteMigration(t, url, '99990101000000_expand_shoes', true);
    t.strictSame(await migrate(url, true), { before: { status: 'current' }, applied: [] });
    const users = openUsers(await opened(t, url));
    const ada = aUser();
    t.equal(await users.add(ada), true, 'and writes into it');
    t.equal((await users.find(ada.id))?.username, 'Ada', 'and reads what it wrote');
    await noteMigration(t, url, '99990201000000_drop_expand_shoes', true);
    const before: SchemaStatus = { status: 'newer', unknown: ['99990201000000_drop_expand_shoes'] };
    t.strictSame(await migrate(url, true), { before, applied: [] }, 'but not on one that has also shrunk');
  });

  t.test(`${provider}: a database in which a migration failed is left as it is`, async (t) => {
    const { url } = await testDatabase(t, provider);
    await noteMigration(t, url, '20200101000000_half', false);
    const before: SchemaStatus = { status: 'failed', migration: '20200101000000_half' };
    t.strictSame(await migrate(url, true), { before, applied: [] });
  });

  t.test(`${provider}: a migration that was not finished is tried again, whether it had run or not`, async (t) => {
    const url = await emptyDatabaseUrl(t, provider);
    await migrate(url, true);
    const last = known.at(-1) ?? '';
    const unfinished: SchemaStatus = { status: 'failed', migration: last };
    const forgetEnd = `UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = '${last}'`;
    await statements(url, [forgetEnd]);
    t.strictSame(await migrate(url, true), { before: unfinished, applied: [] }, 'not unless it is asked for');
    t.strictSame(await migrate(url, true, true), { before: unfinished, applied: [] }, 'killed before it was noted');
    t.strictSame(await migrate(url, true), { before: { status: 'current' }, applied: [] });

    const names = (await tableNames(provider, url)).filter((name) => !/^(_prisma|sqlite_|families)/.test(name));
    await statements(url, [
      ...['families', ...names].map((name) => `DROP TABLE ${name}`),
      `DELETE FROM _prisma_migrations WHERE migration_name <> '${known[0]}'`,
      'UPDATE _prisma_migrations SET finished_at = NULL',
    ]);
    const neverRan: SchemaStatus = { status: 'failed', migration: known[0] ?? '' };
    t.strictSame(await migrate(url, true, true), { before: neverRan, applied: known }, 'killed before it ran');
    t.strictSame(await migrate(url, true), { before: { status: 'current' }, applied: [] });
  });

  t.test(`${provider}: a migration that was rolled back does not count`, async (t) => {
    const { url } = await testDatabase(t, provider);
    await noteMigration(t, url, '20200101000000_half', false);
    const { prisma } = await opened(t, url);
    await prisma.$executeRaw`UPDATE _prisma_migrations SET rolled_back_at = ${new Date()} WHERE checksum = 'x'`;
    t.strictSame((await migrate(url, true)).before, { status: 'current' });
  });

  t.test(
    `${provider}: a server that runs needs its own migrations, whatever a newer version does beside it`,
    async (t) => {
      const { url, ...database } = await testDatabase(t, provider);
      const last = known.at(-1);
      const rows = database.prisma;
      t.equal(await hasKnownMigrations(database), true);
      await noteMigration(t, url, '99990101000000_later', false);
      t.equal(await hasKnownMigrations(database), true, 'while a newer one is applied');
      await rows.$executeRaw`UPDATE _prisma_migrations SET finished_at = ${new Date()} WHERE checksum = 'x'`;
      t.equal(await hasKnownMigrations(database), true, 'when it is');
      await rows.$executeRaw`UPDATE _prisma_migrations SET rolled_back_at = ${new Date()} WHERE migration_name = ${last}`;
      t.equal(await hasKnownMigrations(database), false, 'not without one of its own');
      await rows.$executeRaw`
      UPDATE _prisma_migrations SET rolled_back_at = NULL, finished_at = NULL WHERE migration_name = ${last}`;
      t.equal(await hasKnownMigrations(database), false, 'and not with half of one');
      await rows.$executeRaw`DELETE FROM _prisma_migrations WHERE migration_name = ${last}`;
      t.equal(await hasKnownMigrations(database), false, 'nor with an older backup in its place');
    },
  );
}

t.test('looking at an absent SQLite file leaves nothing behind', async (t) => {
  const url = await emptyDatabaseUrl(t, 'sqlite');
  await t.rejects(migrate(url, false));
  t.strictSame(readdirSync(dirname(sqliteFile(url))), []);
});

t.test('looking at an empty database changes nothing', async (t) => {
  for (const provider of PROVIDERS) {
    const url = await emptyDatabaseUrl(t, provider);
    await (await openDatabase(url, true)).close();
    const pending = await knownMigrations(provider);
    t.strictSame(await migrate(url, false), { before: { status: 'behind', pending }, applied: [] });
    t.strictSame(await tableNames(provider, url), []);
  }
});

t.test('a database that goes away while it is asked for its schema is an outage', async (t) => {
  const database = await testDatabase(t, 'postgres', REQUEST_PATIENCE);
  const other = await connectPostgres(t, database.url);
  await other.query('BEGIN');
  await other.query('LOCK TABLE _prisma_migrations');
  const error = await rejectionOf(schemaStatus(database));
  t.equal(error.name, 'DatabaseUnavailable');
});

t.test('every fault is one line that names the way out', async (t) => {
  const faults: readonly (readonly [SchemaStatus, RegExp])[] = [
    [{ status: 'behind', pending: ['1_init'] }, /lacks 1 migration\(s\), first 1_init: run `mintd migrate`$/],
    [{ status: 'newer', unknown: ['9_later'] }, /newer mintd \(it has the migration 9_later\): run that version$/],
    [
      { status: 'failed', migration: '2_half' },
      /the migration 2_half was begun and not finished: run `mintd migrate --retry`$/,
    ],
  ];
  for (const [status, expected] of faults) t.match(schemaFault(status), expected);
  t.equal(schemaFault({ status: 'current' }), null);
});
