import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openDatabase, providerOf, REQUEST_PATIENCE, sqliteFile } from '../../src/store/database.js';
import { emptyDatabaseUrl, PROVIDERS, temporaryFolder, testDatabase } from '../helper.js';
import { aUser, rejectionOf } from './support.js';

t.test('the URL names the database', async (t) => {
  const urls: readonly (readonly [url: string, provider: string | null])[] = [
    ['file:./data/mintd.db', 'sqlite'],
    ['file:/var/lib/mintd.db', 'sqlite'],
    ['postgres://u:p@h/d', 'postgres'],
    ['postgresql://u:p@h:5432/d?sslmode=require', 'postgres'],
    ['file:', null],
    ['postgres:', null],
    ['mysql://h/d', null],
    ['./data/mintd.db', null],
    [' file:x', null],
    ['', null],
  ];
  for (const [url, provider] of urls) t.equal(providerOf(url), provider, url);
});

t.test('a file URL names a file', async (t) => {
  t.equal(sqliteFile('file:data/a.db'), 'data/a.db');
  t.equal(sqliteFile('file:./data/a.db'), './data/a.db');
  t.equal(sqliteFile('file:/var/a.db'), '/var/a.db');
  t.equal(sqliteFile('file:///var/a.db'), '/var/a.db');
});

t.test('SQLite is set so that nothing acknowledged is lost', async (t) => {
  const { prisma } = await testDatabase(t, 'sqlite');
  const wanted = { journal_mode: 'wal', synchronous: '2', foreign_keys: '1' };
  for (const [name, value] of Object.entries(wanted)) {
    const [row] = await prisma.$queryRawUnsafe<Record<string, unknown>[]>(`PRAGMA ${name}`);
    t.equal(String(Object.values(row ?? {})[0]), value, name);
  }
});

t.test('SQLite keeps foreign keys for every statement', async (t) => {
  const { prisma } = await testDatabase(t, 'sqlite');
  await t.rejects(
    prisma.$executeRaw`INSERT INTO families (id, handle_hash, user_id, client_id, login_epoch, scope, audiences,
      created_at, absolute_expires_at, current_hash, idle_expires_at) VALUES ('f', x'00', 'u', 'c', 0, '', '', 0, 0, x'00', 0)`,
    { message: /FOREIGN KEY/ },
  );
});

t.test('an SQLite file that is made is readable by its owner alone, and so are the files beside it', async (t) => {
  const folder = temporaryFolder(t);
  const before = process.umask(0);
  t.teardown(() => process.umask(before));
  const database = await openDatabase(`file:${join(folder, 'a.db')}`, true);
  await database.prisma.$executeRawUnsafe('CREATE TABLE a (b)');
  t.strictSame(readdirSync(folder).sort(), ['a.db', 'a.db-shm', 'a.db-wal']);
  for (const name of readdirSync(folder)) t.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
  await database.close();
});

t.test('an SQLite file that is there is opened as it is', async (t) => {
  const url = await emptyDatabaseUrl(t, 'sqlite');
  const first = await openDatabase(url, true);
  await first.prisma.$executeRawUnsafe('CREATE TABLE kept (b)');
  await first.close();
  for (const mayCreate of [true, false]) {
    const again = await openDatabase(url, mayCreate);
    t.strictSame(await again.prisma.$queryRawUnsafe('SELECT * FROM kept'), []);
    await again.close();
  }
});

t.test('a missing SQLite file is one line that names it, and is not made', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'absent.db');
  const error = await rejectionOf(openDatabase(`file:${file}`));
  t.strictSame(readdirSync(folder), []);
  t.notMatch(error.message, /\n/);
  t.match(error.message, file);
});

t.test('a folder that is not there is an error that names it', async (t) => {
  const file = join(temporaryFolder(t), 'absent', 'a.db');
  t.match((await rejectionOf(openDatabase(`file:${file}`, true))).message, file);
  t.equal(existsSync(join(file, '..')), false);
});

t.test('a file that is no database is one line that names it, and stays as it is', async (t) => {
  const file = join(temporaryFolder(t), 'notes.txt');
  writeFileSync(file, 'not a database\n'.repeat(500));
  const error = await rejectionOf(openDatabase(`file:${file}`, true));
  t.equal(statSync(file).size, 15 * 500);
  t.notMatch(error.message, /\n/);
  t.match(error.message, file);
});

t.test('PostgreSQL gives up a statement before anybody gives up waiting, and says who asks', async (t) => {
  const { prisma } = await testDatabase(t, 'postgres', REQUEST_PATIENCE);
  const setting = async (name: string) =>
    (await prisma.$queryRaw<{ value: string }[]>`SELECT current_setting(${name}) AS value`)[0]?.value;
  t.equal(await setting('statement_timeout'), '800ms');
  t.equal(await setting('application_name'), 'mintd');
});

t.test('opening PostgreSQL waits for nobody', async (t) => {
  const database = await openDatabase('postgres://mintd@127.0.0.1:1/x');
  t.equal(database.provider, 'postgres');
  await database.close();
});

t.test('a write that was answered is seen by every other connection', async (t) => {
  const first = await testDatabase(t, 'sqlite');
  const second = await openDatabase(first.url);
  t.teardown(() => second.close());
  const { id } = aUser();
  const row = { id, username: 'a', usernameKey: 'a', passwordHash: '', roles: '', createdAt: new Date(0) };
  await first.prisma.user.createMany({ data: row });
  t.equal((await second.prisma.user.findUnique({ where: { id } }))?.createdAt.getTime(), 0);
});

for (const provider of PROVIDERS) {
  t.test(`on ${provider}: an observer is told of each statement`, async (t) => {
    const outcomes: string[] = [];
    const { url } = await testDatabase(t, provider);
    const database = await openDatabase(url, false, undefined, ({ outcome }) => outcomes.push(outcome));
    t.teardown(() => database.close());
    await database.attempt(() => database.prisma.user.count());
    await rejectionOf(database.attempt(() => database.prisma.$queryRaw`SELECT nonsense`));
    t.strictSame(outcomes, ['ok', 'failed']);
  });
}
