// What src/store/outage.ts makes of real databases in trouble; the errors are whatever Prisma throws today.
import { createServer, type Server, type Socket } from 'node:net';
import SqliteConnection from 'better-sqlite3';
import t, { type Test } from 'tap';
import { openClients } from '../../src/store/clients.js';
import { type Database, openDatabase, REQUEST_PATIENCE, sqliteFile } from '../../src/store/database.js';
import { openFamilies } from '../../src/store/families.js';
import { Prisma } from '../../src/store/generated/sqlite/client.js';
import { attempt, DatabaseUnavailable, type RetryClock } from '../../src/store/outage.js';
import { openUsers } from '../../src/store/users.js';
import { aClient, PROVIDERS, testDatabase } from '../helper.js';
import { aFamily, aRotation, aUser, connectPostgres, LOCKS_HERE, rejectionOf } from './support.js';

const WITHIN_MS = 3_000;

/** Everything the store does that writes, and a read; each must say the same of an outage. */
function writes(database: Database): Record<string, () => Promise<unknown>> {
  return {
    'users.add': () => openUsers(database).add(aUser()),
    'users.setPassword': () => openUsers(database).setPassword('x', 'hash'),
    'clients.add': () => openClients(database).add(aClient()),
    'families.begin': () => openFamilies(database).begin(aFamily('x')),
    'families.rotate': () => openFamilies(database).rotate(aRotation()),
    'families.revoke': () => openFamilies(database).revoke('x', 'revoked', 0),
  };
}

async function areOutages(t: Test, statements: Record<string, () => Promise<unknown>>): Promise<void> {
  for (const [name, statement] of Object.entries(statements)) {
    const since = performance.now();
    const error = await rejectionOf(statement());
    t.type(error, DatabaseUnavailable, `${name}: ${error.message}`);
    t.ok(performance.now() - since < WITHIN_MS, `${name}: within 3 s`);
  }
}

/** A second connection to the SQLite file of a database. */
function beside(t: Test, url: string): SqliteConnection.Database {
  const connection = new SqliteConnection(sqliteFile(url));
  t.teardown(() => connection.close());
  return connection;
}

/** Terminates all connections to a database but the one that asks; waits until they are gone. */
async function terminateOthers(t: Test, url: string): Promise<void> {
  const killer = await connectPostgres(t, url);
  const others = 'FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()';
  await killer.query(`SELECT pg_terminate_backend(pid, 5000) ${others}`);
}

t.test('SQLite: a write that meets another writer is done when that one has finished', async (t) => {
  const database = await testDatabase(t, 'sqlite');
  const writer = beside(t, database.url);
  writer.exec('BEGIN IMMEDIATE');
  let waits = 0;
  const clock: RetryClock = {
    now: () => 0,
    jitter: () => 0.5,
    sleep: async () => void (++waits === 3 && writer.exec('COMMIT')),
  };
  const { id, username } = aUser();
  const row = { id, username: 'a', usernameKey: username.key, passwordHash: '', roles: '', createdAt: new Date(0) };
  t.strictSame(await attempt(() => database.prisma.user.createMany({ data: row }), clock), { count: 1 });
  t.equal(waits, 3);
});

t.test('SQLite: a writer that does not finish makes every write an outage, and no read', async (t) => {
  const database = await testDatabase(t, 'sqlite');
  const writer = beside(t, database.url);
  await openClients(database).add(aClient());
  writer.exec('BEGIN IMMEDIATE');
  const { 'users.add': add, 'families.rotate': rotate } = writes(database);
  if (add === undefined || rotate === undefined) throw new Error('no such statement');
  await areOutages(t, { add, rotate });
  t.match(await openClients(database).find('app'), { id: 'app' });
  writer.exec('COMMIT');
  t.equal(await add(), true, 'and afterwards it works');
});

t.test('SQLite: a database that may not be written is an outage', async (t) => {
  const database = await testDatabase(t, 'sqlite');
  await database.prisma.$queryRawUnsafe('PRAGMA query_only = 1');
  await database.direct(Prisma.sql`PRAGMA query_only = 1`);
  await areOutages(t, writes(database));
  t.equal(await openUsers(database).isEmpty(), true, 'reading goes on');
  await database.prisma.$queryRawUnsafe('PRAGMA query_only = 0');
  t.equal(await openUsers(database).add(aUser()), true);
});

t.test('SQLite: a full disk is an outage, and leaves nothing half-written', async (t) => {
  const database = await testDatabase(t, 'sqlite');
  const users = openUsers(database);
  const [row] = await database.prisma.$queryRawUnsafe<{ page_count: bigint }[]>('PRAGMA page_count');
  await database.prisma.$queryRawUnsafe(`PRAGMA max_page_count = ${row?.page_count}`);
  const big = aUser({ passwordHash: 'x'.repeat(100_000) });
  t.type(await rejectionOf(users.add(big)), DatabaseUnavailable);
  t.equal(await users.isEmpty(), true);
  await database.prisma.$queryRawUnsafe('PRAGMA max_page_count = 1000000');
  t.equal(await users.add(big), true, 'and afterwards it works');
});

for (const provider of PROVIDERS) {
  t.test(`${provider}: a statement with a fault is no outage`, async (t) => {
    const { prisma } = await testDatabase(t, provider);
    const error = await rejectionOf(attempt(() => prisma.$queryRawUnsafe('SELECT * FROM nowhere')));
    t.match(error, { code: 'P2010' });
  });
}

t.test('PostgreSQL: a server that does not listen is an outage', async (t) => {
  const database = await openDatabase('postgres://mintd@127.0.0.1:1/x');
  t.teardown(() => database.close());
  await areOutages(t, { ...writes(database), read: () => openClients(database).find('app') });
});

t.test('PostgreSQL: a server that accepts and says nothing is an outage', async (t) => {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => void sockets.push(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const database = await openDatabase(`postgres://mintd:x@127.0.0.1:${port}/x`);
  t.teardown(() => database.close());
  await areOutages(t, { read: () => openClients(database).find('app') });
});

t.test('PostgreSQL: a connection that is terminated between statements costs one answer at most', async (t) => {
  const database = await testDatabase(t, 'postgres', REQUEST_PATIENCE);
  for (const [name, statement] of Object.entries(writes(database))) {
    await statement();
    await terminateOthers(t, database.url);
    const outcome = await statement().catch((error: unknown) => error);
    t.ok(!(outcome instanceof Error) || outcome instanceof DatabaseUnavailable, `${name}: ${outcome}`);
    await t.resolves(statement(), `${name}: and afterwards it works`);
  }
});

t.test('PostgreSQL: a connection that is terminated within a statement is an outage', async (t) => {
  const database = await testDatabase(t, 'postgres', REQUEST_PATIENCE);
  const holder = await connectPostgres(t, database.url);
  await holder.query('BEGIN');
  await holder.query('LOCK TABLE users');
  const adding = rejectionOf(openUsers(database).add(aUser()));
  const killer = await connectPostgres(t, database.url);
  const kill = `SELECT pg_terminate_backend(pid, 5000) FROM ${LOCKS_HERE} AND NOT granted`;
  while ((await killer.query(kill)).rowCount === 0);
  await holder.query('COMMIT');
  t.type(await adding, DatabaseUnavailable);
  t.equal(await openUsers(database).add(aUser()), true, 'and afterwards it works');
});

t.test('PostgreSQL: a statement that waits too long for a lock is an outage', async (t) => {
  const database = await testDatabase(t, 'postgres', REQUEST_PATIENCE);
  const holder = await connectPostgres(t, database.url);
  await holder.query('BEGIN');
  await holder.query('LOCK TABLE users, families');
  const { 'users.add': add, 'families.rotate': rotate } = writes(database);
  if (add === undefined || rotate === undefined) throw new Error('no such statement');
  await areOutages(t, { add, rotate });
  await holder.query('COMMIT');
  t.equal(await add(), true, 'and afterwards it works');
});

t.test('PostgreSQL: more requests than connections, all of them stuck, are outages within 3 s', async (t) => {
  const database = await testDatabase(t, 'postgres', REQUEST_PATIENCE);
  const holder = await connectPostgres(t, database.url);
  await holder.query('BEGIN');
  await holder.query('LOCK TABLE users');
  const statements = Array.from({ length: 15 }, (_, i) => [`request ${i}`, () => openUsers(database).list()] as const);
  await Promise.all(statements.map(([name, statement]) => areOutages(t, { [name]: statement })));
});

t.test('PostgreSQL: a database that may not be written is an outage', async (t) => {
  const database = await testDatabase(t, 'postgres', REQUEST_PATIENCE);
  const { rows } = await (await connectPostgres(t, database.url)).query('SELECT current_database() AS name');
  const admin = await connectPostgres(t, database.url);
  await admin.query(`ALTER DATABASE ${rows[0].name} SET default_transaction_read_only = on`);
  await database.prisma.$disconnect();
  await areOutages(t, writes(database));
  t.equal(await openUsers(database).isEmpty(), true, 'reading goes on');
});
