import { statSync } from 'node:fs';
import t, { type Test } from 'tap';
import { openClients } from '../../src/store/clients.js';
import { type Database, openDatabase, type Provider, sqliteFile } from '../../src/store/database.js';
import { openFamilies } from '../../src/store/families.js';
import { Prisma } from '../../src/store/generated/sqlite/client.js';
import { openUsers } from '../../src/store/users.js';
import { aClient, PROVIDERS, START, testDatabase } from '../helper.js';
import { aFamily, aRotation, aUser, DAY_MS, hashOf, rejectionOf } from './support.js';

type Made = Database & { readonly url: string; readonly sids: readonly string[] };

/** A user with so many logins: `handle 0`, `handle 1` and so on. */
async function withFamilies(t: Test, provider: Provider, count: number): Promise<Made> {
  const database = await testDatabase(t, provider);
  const user = aUser();
  await openUsers(database).add(user);
  await openClients(database).add(aClient());
  const sids: string[] = [];
  for (let i = 0; i < count; i++) {
    const family = aFamily(user.id, { handleHash: hashOf(`handle ${i}`) });
    await openFamilies(database).begin(family);
    sids.push(family.sid);
  }
  return { ...database, sids };
}

const rotationOf = (i: number) => aRotation({ handleHash: hashOf(`handle ${i}`) });

for (const provider of PROVIDERS) {
  t.test(`${provider}: values and rows are what they are through Prisma`, async (t) => {
    const { prisma, direct, sids } = await withFamilies(t, provider, 1);
    const at = new Date(START);
    const query = Prisma.sql`
      SELECT id, handle_hash, generation, created_at, rotated_at FROM families
      WHERE id = ${sids[0]} AND handle_hash = ${hashOf('handle 0')} AND created_at = ${at} AND generation = ${0}`;
    const rows = await direct<Record<string, unknown>>(query);
    const expected = {
      id: sids[0],
      handle_hash: hashOf('handle 0'),
      generation: 0,
      created_at: at,
      rotated_at: null,
    };
    const plain = (row: Record<string, unknown> | undefined) => ({
      ...row,
      handle_hash: new Uint8Array(row?.['handle_hash'] as Uint8Array),
    });
    t.strictSame(rows.map(plain), [expected]);
    t.strictSame((await prisma.$queryRaw<Record<string, unknown>[]>(query)).map(plain), [expected]);
    t.strictSame(await direct(Prisma.sql`SELECT id FROM families WHERE id = ${'nobody'}`), []);
    t.strictSame(await direct(Prisma.sql`UPDATE families SET generation = 7`), [], 'nothing was asked for');
    t.equal((await prisma.family.findFirstOrThrow()).generation, 7);
  });

  t.test(`${provider}: a statement that fails leaves the others of its moment alone`, async (t) => {
    const database = await withFamilies(t, provider, 3);
    const all = [0, 1, 2].map((i) => openFamilies(database).rotate(rotationOf(i)));
    const faulty = database.direct(Prisma.sql`SELECT nothing FROM nowhere`);
    t.type(await rejectionOf(faulty), Error);
    t.ok((await Promise.all(all)).every((login) => login !== null));
  });
}

t.test('SQLite: what comes together is one commit', async (t) => {
  const { url, sids } = await withFamilies(t, 'sqlite', 30);
  /** Bytes that the rotation of so many families adds to the log; a commit writes each page that it changed once. */
  const written = async (first: number, count: number, oneByOne: boolean) => {
    const database = await openDatabase(url);
    await database.prisma.$queryRawUnsafe('PRAGMA wal_checkpoint(TRUNCATE)');
    const families = openFamilies(database);
    const rotations = sids.slice(first, first + count).map((_, i) => rotationOf(first + i));
    if (oneByOne) for (const rotation of rotations) t.ok(await families.rotate(rotation));
    else t.ok((await Promise.all(rotations.map(families.rotate))).every((login) => login !== null));
    const { size } = statSync(`${sqliteFile(url)}-wal`);
    await database.close();
    return size;
  };
  const apart = await written(0, 15, true);
  const together = await written(15, 15, false);
  t.ok(together < apart / 2, `${together} bytes together, ${apart} apart`);
});

t.test('SQLite: the connection of its own is as durable as the other', async (t) => {
  const { direct } = await testDatabase(t, 'sqlite');
  t.strictSame(await direct(Prisma.sql`PRAGMA synchronous`), [{ synchronous: 2 }]);
  t.strictSame(await direct(Prisma.sql`PRAGMA foreign_keys`), [{ foreign_keys: 1 }]);
  t.strictSame(await direct(Prisma.sql`PRAGMA journal_mode`), [{ journal_mode: 'wal' }]);
});

t.test('times mean the same where the PostgreSQL server keeps another time zone, and we a third', async (t) => {
  const { TZ: before } = process.env;
  process.env['TZ'] = 'America/New_York';
  t.teardown(() => {
    if (before === undefined) delete process.env['TZ'];
    else process.env['TZ'] = before;
  });
  t.equal(new Date(START).getHours(), 19, 'it is in force');
  const first = await withFamilies(t, 'postgres', 1);
  await first.prisma.$executeRawUnsafe(
    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone TO ''Asia/Tokyo''', current_database()); END $$",
  );
  const database = await openDatabase(first.url);
  t.teardown(() => database.close());
  const families = openFamilies(database);
  const [row] = await database.prisma.$queryRaw<{ zone: string }[]>`SELECT current_setting('timezone') AS zone`;
  t.equal(row?.zone, 'Asia/Tokyo');
  const now = START + 14 * DAY_MS - 1;
  t.equal(await families.rotate({ ...rotationOf(0), now: now + 1 }), null, 'the expiry is where it was');
  t.ok(await families.rotate({ ...rotationOf(0), now }));
  const found = await families.find({ handleHash: hashOf('handle 0') });
  t.equal(found?.family.rotatedAt, now);
  t.equal(found?.login.authTime, START);
});
