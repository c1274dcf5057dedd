import t from 'tap';
import { openUsers } from '../../src/store/users.js';
import { PROVIDERS, START, testDatabase } from '../helper.js';
import { aUser } from './support.js';

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
    };
    t.strictSame(await users.findByLogin({ display: 'ADA', key: 'ada' }), expected);
    t.strictSame(await users.findByLogin({ display: 'x', key: 'ada@example.org' }), expected);
    t.equal(await users.isEmpty(), false);
  });

  t.test(`${provider}: the display form finds nobody`, async (t) => {
    const users = openUsers(await testDatabase(t, provider));
    await users.add(aUser());
    t.equal(await users.findByLogin({ display: 'ada', key: 'Ada' }), null);
    t.equal(await users.findByLogin({ display: 'bob', key: 'bob' }), null);
    t.equal(await users.findByLogin({ display: 'a@b', key: 'a@b' }), null);
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
}
