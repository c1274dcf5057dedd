import t from 'tap';
import { openClients } from '../../src/store/clients.js';
import { aClient, PROVIDERS, START, testDatabase } from '../helper.js';
import { hashOf } from './support.js';

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
      disabledAt: START + 1,
    });
    t.equal(await clients.add(plain), true);
    t.equal(await clients.add({ ...full, secretHash: hashOf('a secret') }), true);
    t.strictSame(await clients.find('app'), plain);
    const { secretHash, ...rest } = (await clients.find('Full_1.2-3')) ?? plain;
    const { secretHash: _none, ...expected } = full;
    t.strictSame(rest, expected);
    t.strictSame(Buffer.from(secretHash ?? []), Buffer.from(hashOf('a secret')));
    t.equal(await clients.isEmpty(), false);
  });

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
  });
}
