// An upgrade must keep what is there: the first migration and rows as the first release wrote them, then all that came
// later. A script that makes a table anew, as Prisma writes them for SQLite, can lose every login on the way: by cascade,
// or when it is cut off.
import { spawnSync } from 'node:child_process';
import SqliteConnection from 'better-sqlite3';
import t, { type Test } from 'tap';
import { openClients } from '../../src/store/clients.js';
import { type Database, openDatabase, type Provider } from '../../src/store/database.js';
import { openFamilies } from '../../src/store/families.js';
import { knownMigrations, migrate } from '../../src/store/migrate.js';
import { openSessions } from '../../src/store/sessions.js';
import { openUsers } from '../../src/store/users.js';
import { aClient, PROVIDERS, START, temporaryFolder } from '../helper.js';
import { contents, firstRelease, type Row, scripts, TABLES, USER } from './first-release.js';
import { aFamily, aRotation, aUser, hashOf } from './support.js';

/** Of a row, the columns that another one has. */
function columnsOf(row: Row, like: Row | undefined): Row {
  return Object.fromEntries(Object.entries(row).filter(([name]) => like !== undefined && name in like));
}

async function upgraded(t: Test, provider: Provider): Promise<Database> {
  const url = await firstRelease(t, provider);
  await migrate(url, true);
  const database = await openDatabase(url);
  t.teardown(() => database.close());
  return database;
}

for (const provider of PROVIDERS) {
  t.test(`${provider}: an upgrade from the first release keeps every row as it was`, async (t) => {
    const url = await firstRelease(t, provider);
    const before = await contents(url);
    t.strictSame(
      TABLES.map((table) => before[table]?.length),
      [1, 2, 4, 1],
      'the rows are there',
    );
    const known = await knownMigrations(provider);
    const { applied } = await migrate(url, true);
    t.strictSame(applied, known.slice(1));
    const after = await contents(url);
    for (const table of TABLES) {
      const kept = after[table]?.map((row) => columnsOf(row, before[table]?.[0]));
      t.strictSame(kept, before[table], table);
    }
    t.strictSame((await migrate(url, true)).before, { status: 'current' });
  });

  t.test(`${provider}: what is new has its defaults`, async (t) => {
    const { prisma } = await upgraded(t, provider);
    const fresh = { delivery: 'body', origins: '', loginEpoch: 0 };
    t.match(await prisma.client.findMany(), [fresh, fresh]);
    const unknown = { clientEpoch: 0, userAgent: null, address: null };
    t.match(await prisma.family.findMany(), [unknown, unknown, unknown, unknown]);
  });

  t.test(`${provider}: logins of the first release go on, and those that had ended stay ended`, async (t) => {
    const database = await upgraded(t, provider);
    const families = openFamilies(database);
    t.match(await openSessions(database).list({}, START + 4, 9), [
      { sid: 'handle', lastUsedAt: START + 3, ended: null },
    ]);
    const login = await families.rotate(aRotation());
    t.match(login, {
      sid: 'handle',
      userId: USER,
      username: 'Ada é😀',
      roles: ['admin', 'staff'],
      authTime: START + 2,
    });
    t.ok(await families.rotate(aRotation({ presentedHash: hashOf('secret 1'), successorHash: hashOf('secret 2') })));
    for (const [handle, clientId] of [
      ['revoked', 'app'],
      ['ended with the user', 'app'],
      ['at a disabled client', 'off'],
    ] as const) {
      t.equal(await families.rotate(aRotation({ handleHash: hashOf(handle), clientId })), null, handle);
    }
    const ended = await openSessions(database).list({ withEnded: true }, START + 4, 9);
    t.strictSame(Object.fromEntries(ended.map((session) => [session.sid, session.ended])), {
      handle: null,
      revoked: 'reuse',
      'ended with the user': 'ended_with_user',
      'at a disabled client': 'ended_with_client',
    });
  });

  t.test(
    `${provider}: what the upgraded tables must refuse they refuse, and logins go with their owners`,
    async (t) => {
      const database = await upgraded(t, provider);
      const families = openFamilies(database);
      const fresh = { handleHash: hashOf('new'), loginEpoch: 3 };
      t.equal(await families.begin(aFamily(USER, { ...fresh, clientId: 'gone' })), false, 'a client that is not there');
      t.equal(await families.begin(aFamily(crypto.randomUUID(), fresh)), false, 'a user who is not there');
      await t.rejects(families.begin(aFamily(USER, { handleHash: hashOf('handle') })), 'a handle that is taken');
      t.equal(await openClients(database).add(aClient()), false, 'a client id that is taken');
      t.equal(
        await openUsers(database).add(aUser({ username: { display: 'x', key: 'ada é😀' } })),
        false,
        'a name that is taken',
      );
      t.equal(await families.begin(aFamily(USER, fresh)), true, 'a login as ever');
      t.equal(await openClients(database).remove('off'), true);
      t.equal(await database.prisma.family.count(), 4);
      t.equal(await openUsers(database).remove(USER), true);
      t.equal(await database.prisma.family.count(), 0);
    },
  );
}

t.test('SQLite: a process killed within a migration leaves the database as it was', async (t) => {
  const folder = temporaryFolder(t);
  const program = `
    const connection = new (require('better-sqlite3'))(process.argv[1]);
    connection.exec(process.argv[2]);
    process.kill(process.pid, 'SIGKILL');`;
  for (const [index, { name, sql }] of (await scripts('sqlite')).entries()) {
    if (index === 0) continue;
    const statements = sql.split(/(?<=;)\s*\n/).filter((statement) => statement.trim() !== '');
    t.ok(statements.length > 0, `${name}: its statements were found`);
    const template = `${folder}/${index}.db`;
    const connection = new SqliteConnection(template);
    connection.exec(
      (await scripts('sqlite'))
        .slice(0, index)
        .map((script) => script.sql)
        .join('\n'),
    );
    const shape = (database: SqliteConnection.Database) => database.prepare('SELECT sql FROM sqlite_master').all();
    const before = shape(connection);
    for (let done = 1; done <= statements.length; done++) {
      const path = `${folder}/${index}-${done}.db`;
      await connection.backup(path);
      const cut = ['BEGIN IMMEDIATE;', ...statements.slice(0, done)].join('\n');
      const { signal } = spawnSync(process.execPath, ['-e', program, path, cut], { cwd: process.cwd() });
      t.equal(signal, 'SIGKILL', `killed after statement ${done} of ${statements.length}`);
      const found = new SqliteConnection(path);
      t.strictSame(shape(found), before);
      found.close();
    }
    connection.close();
  }
});
