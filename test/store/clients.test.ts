import t from 'tap';
import { openClients } from '../../src/store/clients.js';
import { openFamilies } from '../../src/store/families.js';
import { openUsers } from '../../src/store/users.js';
import { aClient, PROVIDERS, START, testDatabase } from '../helper.js';
import { aFamily, aUser, hashOf } from './support.js';

for (const provider of PROVIDERS) {
  t.test(`${provider}: a client is read as it was added`, async (t) => {
    const clients = openClients(await testDatabase(t, provider));
    t.equal(await clients.isEmpty(), true);
    const plain = aClient();
    const full = aClient({
      id: 'Full_1.2-3',
      name: 'Full of everything: é 😀',
      kind: 'confidential',
      grants: ['password', 'refresh_token', 'client_credentials'],
      scopes: ['b', 'a'],
      defaultScope: ['a'],
      audiences: ['https://a.example', 'https://b.example'],
      defaultAudiences: ['https://b.example'],
      accessTokenTtlSeconds: 60,
      refreshIdleTtlSeconds: 120,
      refreshAbsoluteTtlSeconds: 2_147_483_647,
      retryWindowSeconds: 0,
      delivery: 'cookie',
      origins: ['https://app.example.com', 'http://localhost:5173'],
      loginEpoch: 7,
      tokensPerMinute: 600,
      disabledAt: START + 1,
    });
    t.equal(await clients.add(plain), true);
    const previousSecret = { hash: hashOf('an older one'), expiresAt: START + 7 };
    const jwks = { keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'x', kid: 'k' }] };
    t.equal(await clients.add({ ...full, jwks, previousSecret, secretHash: hashOf('a secret') }), true);
    t.strictSame(await clients.find('app'), plain);
    const { secretHash, previousSecret: previous, ...rest } = (await clients.find('Full_1.2-3')) ?? plain;
    const { secretHash: _none, previousSecret: _neither, ...expected } = full;
    t.strictSame(rest, { ...expected, jwks });
    t.equal(previous?.expiresAt, START + 7);
    t.strictSame(Buffer.from(previous?.hash ?? []), Buffer.from(previousSecret.hash));
    t.strictSame(Buffer.from(secretHash ?? []), Buffer.from(hashOf('a secret')));
    t.equal(await clients.isEmpty(), false);
  });

  t.test(
    `${provider}: settings are replaced on the revision they were made from, and logins are left alone`,
    async (t) => {
      const clients = openClients(await testDatabase(t, provider));
      await clients.add(aClient());
      const read = await clients.find('app');
      if (read === null) throw new Error('it is gone');
      await clients.endLogins('app');
      t.equal(await clients.replace({ ...read, name: 'New', scopes: [] }), true);
      t.match(await clients.find('app'), { name: 'New', scopes: [], revision: 1, loginEpoch: 1 });
      t.equal(await clients.replace({ ...read, name: 'Late' }), false);
      await clients.disable('app', START);
      t.equal(await clients.replace({ ...read, revision: 1 }), false, 'a disabling counts as a change');
      t.equal(await clients.replace({ ...read, revision: 2, name: 'Newer', disabledAt: START }), true);
      t.match(await clients.find('app'), { name: 'Newer', revision: 3, disabledAt: START, loginEpoch: 2 });
      const both = await Promise.all(['a', 'b'].map((name) => clients.replace({ ...read, revision: 3, name })));
      t.equal(both.filter(Boolean).length, 1, 'of two at once one');
      t.equal(await clients.replace({ ...read, id: 'nobody' }), false);
      const ended = { ...read, revision: 4, disabledAt: START };
      t.equal(await clients.replace(ended, true), true);
      t.match(await clients.find('app'), { disabledAt: START, loginEpoch: 3 }, 'with it, all logins end');
    },
  );

  t.test(`${provider}: an id is taken once, and its letters count`, async (t) => {
    const clients = openClients(await testDatabase(t, provider));
    t.equal(await clients.add(aClient()), true);
    t.equal(await clients.add(aClient({ name: 'Another' })), false);
    t.equal((await clients.find('app'))?.name, 'App', 'the first is as it was');
    t.equal(await clients.find('APP'), null);
    t.equal(await clients.add(aClient({ id: 'APP' })), true);
  });

  t.test(`${provider}: an id that nobody has finds nobody, whatever bytes are in it`, async (t) => {
    const clients = openClients(await testDatabase(t, provider));
    for (const id of ['', 'x', "' OR 1=1 --", '\ud800', 'a\0b', 'x'.repeat(10_000)]) {
      t.equal(await clients.find(id), null, JSON.stringify(id.slice(0, 20)));
    }
  });

  t.test(`${provider}: the list is by id`, async (t) => {
    const clients = openClients(await testDatabase(t, provider));
    for (const id of ['c', 'a', 'b']) await clients.add(aClient({ id }));
    t.strictSame(
      (await clients.list()).map(({ id }) => id),
      ['a', 'b', 'c'],
    );
  });

  t.test(`${provider}: a row of a kind this program does not know is an error, not a guess`, async (t) => {
    const database = await testDatabase(t, provider);
    const clients = openClients(database);
    await clients.add(aClient());
    await database.prisma.client.updateMany({ data: { kind: 'secret' } });
    await t.rejects(clients.find('app'), { message: 'client app has the unknown kind secret' });
    await database.prisma.client.updateMany({ data: { kind: 'public', delivery: 'pigeon' } });
    await t.rejects(clients.find('app'), { message: 'client app has the unknown delivery pigeon' });
  });

  t.test(`${provider}: disabling ends all logins once; enabling leaves them ended`, async (t) => {
    const clients = openClients(await testDatabase(t, provider));
    await clients.add(aClient());
    await clients.add(aClient({ id: 'other' }));
    const before = await clients.find('app');
    t.equal(await clients.enable('app'), false, 'it is not disabled');
    t.equal(await clients.disable('app', START + 5), true);
    t.strictSame(await clients.find('app'), { ...before, disabledAt: START + 5, loginEpoch: 1, revision: 1 });
    t.equal(await clients.disable('app', START + 9), false);
    t.strictSame(
      await clients.find('app'),
      { ...before, disabledAt: START + 5, loginEpoch: 1, revision: 1 },
      'the first time stays',
    );
    t.equal(await clients.enable('app'), true);
    t.strictSame(await clients.find('app'), { ...before, loginEpoch: 1, revision: 2 });
    t.strictSame(await clients.find('other'), aClient({ id: 'other' }), 'no other client');
    for (const id of ['nobody', 'APP', '']) {
      t.equal(await clients.disable(id, START), false);
      t.equal(await clients.enable(id), false);
    }
  });

  t.test(`${provider}: of ten that disable a client at once, one does, and its logins end once`, async (t) => {
    const clients = openClients(await testDatabase(t, provider));
    await clients.add(aClient());
    const disabled = await Promise.all(Array.from({ length: 10 }, (_, i) => clients.disable('app', START + i)));
    t.equal(disabled.filter(Boolean).length, 1);
    t.match(await clients.find('app'), { disabledAt: START + disabled.indexOf(true), loginEpoch: 1 });
  });

  t.test(`${provider}: ending all logins at a client touches nothing else, and counts each time`, async (t) => {
    const clients = openClients(await testDatabase(t, provider));
    await clients.add(aClient());
    await clients.add(aClient({ id: 'other' }));
    t.equal(await clients.endLogins('app'), true);
    t.strictSame(await clients.find('app'), aClient({ loginEpoch: 1 }));
    await Promise.all(Array.from({ length: 10 }, () => clients.endLogins('app')));
    t.equal((await clients.find('app'))?.loginEpoch, 11);
    t.equal((await clients.find('other'))?.loginEpoch, 0);
    t.equal(await clients.endLogins('nobody'), false);
  });

  t.test(`${provider}: a client that is removed is gone with all logins at it, and no other`, async (t) => {
    const database = await testDatabase(t, provider);
    const clients = openClients(database);
    for (const id of ['app', 'other']) await clients.add(aClient({ id }));
    const { id: userId } = aUser();
    await openUsers(database).add(aUser({ id: userId }));
    const families = openFamilies(database);
    const begin = (clientId: string, handle: string) =>
      families.begin(aFamily(userId, { clientId, handleHash: hashOf(handle) }));
    for (const [clientId, handle] of [
      ['app', '1'],
      ['other', '2'],
      ['app', '3'],
    ] as const)
      await begin(clientId, handle);

    const removed = await Promise.all([clients.remove('app'), clients.remove('app')]);
    t.strictSame(removed.sort(), [false, true], 'once');
    t.equal(await clients.find('app'), null);
    t.match(await database.prisma.family.findMany(), [{ clientId: 'other' }]);
    t.equal(await begin('app', '4'), false, 'no login begins any more');
    t.match(await openUsers(database).find(userId), { loginEpoch: 0 }, 'users stay');
    t.equal(await clients.remove('nobody'), false);
    t.equal(await clients.add(aClient()), true, 'the id is free again');
  });

  t.test(`${provider}: the origins are those of all clients that are not disabled, each once`, async (t) => {
    const clients = openClients(await testDatabase(t, provider));
    t.strictSame(await clients.origins(), []);
    const [a, b, c] = ['https://a.example', 'https://b.example', 'https://c.example'] as const;
    await clients.add(aClient({ id: 'none' }));
    await clients.add(aClient({ id: 'cookies', delivery: 'cookie', origins: [a, b] }));
    await clients.add(aClient({ id: 'body', origins: [b] }));
    await clients.add(aClient({ id: 'off', origins: [c], disabledAt: START }));
    t.strictSame([...(await clients.origins())].sort(), [a, b]);
    await clients.enable('off');
    t.strictSame([...(await clients.origins())].sort(), [a, b, c]);
    await clients.disable('cookies', START);
    t.strictSame([...(await clients.origins())].sort(), [b, c], 'b is of another client as well');
    await clients.remove('body');
    t.strictSame(await clients.origins(), [c]);
  });
}
