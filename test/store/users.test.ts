import t from 'tap';
import { openClients } from '../../src/store/clients.js';
import { openFamilies } from '../../src/store/families.js';
import { openUsers } from '../../src/store/users.js';
import { aClient, PROVIDERS, START, testDatabase } from '../helper.js';
import { aFamily, aUser, hashOf } from './support.js';

for (const provider of PROVIDERS) {
  t.test(`${provider}: a user that was added is found by name and by address, with all it has`, async (t) => {
    const users = openUsers(await testDatabase(t, provider));
    t.equal(await users.isEmpty(), true);
    const ada = aUser({ email: { display: 'Ada@Example.org', key: 'ada@example.org' }, roles: ['admin', 'staff'] });
    t.equal(await users.add(ada), true);
    const expected = {
      id: ada.id,
      username: 'Ada',
      email: 'Ada@Example.org',
      passwordHash: 'a hash',
      roles: ['admin', 'staff'],
      loginEpoch: 0,
      createdAt: START,
      disabledAt: null,
      revision: 0,
    };
    t.strictSame(await users.findByLogin({ display: 'ADA', key: 'ada' }), expected);
    t.strictSame(await users.findByLogin({ display: 'x', key: 'ada@example.org' }), expected);
    t.strictSame(await users.find(ada.id), expected);
    t.equal(await users.isEmpty(), false);
  });

  t.test(`${provider}: the display form finds nobody`, async (t) => {
    const users = openUsers(await testDatabase(t, provider));
    await users.add(aUser());
    t.equal(await users.findByLogin({ display: 'ada', key: 'Ada' }), null);
    t.equal(await users.findByLogin({ display: 'bob', key: 'bob' }), null);
    t.equal(await users.findByLogin({ display: 'a@b', key: 'a@b' }), null);
  });

  t.test(`${provider}: an id that nobody has finds nobody`, async (t) => {
    const users = openUsers(await testDatabase(t, provider));
    const { id } = aUser();
    await users.add(aUser({ id }));
    for (const other of [crypto.randomUUID(), id.toUpperCase(), `${id} `, 'ada', 'Ada', '', '%']) {
      t.equal(await users.find(other), null, JSON.stringify(other));
    }
    t.match(await users.find(id), { id });
  });

  t.test(`${provider}: a name or an address is taken once, whatever its letters look like`, async (t) => {
    const users = openUsers(await testDatabase(t, provider));
    const email = { display: 'Ada@example.org', key: 'ada@example.org' };
    t.equal(await users.add(aUser({ email })), true);
    t.equal(await users.add(aUser({ username: { display: 'ADA', key: 'ada' } })), false, 'the name');
    const other = { display: 'Bob', key: 'bob' };
    t.equal(await users.add(aUser({ username: other, email })), false, 'the address');
    t.equal(await users.add(aUser({ username: other })), true, 'neither');
    const third = { display: 'Cy', key: 'cy' };
    t.equal(await users.add(aUser({ username: third })), true, 'two users without an address');
  });

  t.test(`${provider}: of ten that want one name at once, one gets it`, async (t) => {
    const users = openUsers(await testDatabase(t, provider));
    const added = await Promise.all(Array.from({ length: 10 }, () => users.add(aUser())));
    t.equal(added.filter(Boolean).length, 1);
    t.equal((await users.list()).length, 1);
  });

  t.test(`${provider}: the list is by name`, async (t) => {
    const users = openUsers(await testDatabase(t, provider));
    for (const key of ['cy', 'ada', 'bob']) await users.add(aUser({ username: { display: key, key } }));
    t.strictSame(
      (await users.list()).map(({ username }) => username),
      ['ada', 'bob', 'cy'],
    );
  });

  t.test(`${provider}: a new password ends all logins`, async (t) => {
    const users = openUsers(await testDatabase(t, provider));
    const { id } = aUser();
    await users.add(aUser({ id }));
    t.equal(await users.setPassword(id, 'another'), true);
    t.match(await users.findByLogin({ display: '', key: 'ada' }), { passwordHash: 'another', loginEpoch: 1 });
    t.equal(await users.setPassword(crypto.randomUUID(), 'another'), false);
  });

  t.test(`${provider}: disabling ends all logins once; enabling leaves them ended`, async (t) => {
    const users = openUsers(await testDatabase(t, provider));
    const { id } = aUser();
    await users.add(aUser({ id }));
    const ada = () => users.findByLogin({ display: '', key: 'ada' });
    t.equal(await users.enable(id), false, 'it is not disabled');
    t.equal(await users.disable(id, START + 5), true);
    t.match(await ada(), { disabledAt: START + 5, loginEpoch: 1 });
    t.equal(await users.disable(id, START + 9), false);
    t.match(await ada(), { disabledAt: START + 5, loginEpoch: 1 }, 'the first time stays');
    t.equal(await users.enable(id), true);
    t.match(await ada(), { disabledAt: null, loginEpoch: 1 });
    t.equal(await users.disable(crypto.randomUUID(), START), false);
  });

  t.test(`${provider}: twenty password changes at once raise the login epoch by twenty`, async (t) => {
    const users = openUsers(await testDatabase(t, provider));
    const { id } = aUser();
    await users.add(aUser({ id }));
    await Promise.all(Array.from({ length: 20 }, (_, i) => users.setPassword(id, `hash ${i}`)));
    t.equal((await users.findByLogin({ display: '', key: 'ada' }))?.loginEpoch, 20);
  });

  t.test(`${provider}: ending all logins of a user touches nothing else, and counts each time`, async (t) => {
    const users = openUsers(await testDatabase(t, provider));
    const [ada, bob] = [aUser(), aUser({ username: { display: 'Bob', key: 'bob' } })];
    await users.add(ada);
    await users.add(bob);
    const before = await users.find(ada.id);
    t.equal(await users.endLogins(ada.id), true);
    t.strictSame(await users.find(ada.id), { ...before, loginEpoch: 1 });
    await Promise.all(Array.from({ length: 10 }, () => users.endLogins(ada.id)));
    t.equal((await users.find(ada.id))?.loginEpoch, 11);
    t.equal((await users.find(bob.id))?.loginEpoch, 0);
    t.equal(await users.endLogins(crypto.randomUUID()), false);
  });

  t.test(`${provider}: a disabled user can have all logins ended`, async (t) => {
    const users = openUsers(await testDatabase(t, provider));
    const { id } = aUser();
    await users.add(aUser({ id }));
    await users.disable(id, START + 5);
    t.equal(await users.endLogins(id), true);
    t.match(await users.find(id), { disabledAt: START + 5, loginEpoch: 2 });
  });

  t.test(`${provider}: a user that is removed is gone with all logins, and nobody else`, async (t) => {
    const database = await testDatabase(t, provider);
    const users = openUsers(database);
    const [ada, bob] = [aUser(), aUser({ username: { display: 'Bob', key: 'bob' } })];
    for (const user of [ada, bob]) await users.add(user);
    await openClients(database).add(aClient());
    const families = openFamilies(database);
    const begin = (userId: string, handle: string) => families.begin(aFamily(userId, { handleHash: hashOf(handle) }));
    for (const [{ id }, handle] of [
      [ada, '1'],
      [bob, '2'],
      [ada, '3'],
    ] as const)
      await begin(id, handle);
    await families.revoke(
      (await database.prisma.family.findFirstOrThrow({ where: { userId: ada.id } })).id,
      'reuse',
      0,
    );

    const removed = await Promise.all([users.remove(ada.id), users.remove(ada.id)]);
    t.strictSame(removed.sort(), [false, true], 'once');
    t.equal(await users.find(ada.id), null);
    t.equal(await users.findByLogin(ada.username), null);
    t.match(await database.prisma.family.findMany(), [{ userId: bob.id }]);
    t.equal(await begin(ada.id, '4'), false, 'no login begins any more');
    t.match(await openClients(database).list(), [{ id: 'app' }], 'clients stay');
    t.equal(await users.remove(crypto.randomUUID()), false);
    t.equal(await users.add(aUser()), true, 'the name is free again');
  });
}
