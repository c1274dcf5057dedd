import t, { type Test } from 'tap';
import { openClients } from '../../src/store/clients.js';
import {
  COMMAND_PATIENCE,
  type Database,
  openDatabase,
  type Provider,
  REQUEST_PATIENCE,
} from '../../src/store/database.js';
import { openFamilies } from '../../src/store/families.js';
import { Prisma } from '../../src/store/generated/sqlite/client.js';
import type { Observation } from '../../src/store/observer.js';
import { DatabaseUnavailable } from '../../src/store/outage.js';
import type { Rotation } from '../../src/store/rotations.js';
import { openUsers } from '../../src/store/users.js';
import { aClient, PROVIDERS, START, testDatabase } from '../helper.js';
import {
  aFamily,
  aRotation,
  aUser,
  connectPostgres,
  DAY_MS,
  gatheringAll,
  hashOf,
  LOCKS_HERE,
  rejectionOf,
} from './support.js';

/** So many logins, each of a user of its own, with an audience of its own: `handle 0`, `handle 1` and so on. */
async function withLogins(t: Test, provider: Provider, count: number): Promise<Database & { readonly url: string }> {
  const database = await testDatabase(t, provider);
  await openClients(database).add(aClient());
  await openClients(database).add(aClient({ id: 'other' }));
  for (let i = 0; i < count; i++) {
    const username = { display: `User ${i}`, key: `user ${i}` };
    const user = aUser({ id: crypto.randomUUID(), username, email: null, roles: [`role-${i}`] });
    await openUsers(database).add(user);
    const names = { handleHash: hashOf(`handle ${i}`), audiences: [`https://api.example/${i}`, 'everywhere'] };
    await openFamilies(database).begin(aFamily(user.id, names));
  }
  return gatheringAll(database);
}

/** The first rotation of a login, with a successor of its own. */
function rotationOf(i: number, overrides: Partial<Rotation> = {}): Rotation {
  return aRotation({
    handleHash: hashOf(`handle ${i}`),
    successorHash: hashOf(`successor ${i}`),
    successorKey: hashOf(`key ${i}`),
    audiences: ['https://elsewhere.example', `https://api.example/${i}`],
    now: START + i,
    idleExpiresAt: START + i + 14 * DAY_MS,
    ...overrides,
  });
}

/** What the database has of a login. */
async function rowOf({ prisma }: Database, i: number) {
  const row = await prisma.family.findUniqueOrThrow({ where: { handleHash: hashOf(`handle ${i}`) } });
  const { generation, currentHash, previousHash, successorKey, rotatedAt, idleExpiresAt } = row;
  const hex = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString('hex'));
  return {
    generation,
    current: hex(currentHash),
    previous: hex(previousHash),
    key: hex(successorKey),
    rotatedAt: rotatedAt?.getTime() ?? null,
    idleExpiresAt: idleExpiresAt.getTime(),
  };
}

const hex = (text: string) => Buffer.from(hashOf(text)).toString('hex');

for (const provider of PROVIDERS) {
  t.test(`${provider}: in company, each rotates its own login and no other, and who may not does not`, async (t) => {
    const database = await withLogins(t, provider, 9);
    const families = openFamilies(database);
    const untouched = await Promise.all([1, 2, 3, 4, 5, 6].map((i) => rowOf(database, i)));
    const presented: readonly Rotation[] = [
      rotationOf(0),
      rotationOf(1, { presentedHash: hashOf('another secret') }),
      rotationOf(2, { clientId: 'other' }),
      rotationOf(3, { audiences: ['https://api.example', 'EVERYWHERE', 'https://api.example/33'] }),
      rotationOf(4, { audiences: ['every', 'where', '%', 'https://api.example/_'] }),
      rotationOf(5, { now: START + 14 * DAY_MS }),
      rotationOf(6, { handleHash: hashOf('handle of nobody') }),
      rotationOf(7, { audiences: ['everywhere'] }),
      rotationOf(8),
    ];
    const logins = await Promise.all(presented.map(families.rotate));
    t.strictSame(
      logins.map((login) => login?.username ?? null),
      ['User 0', null, null, null, null, null, null, 'User 7', 'User 8'],
    );
    t.strictSame(await Promise.all([1, 2, 3, 4, 5, 6].map((i) => rowOf(database, i))), untouched);
    for (const i of [0, 7, 8]) {
      t.strictSame(await rowOf(database, i), {
        generation: 1,
        current: hex(`successor ${i}`),
        previous: hex('secret 0'),
        key: hex(`key ${i}`),
        rotatedAt: START + i,
        idleExpiresAt: START + i + 14 * DAY_MS,
      });
      const found = await families.find({ handleHash: hashOf(`handle ${i}`) });
      t.strictSame(logins[i], found?.login, 'what is said of a login is said of the right one');
      t.strictSame(logins[i]?.roles, [`role-${i}`]);
    }
  });

  t.test(
    `${provider}: two servers that are shown the same tokens, in opposite orders, are not in each other's way`,
    async (t) => {
      const database = await withLogins(t, provider, 12);
      const other = await openDatabase(database.url, false, COMMAND_PATIENCE);
      t.teardown(() => other.close());
      const [here, there] = [openFamilies(database), openFamilies(gatheringAll(other))];
      const logins = Array.from({ length: 12 }, (_, i) => i);
      const newest = new Map<number, Rotation['presentedHash']>();
      for (let round = 0; round < 15; round++) {
        const rotation = (i: number, by: string) =>
          rotationOf(i, {
            presentedHash: newest.get(i) ?? hashOf('secret 0'),
            successorHash: hashOf(`${by} ${round} ${i}`),
          });
        const all = await Promise.all([
          ...logins.map((i) => here.rotate(rotation(i, 'here'))),
          ...logins.toReversed().map((i) => there.rotate(rotation(i, 'there'))),
        ]);
        for (const i of logins) {
          const [first, second] = [all[i], all[2 * logins.length - 1 - i]];
          t.equal([first, second].filter(Boolean).length, 1, `round ${round}, login ${i}: one of the two`);
          newest.set(i, hashOf(`${first ? 'here' : 'there'} ${round} ${i}`));
        }
      }
      t.ok((await Promise.all(logins.map((i) => rowOf(database, i)))).every(({ generation }) => generation === 15));
    },
  );
}

t.test('PostgreSQL: what comes together is one commit', async (t) => {
  const database = await withLogins(t, 'postgres', 20);
  const { rotate } = openFamilies(database);
  const transactions = async (first: number, count: number) => {
    const ids = Array.from({ length: count }, (_, i) => hashOf(`handle ${first + i}`));
    const rows = await Promise.all(
      ids.map((id) =>
        database.direct<{ xmin: string }>(Prisma.sql`SELECT xmin FROM families WHERE handle_hash = ${id}`),
      ),
    );
    return new Set(rows.flat().map(({ xmin }) => xmin)).size;
  };
  for (let i = 0; i < 10; i++) t.ok(await rotate(rotationOf(i)));
  t.ok((await Promise.all(Array.from({ length: 10 }, (_, i) => rotate(rotationOf(10 + i))))).every(Boolean));
  t.equal(await transactions(0, 10), 10, 'one after the other');
  t.equal(await transactions(10, 10), 1, 'together');
});

t.test('PostgreSQL: nobody waits for a login that somebody else is changing, but who wants it', async (t) => {
  const database = await withLogins(t, 'postgres', 5);
  const { rotate } = openFamilies(database);
  const somebody = await connectPostgres(t, database.url);
  await somebody.query('BEGIN');
  await somebody.query('SELECT 1 FROM families WHERE handle_hash = $1 FOR UPDATE', [Buffer.from(hashOf('handle 2'))]);
  let isDone = false;
  const held = rotate(rotationOf(2)).then((login) => {
    isDone = true;
    return login;
  });
  const others = await Promise.all([0, 1, 3, 4].map((i) => rotate(rotationOf(i))));
  t.ok(others.every(Boolean));
  t.notOk(isDone);
  await somebody.query('COMMIT');
  t.equal((await held)?.username, 'User 2');
});

t.test('PostgreSQL: a login that is ended while others rotate with it does not rotate', async (t) => {
  const database = await withLogins(t, 'postgres', 3);
  const { rotate } = openFamilies(database);
  const somebody = await connectPostgres(t, database.url);
  await somebody.query('BEGIN');
  await somebody.query('UPDATE families SET revoked_at = now() WHERE handle_hash = $1', [
    Buffer.from(hashOf('handle 1')),
  ]);
  const [first, ended, last] = [0, 1, 2].map((i) => rotate(rotationOf(i)));
  t.ok(await first);
  t.ok(await last);
  await somebody.query('COMMIT');
  t.equal(await ended, null);
  t.equal((await rowOf(database, 1)).generation, 0);
});

for (const provider of PROVIDERS) {
  t.test(`${provider}: of one token presented often at once, one rotates`, async (t) => {
    const database = await withLogins(t, provider, 2);
    const { rotate } = openFamilies(database);
    const names = Array.from({ length: 12 }, (_, i) => `of presentation ${i}`);
    const presented = names.map((name) => rotationOf(0, { successorHash: hashOf(name) }));
    const logins = await Promise.all([...presented, rotationOf(1)].map(rotate));
    t.equal(logins.pop()?.username, 'User 1');
    const winners = names.filter((_, i) => logins[i] !== null);
    t.equal(winners.length, 1);
    t.match(await rowOf(database, 0), { generation: 1, current: hex(winners[0] ?? '') });
  });
}

t.test('PostgreSQL: one that makes the statement fail fails alone', async (t) => {
  const database = await withLogins(t, 'postgres', 3);
  const { rotate } = openFamilies(database);
  // No text of PostgreSQL can hold this character.
  const [first, faulty, last] = [rotationOf(0), rotationOf(1, { audiences: ['\0'] }), rotationOf(2)].map(rotate);
  t.type(await rejectionOf(faulty as Promise<unknown>), Error);
  t.equal((await first)?.username, 'User 0');
  t.equal((await last)?.username, 'User 2');
});

const FORTY = Array.from({ length: 40 }, (_, i) => i);

t.test('PostgreSQL: forty at once, as the program has them done, each have their own result', async (t) => {
  const { url } = await withLogins(t, 'postgres', FORTY.length);
  const told: Observation[] = [];
  const database = await openDatabase(url, false, COMMAND_PATIENCE, (one) => told.push(one));
  t.teardown(() => database.close());
  const { rotate } = openFamilies(database);
  const logins = await Promise.all(FORTY.map((i) => rotate(rotationOf(i))));
  t.strictSame(
    logins.map((login) => login?.username),
    FORTY.map((i) => `User ${i}`),
  );
  t.strictSame(
    told.map(({ outcome }) => outcome),
    FORTY.map(() => 'ok'),
    'each is seen once',
  );
});

t.test('PostgreSQL: forty at once that nobody lets work are given up, all of them, and not done later', async (t) => {
  const { url } = await withLogins(t, 'postgres', FORTY.length);
  const database = await openDatabase(url, false, REQUEST_PATIENCE);
  t.teardown(() => database.close());
  const { rotate } = openFamilies(database);
  const somebody = await connectPostgres(t, url);
  await somebody.query('BEGIN');
  await somebody.query('LOCK TABLE families');
  const errors = await Promise.all(FORTY.map((i) => rejectionOf(rotate(rotationOf(i)))));
  while ((await somebody.query(`SELECT 1 FROM ${LOCKS_HERE} AND NOT granted`)).rowCount !== 0);
  await somebody.query('COMMIT');
  t.ok(
    errors.every((error) => error instanceof DatabaseUnavailable),
    'all of them are given up',
  );
  const rows = await Promise.all(FORTY.map((i) => rowOf(database, i)));
  t.ok(rows.every(({ generation }) => generation === 0));
});
