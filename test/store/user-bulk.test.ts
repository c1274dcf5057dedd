import t from 'tap';
import { Prisma } from '../../src/store/generated/sqlite/client.js';
import { isTaken } from '../../src/store/outage.js';
import type { BulkUser } from '../../src/store/user-bulk.js';
import { openUsers } from '../../src/store/users.js';
import { PROVIDERS, START, testDatabase } from '../helper.js';
import { aUser } from './support.js';

/** A user of a name alone. */
function named(name: string, overrides: Partial<BulkUser> = {}): BulkUser {
  const username = { display: name.toUpperCase(), key: name };
  return { ...aUser({ username }), disabledAt: null, ...overrides };
}

function address(text: string) {
  return { display: text.toUpperCase(), key: text };
}

for (const provider of PROVIDERS) {
  t.test(`${provider}: users that are added together have all they would have one by one`, async (t) => {
    const users = openUsers(await testDatabase(t, provider));
    const texts = { passwordHash: '$2b$10$"\\\'$1', roles: ['admin', 'staff', 'admin'], createdAt: START - 1_234_567 };
    const bob = named('bøb "\\\'%_😀', { ...texts, email: address('bob@example.org'), disabledAt: START + 5 });
    t.equal(await users.addAll([named('ada'), bob]), true);
    t.strictSame(await users.find(bob.id), {
      ...{ id: bob.id, username: 'BØB "\\\'%_😀', email: 'BOB@EXAMPLE.ORG', ...texts, roles: ['admin', 'staff'] },
      ...{ loginEpoch: 0, revision: 0, disabledAt: START + 5 },
    });
    t.match(await users.findByLogin(address('ada')), { email: null, roles: [], disabledAt: null, createdAt: START });
    t.match(await users.findByLogin(address('bob@example.org')), { id: bob.id });
    t.equal(await users.addAll([]), true, 'nobody is no fault');
  });

  t.test(`${provider}: when one name, address or id is taken, none is added`, async (t) => {
    const users = openUsers(await testDatabase(t, provider));
    const ada = named('ada', { email: address('ada@example.org') });
    t.equal(await users.addAll([ada]), true);
    const clashes: readonly BulkUser[] = [
      named('ada'),
      named('eve', { email: address('ada@example.org') }),
      named('eve', { id: ada.id }),
    ];
    for (const clash of clashes) t.equal(await users.addAll([named('bob'), clash, named('cy')]), false);
    t.equal(await users.addAll([named('bob'), named('bob')]), false, 'twice in one batch');
    t.strictSame(
      (await users.list()).map(({ username }) => username),
      ['ADA'],
    );
  });

  t.test(`${provider}: ten thousand are one statement, and of two that want them at once one gets them`, async (t) => {
    const database = await testDatabase(t, provider);
    const users = openUsers(database);
    const many = Array.from({ length: 10_000 }, (_, i) => named(`user ${i}`));
    const others = many.map((user) => ({ ...user, id: crypto.randomUUID() }));
    const added = await Promise.all([users.addAll(many), users.addAll(others)]);
    t.strictSame(added.sort(), [false, true]);
    t.equal(await database.prisma.user.count(), 10_000);
    t.equal((await users.findClaimants(many)).length, 10_000);
  });

  t.test(`${provider}: those who have a name, an address or an id are found, with their keys`, async (t) => {
    const users = openUsers(await testDatabase(t, provider));
    const [ada, bob, cy] = [named('ada', { email: address('a@x') }), named('bob'), named('cy')];
    await users.addAll([ada, bob, cy]);
    const found = async (...claims: readonly BulkUser[]) =>
      (await users.findClaimants(claims)).map(({ usernameKey, emailKey }) => [usernameKey, emailKey]);
    t.strictSame(await found(), []);
    t.strictSame(await found(named('eve'), named('%'), named('ADA')), []);
    t.strictSame(await found(named('ada')), [['ada', 'a@x']]);
    t.strictSame(await found(named('eve', { email: address('a@x') })), [['ada', 'a@x']]);
    t.strictSame(await found(named('eve', { id: bob.id })), [['bob', null]]);
    const all = await found(named('bob', { email: address('a@x'), id: cy.id }));
    t.strictSame(all.sort(), [
      ['ada', 'a@x'],
      ['bob', null],
      ['cy', null],
    ]);
    t.match(await users.findClaimants([ada]), [{ id: ada.id, username: 'ADA', passwordHash: 'a hash' }]);
  });

  t.test(`${provider}: another fault of a raw statement is not taken for a name that is taken`, async (t) => {
    const { prisma } = await testDatabase(t, provider);
    const insert = (columns: string) =>
      prisma.$executeRaw`INSERT INTO users (${Prisma.raw(columns)}) VALUES ('1', 'a', 'a', 'x', '')`;
    const error = await insert('id, username, username_key, password_hash, roles').catch((error: unknown) => error);
    t.type(error, Error, 'created_at is missing');
    t.equal(isTaken(error), false);
  });
}
