import t from 'tap';
import { COMMAND_PATIENCE, openDatabase } from '../../src/store/database.js';
import { openFamilies } from '../../src/store/families.js';
import { Prisma } from '../../src/store/generated/sqlite/client.js';
import type { Observation } from '../../src/store/observer.js';
import type { Rotation } from '../../src/store/rotations.js';
import { PROVIDERS, START } from '../helper.js';
import { rotationOf, rowOf, withLogins } from './logins.js';
import { DAY_MS, gatheringAll, hashOf, rejectionOf } from './support.js';

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
