// An upgrade must keep what is there: the first migration and rows as the first release wrote them, then all that came
// later. A script that makes a table anew, as Prisma writes them for SQLite, can lose every login on the way: by cascade,
// or when it is cut off.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import SqliteConnection from 'better-sqlite3';
import t, { type Test } from 'tap';
import { openClients } from '../../src/store/clients.js';
import { type Database, openDatabase, type Provider } from '../../src/store/database.js';
import { openFamilies } from '../../src/store/families.js';
import { knownMigrations, migrate, prismaFolder, schemaStatus } from '../../src/store/migrate.js';
import { NO_FILTERS, withSchemaEngine } from '../../src/store/schema-engine.js';
import { openSessions } from '../../src/store/sessions.js';
import { openUsers } from '../../src/store/users.js';
import { aClient, emptyDatabaseUrl, PROVIDERS, START, temporaryFolder } from '../helper.js';
import { aFamily, aRotation, aUser, DAY_MS, hashOf, rejectionOf } from './support.js';

type Script = { readonly name: string; readonly sql: string };
type Row = Readonly<Record<string, unknown>>;

const USER = 'a1a1a1a1-0000-4000-8000-000000000001';

async function scripts(provider: Provider): Promise<readonly Script[]> {
  const names = await knownMigrations(provider);
  const read = (name: string) => readFileSync(`${prismaFolder(provider)}migrations/${name}/migration.sql`, 'utf8');
  return names.map((name) => ({ name, sql: read(name) }));
}

/** Applies scripts as migrate() does, but those it is given: an older program, or one with a mistake. */
async function apply(url: string, provider: Provider, list: readonly Script[]): Promise<void> {
  const baseDir = prismaFolder(provider);
  const lock = 'migration_lock.toml';
  const lockfile = { path: lock, content: readFileSync(`${baseDir}migrations/${lock}`, 'utf8') };
  const migrationDirectories = list.map(({ name, sql }) => ({
    path: name,
    migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value: sql } },
  }));
  const migrationsList = { baseDir, lockfile, shadowDbInitScript: '', migrationDirectories };
  await withSchemaEngine(url, (engine) => engine.applyMigrations({ migrationsList, filters: NO_FILTERS }));
}

/** A database as the first release left it: its migration, a user, two clients, and four logins in all conditions. */
async function firstRelease(t: Test, provider: Provider): Promise<string> {
  const url = await emptyDatabaseUrl(t, provider);
  await (await openDatabase(url, true)).close();
  await apply(url, provider, (await scripts(provider)).slice(0, 1));
  const database = await openDatabase(url);
  await fill(database);
  await database.close();
  return url;
}

async function fill({ prisma }: Database): Promise<void> {
  const at = (ms: number) => new Date(START + ms);
  await prisma.$executeRaw`INSERT INTO users (id, username, username_key, email, email_key, password_hash, roles, login_epoch, created_at)
    VALUES (${USER}, 'Ada é😀', 'ada é😀', 'Ada@example.org', 'ada@example.org', '$2b$10$x', 'admin staff', 3, ${at(0)})`;
  for (const [id, disabledAt] of [
    ['app', null],
    ['off', at(9)],
  ] as const) {
    await prisma.$executeRaw`INSERT INTO clients (id, name, kind, secret_hash, grants, scopes, default_scope, audiences,
      default_audiences, refresh_idle_ttl_seconds, retry_window_seconds, created_at, disabled_at)
      VALUES (${id}, 'An app', 'confidential', ${hashOf(id)}, 'password refresh_token', 'read write', 'read', 'https://api.example',
      '', 3600, 0, ${at(1)}, ${disabledAt})`;
  }
  for (const [name, clientId, epoch, revokedAt] of [
    ['handle', 'app', 3, null],
    ['revoked', 'app', 3, at(7)],
    ['ended with the user', 'app', 2, null],
    ['at a disabled client', 'off', 3, null],
  ] as const) {
    await prisma.$executeRaw`INSERT INTO families (id, handle_hash, user_id, client_id, login_epoch, scope, audiences, created_at,
      absolute_expires_at, current_hash, previous_hash, successor_key, generation, rotated_at, idle_expires_at, revoked_at, revoked_reason)
      VALUES (${name}, ${hashOf(name)}, ${USER}, ${clientId}, ${epoch}, 'read', 'https://api.example', ${at(2)},
      ${at(90 * DAY_MS)}, ${hashOf('secret 0')}, ${hashOf('before')}, ${hashOf('key')}, 41, ${at(3)}, ${at(14 * DAY_MS)},
      ${revokedAt}, ${revokedAt === null ? null : 'reuse'})`;
  }
  await prisma.$executeRaw`INSERT INTO installation (id, key_ring_made_at) VALUES (1, ${at(0)})`;
}

const TABLES = ['users', 'clients', 'families', 'installation'] as const;

/** Everything in the tables of the program, column by column. */
async function contents(url: string): Promise<Readonly<Record<string, readonly Row[]>>> {
  const database = await openDatabase(url);
  const all: Record<string, readonly Row[]> = {};
  for (const table of TABLES) {
    all[table] = await database.prisma.$queryRawUnsafe<Row[]>(`SELECT * FROM ${table} ORDER BY id`);
  }
  await database.close();
  return all;
}

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

  t.test(`${provider}: a migration whose last statement fails leaves the database as it was`, async (t) => {
    for (const [index, { name, sql }] of (await scripts(provider)).entries()) {
      if (index === 0) continue;
      const url = await firstRelease(t, provider);
      await apply(url, provider, (await scripts(provider)).slice(0, index));
      const before = await contents(url);
      const broken = sql.replace(/(;\s*COMMIT)?;\s*$/, '; ALTER TABLE "nowhere" ADD COLUMN "x" TEXT$1;');
      t.not(broken, sql);
      const list = [...(await scripts(provider)).slice(0, index), { name, sql: broken }];
      t.match((await rejectionOf(apply(url, provider, list))).message, /nowhere/);
      t.strictSame(await contents(url), before, name);
      const status = { status: 'failed' as const, migration: name };
      t.strictSame(await migrate(url, true), { before: status, applied: [] });
      t.strictSame(await contents(url), before, 'and nothing is tried on top of it');
      const database = await openDatabase(url);
      t.strictSame(await schemaStatus(database), status);
      await database.close();
    }
  });
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
    for (let done = 1; done < statements.length; done++) {
      const path = `${folder}/${index}-${done}.db`;
      await connection.backup(path);
      const cut = statements.slice(0, done).join('\n');
      const { signal } = spawnSync(process.execPath, ['-e', program, path, cut], { cwd: process.cwd() });
      t.equal(signal, 'SIGKILL', `killed after statement ${done} of ${statements.length}`);
      const found = new SqliteConnection(path);
      t.strictSame(shape(found), before);
      found.close();
    }
    connection.close();
  }
});
