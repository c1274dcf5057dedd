import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import {
  type ImportDeps,
  type ImportOptions,
  type ImportRow,
  type ImportTally,
  importUsers,
} from '../../src/accounts/import.js';
import type { ImportRecord } from '../../src/oauth/imported-user.js';
import { DatabaseUnavailable } from '../../src/store/outage.js';
import type { Claimant } from '../../src/store/user-bulk.js';
import { openUsers, type UserStore } from '../../src/store/users.js';
import { PROVIDERS, START, testDatabase } from '../helper.js';

const HASH = '$2b$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234';
const OPTIONS: ImportOptions = { batchRows: 3, isDryRun: false, skipsExisting: false, bcryptCost: 10 };
const [ONE, TWO] = ['3f0c1c5e-7e0b-4f4e-9f0a-0d6b8a4c2e11', '3f0c1c5e-7e0b-4f4e-9f0a-0d6b8a4c2e12'];

/** What describes a user whose name matters, from line 1 on; null for a row nobody can read. */
type Said = string | null | ImportRecord;

/** Imports into a store and tells all that was said meanwhile. */
async function run(users: ImportDeps['users'], said: readonly Said[], options: Partial<ImportOptions> = {}) {
  const faults: [line: number, ...sentences: string[]][] = [];
  const batches: number[] = [];
  async function* rows(): AsyncGenerator<ImportRow> {
    for (const [i, one] of said.entries()) {
      const record = typeof one === 'string' ? { username: one } : one;
      yield record === null
        ? { line: i + 1, fault: 'unreadable' }
        : { line: i + 1, record: { password_hash: HASH, ...record } };
    }
  }
  const deps: ImportDeps = {
    ...{ users, clock: () => START, randomBytes },
    onFault: (line, sentences) => faults.push([line, ...sentences]),
    onBatch: (line) => batches.push(line),
  };
  const done = importUsers(deps, rows(), { ...OPTIONS, ...options });
  const result: { tally?: ImportTally; error?: unknown } = await done.then(
    (tally) => ({ tally }),
    (error: unknown) => ({ error }),
  );
  return { ...result, faults, batches };
}

const tally = (imported: number, faulty = 0, leftOut = 0, skipped = 0, skippedDifferent = 0, costly = 0) => {
  return { imported, faulty, leftOut, skipped, skippedDifferent, costly, administrators: 0 };
};

async function names(users: UserStore): Promise<string> {
  return (await users.list()).map(({ username }) => username).join(' ');
}

t.test('those who may administer are counted, if they were written', async (t) => {
  const users = openUsers(await testDatabase(t, 'sqlite'));
  const rows = ['mintd.admin staff', 'staff', 'mintd.admin'].map((roles, i) => ({ username: `user-${i}`, roles }));
  t.match((await run(users, rows)).tally, { imported: 3, administrators: 2 });
  t.match((await run(users, rows)).tally, { imported: 0, administrators: 0 }, 'all of them are there already');
});

for (const provider of PROVIDERS) {
  t.test(`${provider}: users are there with all that was said of them`, async (t) => {
    const users = openUsers(await testDatabase(t, provider));
    const ada = { username: 'Ada', email: 'Ada@x', roles: 'b a b', id: ONE.toUpperCase(), disabled: true };
    const done = await run(users, [{ ...ada, created_at: '2020-01-01T00:00:00.5Z' }, 'bob', 'cy', 'dan']);
    t.strictSame(done, { tally: tally(4), faults: [], batches: [3, 4] });
    t.strictSame(await users.find(ONE), {
      ...{ id: ONE, username: 'Ada', email: 'Ada@x', passwordHash: HASH, roles: ['b', 'a'], revision: 0 },
      ...{ loginEpoch: 0, createdAt: Date.UTC(2020, 0, 1) + 500, disabledAt: START },
    });
    t.match(await users.findByLogin({ display: '', key: 'bob' }), {
      ...{ id: /^[0-9a-f-]{36}$/, email: null, roles: [], createdAt: START, disabledAt: null },
    });
  });

  t.test(
    `${provider}: a batch with a faulty row writes none, all of them are told, and the next one goes on`,
    async (t) => {
      const users = openUsers(await testDatabase(t, provider));
      const done = await run(users, ['ada', null, { username: 'bob', id: 'x' }, 'cy', 'dan', 'eve', 'fay', ' ']);
      t.match(done.faults, [
        [2, 'unreadable'],
        [3, 'id is not a UUID'],
        [8, /user name is empty/],
      ]);
      t.match(done, { tally: tally(3, 3, 2), batches: [3, 6, 8] });
      t.equal(await names(users), 'cy dan eve');
      const again = await run(users, ['ada', 'ann', 'bob', 'cy', 'dan', 'eve', 'fay', 'guy'], { skipsExisting: true });
      t.match(again, { tally: tally(5, 0, 0, 3), faults: [] });
      t.equal(await names(users), 'ada ann bob cy dan eve fay guy');
    },
  );

  t.test(`${provider}: what is there twice is found in the batch, before it, and in the database`, async (t) => {
    const users = openUsers(await testDatabase(t, provider));
    await run(users, [{ username: 'ada', email: 'ada@x', id: ONE }]);
    const file: readonly Said[] = [
      ...['bob', { username: 'BOB' }, { username: 'cy', email: 'c@x' }],
      ...[{ username: 'dan', email: 'C@X' }, 'Ada', { username: 'eve', email: 'ADA@x', id: ONE.toUpperCase() }],
      ...['fay', { username: 'guy', id: TWO }, { username: 'hal', id: TWO }],
      ...['ivy', 'jim', 'kim'],
      ...['kim', { username: 'bob', email: 'dan@x' }, 'lea'],
    ];
    const faults = [
      [2, 'the user name is that of line 1'],
      [4, 'the e-mail address is that of line 3'],
      [5, 'the user name is taken'],
      [6, 'the e-mail address is taken', 'the id is taken'],
      [9, 'the id is that of line 8'],
      [13, 'the user name is taken'],
      [14, 'the user name is that of line 1'],
    ];
    const done = await run(users, file);
    t.strictSame(done.faults, faults);
    t.match(done.tally, tally(3, 7, 5));
    t.equal(await names(users), 'ada ivy jim kim');
  });

  t.test(`${provider}: a dry run says the same and writes nothing`, async (t) => {
    const users = openUsers(await testDatabase(t, provider));
    await run(users, ['ada']);
    const done = await run(users, ['bob', 'cy', 'dan', 'cy', 'ADA', 'eve', 'fay'], { isDryRun: true });
    t.strictSame(done.faults, [
      [4, 'the user name is that of line 2'],
      [5, 'the user name is taken'],
    ]);
    t.match(done.tally, tally(4, 2, 1));
    t.equal(await names(users), 'ada');
  });

  t.test(
    `${provider}: who is there is left out when that is wanted, and whether it is the same is counted`,
    async (t) => {
      const users = openUsers(await testDatabase(t, provider));
      await run(users, [{ username: 'ada', email: 'a@x', id: ONE }, 'bob', 'cy']);
      const before = await users.list();
      const other = { password_hash: HASH.replace('$2b', '$2a') };
      const file = [
        { username: 'ADA', email: 'A@x' },
        'bob',
        { username: 'cy', ...other },
        { username: 'bob', id: TWO },
      ];
      const done = await run(users, [...file, { username: 'eve', email: 'a@x' }], { skipsExisting: true });
      t.strictSame(done.faults, [[5, 'the e-mail address is taken']]);
      t.match(done.tally, tally(0, 1, 0, 4, 2));
      t.strictSame(await users.list(), before, 'nobody is changed');
    },
  );

  t.test(`${provider}: of two imports of one file at once nothing is half there`, async (t) => {
    const users = openUsers(await testDatabase(t, provider));
    const file = Array.from({ length: 30 }, (_, i) => `user${i}`);
    const both = await Promise.all([run(users, file), run(users, file)]);
    const counts = both.map((done) => done.tally ?? tally(-1));
    t.equal(counts[0]?.imported !== undefined && counts[0].imported + (counts[1]?.imported ?? 0), 30);
    for (const { imported, faulty, leftOut } of counts) t.strictSame([imported + faulty, leftOut], [30, 0]);
    t.equal((await users.list()).length, 30);
  });

  t.test(`${provider}: however it is cut into batches, the same users are there`, async (t) => {
    const database = await testDatabase(t, provider);
    const users = openUsers(database);
    const some = fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(some, fc.integer({ min: 1, max: 13 }), async (numbers, batchRows) => {
        await database.prisma.user.deleteMany();
        const wanted = numbers.map((n) => `user${n}`);
        const done = await run(users, wanted, { batchRows });
        const all = new Set((await users.list()).map(({ username }) => username));
        return done.faults.length === 0 && all.size === wanted.length && wanted.every((name) => all.has(name));
      }),
      { numRuns: 15 },
    );
  });
}

t.test('somebody who takes a name between the look and the writing is a fault of that row', async (t) => {
  const users = openUsers(await testDatabase(t, 'sqlite'));
  let isFirst = true;
  const racing: ImportDeps['users'] = {
    findClaimants: users.findClaimants,
    async addAll(all) {
      if (isFirst) await run(users, ['bob']);
      isFirst = false;
      return users.addAll(all);
    },
  };
  const done = await run(racing, ['ada', 'BOB', 'cy', 'dan']);
  t.strictSame(done, { tally: tally(1, 1, 2), faults: [[2, 'the user name is taken']], batches: [3, 4] });
  t.equal(await names(users), 'bob dan');
});

t.test('a batch that somebody always comes in between of is given up', async (t) => {
  let tries = 0;
  const never: ImportDeps['users'] = {
    findClaimants: async (): Promise<readonly Claimant[]> => [],
    addAll: async () => ++tries > 3,
  };
  const done = await run(never, ['ada', 'bob', 'cy', 'dan']);
  t.match(done, { tally: tally(1, 1, 2), faults: [[1, /try again/]] });
  t.equal(tries, 4, 'three times, and once for the next batch');
});

t.test('a database that goes away ends it, and what was told to be done is done', async (t) => {
  const users = openUsers(await testDatabase(t, 'sqlite'));
  let calls = 0;
  const dying: ImportDeps['users'] = {
    findClaimants: users.findClaimants,
    async addAll(all) {
      if (++calls === 3) throw new DatabaseUnavailable('gone');
      return users.addAll(all);
    },
  };
  const file = Array.from({ length: 9 }, (_, i) => `user${i}`);
  const done = await run(dying, file);
  t.match(done, { error: DatabaseUnavailable, batches: [3, 6] });
  t.equal(await names(users), 'user0 user1 user2 user3 user4 user5');
});

t.test('hashes that cost more than our own are counted when they are imported', async (t) => {
  const users = openUsers(await testDatabase(t, 'sqlite'));
  const costly = { password_hash: HASH.replace('$10$', '$11$') };
  const file = [{ username: 'ada', ...costly }, 'bob', null, 'cy', { username: 'dan', ...costly }, 'eve'];
  t.match((await run(users, file)).tally, tally(3, 1, 2, 0, 0, 1));
});
