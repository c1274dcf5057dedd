import { randomBytes } from 'node:crypto';
import { compareSync, hashSync } from 'bcrypt';
import t, { type Test } from 'tap';
import { type DemoDeps, makeDemoAccounts } from '../src/demo-accounts.js';
import { clientFaults } from '../src/oauth/client.js';
import { openClients } from '../src/store/clients.js';
import type { Provider } from '../src/store/database.js';
import { openUsers } from '../src/store/users.js';
import { aClient, PROVIDERS, START, testDatabase } from './helper.js';

/** What makes demo accounts in a database of its own. */
async function demoDeps(t: Test, provider: Provider): Promise<DemoDeps> {
  const database = await testDatabase(t, provider);
  return {
    users: openUsers(database),
    clients: openClients(database),
    hash: async (password) => hashSync(password, 4),
    randomBytes: (size) => new Uint8Array(randomBytes(size)),
    now: START,
  };
}

/** Nobody gets an answer before `count` have asked. */
function meeting<T>(count: number, ask: () => Promise<T>): () => Promise<T> {
  const { promise, resolve } = withResolvers();
  let asked = 0;
  return async () => {
    const answer = await ask();
    asked++;
    if (asked === count) resolve();
    await promise;
    return answer;
  };
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

for (const provider of PROVIDERS) {
  t.test(`on ${provider}: an empty database gets a public client and a user`, async (t) => {
    const deps = await demoDeps(t, provider);
    const demo = await makeDemoAccounts(deps);
    if (demo === null) throw new Error('none were made');
    const client = await deps.clients.find(demo.clientId);
    t.match(client, { kind: 'public', secretHash: null, grants: ['password', 'refresh_token'], createdAt: START });
    t.strictSame(client === null ? null : clientFaults(client), [], 'a client the command line would make as well');
    const [user] = await deps.users.list();
    t.match(user, { username: demo.username, roles: [], email: null, createdAt: START });
    t.match(demo.password, /^\S{22}$/, 'with 128 random bits for a password');
    t.ok(compareSync(demo.password, user?.passwordHash ?? ''));
    t.equal(await makeDemoAccounts(deps), null, 'and no second time');
  });

  t.test(`on ${provider}: of several that start at once, only one shows a password, and it works`, async (t) => {
    const deps = await demoDeps(t, provider);
    const together = { ...deps, users: { ...deps.users, isEmpty: meeting(4, () => deps.users.isEmpty()) } };
    const made = await Promise.all([1, 2, 3, 4].map(() => makeDemoAccounts(together)));
    const shown = made.filter((demo) => demo !== null);
    t.equal(shown.length, 1);
    const [user] = await deps.users.list();
    for (const { password } of shown) t.ok(compareSync(password, user?.passwordHash ?? ''), 'what is shown works');
  });
}

t.test('a database with a client or a user gets nothing', async (t) => {
  const withClient = await demoDeps(t, 'sqlite');
  await withClient.clients.add(aClient());
  t.equal(await makeDemoAccounts(withClient), null);
  t.ok(await withClient.users.isEmpty());

  const withUser = await demoDeps(t, 'sqlite');
  const ada = { id: 'id', username: { display: 'ada', key: 'ada' }, email: null, passwordHash: '', roles: [] };
  await withUser.users.add({ ...ada, createdAt: START });
  t.equal(await makeDemoAccounts(withUser), null);
  t.ok(await withUser.clients.isEmpty());
});

t.test('a first start that was killed after it made the client is made up for', async (t) => {
  const deps = await demoDeps(t, 'sqlite');
  await deps.clients.add(aClient({ id: 'demo' }));
  t.match(await makeDemoAccounts(deps), { clientId: 'demo', username: 'demo' });
  t.notOk(await deps.users.isEmpty());
});
