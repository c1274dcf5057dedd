// The deletion of families past their absolute expiry; what lists them is in sessions.test.ts.
import t, { type Test } from 'tap';
import { openClients } from '../../src/store/clients.js';
import {
  COMMAND_PATIENCE,
  type Database,
  openDatabase,
  type Patience,
  type Provider,
  REQUEST_PATIENCE,
} from '../../src/store/database.js';
import { openFamilies } from '../../src/store/families.js';
import { openSessions } from '../../src/store/sessions.js';
import { openUsers } from '../../src/store/users.js';
import { aClient, PROVIDERS, START, testDatabase } from '../helper.js';
import { aFamily, aRotation, aUser, connectPostgres, DAY_MS, hashOf } from './support.js';

const EXPIRY = START + 90 * DAY_MS;

/** A user, a client, and families: `names` gives each its absolute expiry; their sids are their names. */
async function withFamilies(t: Test, provider: Provider, names: Readonly<Record<string, number>>, patience?: Patience) {
  const database = await testDatabase(t, provider, patience);
  const user = aUser();
  await openUsers(database).add(user);
  await openClients(database).add(aClient());
  const rows = Object.entries(names).map(([sid, expiry]) => rowOf(user.id, sid, expiry));
  await database.prisma.family.createMany({ data: rows });
  return { database, user };
}

/** A row as a login leaves it, in the one statement that makes hundreds. */
function rowOf(userId: string, sid: string, absoluteExpiresAt: number) {
  const at = new Date(START);
  return {
    ...{
      id: sid,
      userId,
      clientId: 'app',
      loginEpoch: 0,
      scope: 'read',
      audiences: 'https://api.example',
      createdAt: at,
    },
    ...{ handleHash: hashOf(`handle ${sid}`), currentHash: hashOf('secret 0') },
    ...{ idleExpiresAt: new Date(absoluteExpiresAt), absoluteExpiresAt: new Date(absoluteExpiresAt) },
  };
}

/** `count` names that begin alike, each with the same expiry. */
function many(count: number, prefix: string, expiry: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}`, expiry]));
}

async function left({ prisma }: Database): Promise<readonly string[]> {
  return (await prisma.family.findMany({ orderBy: { id: 'asc' }, select: { id: true } })).map(({ id }) => id);
}

/** Removes in batches until a batch finds nothing; how many each deleted. */
async function removeAll(database: Database, limit: number): Promise<number[]> {
  const batches: number[] = [];
  for (let last = 1; last > 0; batches.push(last)) last = await openSessions(database).removeExpired(EXPIRY, limit);
  return batches;
}

for (const provider of PROVIDERS) {
  t.test(`${provider}: exactly what is past its absolute expiry is deleted`, async (t) => {
    const ages = { before: EXPIRY - 1, at: EXPIRY, after: EXPIRY + 1 };
    const { database } = await withFamilies(t, provider, { long: START, ...ages, never: START * 2 });
    const { removeExpired } = openSessions(database);
    t.equal(await removeExpired(EXPIRY, 100), 3);
    t.strictSame(await left(database), ['after', 'never']);
    t.equal(await removeExpired(EXPIRY, 100), 0);
    t.equal(await removeExpired(EXPIRY + 1, 100), 1);
    t.strictSame(await left(database), ['never']);
    t.equal(await database.prisma.user.count(), 1, 'the user stays');
    t.equal(await database.prisma.client.count(), 1, 'and the client');
  });

  t.test(`${provider}: what ended earlier, in whatever way, stays until its absolute expiry`, async (t) => {
    const { database, user } = await withFamilies(t, provider, { revoked: EXPIRY, idle: EXPIRY, living: EXPIRY });
    await openFamilies(database).revoke('revoked', 'reuse', START);
    const data = { idleExpiresAt: new Date(START) };
    await database.prisma.family.updateMany({ where: { id: 'idle' }, data });
    await openUsers(database).disable(user.id, START);
    const { removeExpired } = openSessions(database);
    t.equal(await removeExpired(EXPIRY - 1, 100), 0);
    t.equal(await removeExpired(EXPIRY, 100), 3);
  });

  t.test(`${provider}: no more than the limit, and the oldest first`, async (t) => {
    const names = Object.fromEntries([7, 3, 9, 1, 5, 8, 2, 6, 4].map((day) => [`day ${day}`, START + day * DAY_MS]));
    const { database } = await withFamilies(t, provider, names);
    const { removeExpired } = openSessions(database);
    t.equal(await removeExpired(START + 8 * DAY_MS, 1), 1);
    t.strictSame(await left(database), ['day 2', 'day 3', 'day 4', 'day 5', 'day 6', 'day 7', 'day 8', 'day 9']);
    t.equal(await removeExpired(START + 8 * DAY_MS, 4), 4);
    t.strictSame(await left(database), ['day 6', 'day 7', 'day 8', 'day 9']);
    t.equal(await removeExpired(START + 8 * DAY_MS, 4), 3);
    t.strictSame(await left(database), ['day 9']);
  });

  t.test(`${provider}: 450 go in batches, whatever the database thinks of the table`, async (t) => {
    const { database } = await withFamilies(t, provider, {
      ...many(450, 'old ', EXPIRY),
      ...many(50, 'new ', EXPIRY + 1),
    });
    // With statistics PostgreSQL may choose another plan; a bad one would exceed the limit.
    await database.prisma.$executeRawUnsafe('ANALYZE families');
    t.strictSame(await removeAll(database, 200), [200, 200, 50, 0]);
    t.equal((await left(database)).length, 50);
    t.notOk((await left(database)).some((sid) => sid.startsWith('old')));
  });

  t.test(`${provider}: two instances at once delete everything once`, async (t) => {
    const testee = await withFamilies(t, provider, { ...many(300, 'old ', EXPIRY), new: EXPIRY + 1 });
    const second = await openDatabase(testee.database.url, false, COMMAND_PATIENCE);
    t.teardown(() => second.close());
    const both = await Promise.all([removeAll(testee.database, 20), removeAll(second, 20)]);
    const deleted = both.flat();
    t.equal(
      deleted.reduce((sum, batch) => sum + batch),
      300,
      `in ${deleted.length} batches`,
    );
    t.strictSame(await left(testee.database), ['new']);
  });

  t.test(`${provider}: beside rotations; every rotation succeeds, and everything old goes`, async (t) => {
    const living = many(40, 'new ', EXPIRY + 1);
    const { database } = await withFamilies(t, provider, { ...many(200, 'old ', EXPIRY), ...living });
    const families = openFamilies(database);
    const now = EXPIRY;
    const rotations = Object.keys(living).map((sid) =>
      families.rotate(aRotation({ handleHash: hashOf(`handle ${sid}`), now, idleExpiresAt: now + 1 })),
    );
    const [batches, ...logins] = await Promise.all([removeAll(database, 20), ...rotations]);
    t.strictSame(
      logins.map((login) => login?.sid),
      Object.keys(living),
    );
    t.equal(
      batches.reduce((sum, batch) => sum + batch),
      200,
    );
    t.strictSame(await left(database), Object.keys(living).sort());
  });

  t.test(`${provider}: a family that is gone is unknown, not an error`, async (t) => {
    const { database } = await withFamilies(t, provider, { old: EXPIRY });
    const families = openFamilies(database);
    await openSessions(database).removeExpired(EXPIRY, 1);
    const handleHash = hashOf('handle old');
    t.equal(await families.find({ handleHash }), null);
    t.equal(await families.find({ sid: 'old' }), null);
    t.equal(await families.rotate(aRotation({ handleHash })), null);
    t.equal(await families.revoke('old', 'revoked', EXPIRY), false);
  });
}

t.test('PostgreSQL: what another instance is deleting is left to it, without waiting', async (t) => {
  const names = { ...many(5, 'theirs ', EXPIRY - 1), ...many(3, 'ours ', EXPIRY) };
  const { database } = await withFamilies(t, 'postgres', names, REQUEST_PATIENCE);
  const other = await connectPostgres(t, database.url);
  await other.query('BEGIN');
  t.equal((await other.query("DELETE FROM families WHERE id LIKE 'theirs%'")).rowCount, 5);
  // Whoever waits for the other waits for ever, and is stopped before a second is over.
  t.equal(await openSessions(database).removeExpired(EXPIRY, 100), 3);
  await other.query('COMMIT');
  t.strictSame(await left(database), []);
});

t.test('PostgreSQL: what another instance failed to delete is deleted by the next', async (t) => {
  const { database } = await withFamilies(t, 'postgres', many(4, 'old ', EXPIRY));
  const other = await connectPostgres(t, database.url);
  await other.query('BEGIN');
  await other.query("DELETE FROM families WHERE id IN ('old 0', 'old 1')");
  const { removeExpired } = openSessions(database);
  t.equal(await removeExpired(EXPIRY, 100), 2);
  await other.query('ROLLBACK');
  t.equal(await removeExpired(EXPIRY, 100), 2);
});

t.test('PostgreSQL: a removal does not wait for the deletion of a user', async (t) => {
  const { database, user } = await withFamilies(t, 'postgres', many(4, 'old ', EXPIRY), REQUEST_PATIENCE);
  const other = await connectPostgres(t, database.url);
  await other.query('BEGIN');
  await other.query('DELETE FROM users WHERE id = $1', [user.id]);
  t.equal(await openSessions(database).removeExpired(EXPIRY, 100), 0, 'they go with their user');
  await other.query('COMMIT');
  t.strictSame(await left(database), []);
  t.equal(await openFamilies(database).begin(aFamily(user.id)), false);
});
