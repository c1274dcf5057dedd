import { randomUUID } from 'node:crypto';
import t from 'tap';
import { startFamilyCount } from '../src/family-count.js';
import { openClients } from '../src/store/clients.js';
import type { Database } from '../src/store/database.js';
import { type CountSlice, openFamilyCount } from '../src/store/family-count.js';
import { openUsers } from '../src/store/users.js';
import { aClient, PROVIDERS, START, testDatabase } from './helper.js';
import { aUser, hashOf } from './store/support.js';

/** Adds families; what is not said is alive at START. */
async function add({ prisma }: Database, userId: string, count: number, what: object = {}): Promise<void> {
  const later = new Date(START + 1);
  const data = Array.from({ length: count }, () => {
    const id = randomUUID();
    const times = { createdAt: later, idleExpiresAt: later, absoluteExpiresAt: later };
    const owner = { userId, clientId: 'app', loginEpoch: 0, scope: '', audiences: '' };
    return { id, handleHash: hashOf(id), currentHash: hashOf(id), ...owner, ...times, ...what };
  });
  await prisma.family.createMany({ data });
}

/** What one count says: how many are alive and when that was, or why it is not known. */
async function countOnce(countSlice: CountSlice): Promise<unknown> {
  let stop = async () => {};
  const said = await new Promise<unknown>((resolve) => {
    const report = { counted: (...all: unknown[]) => resolve(all), failed: resolve };
    stop = startFamilyCount(countSlice, report, () => START).stop;
  });
  await stop();
  return said;
}

for (const provider of PROVIDERS) {
  t.test(`on ${provider}: the logins that are alive are counted, slice by slice`, async (t) => {
    const database = await testDatabase(t, provider);
    const countSlice = openFamilyCount(database);
    t.strictSame(await countOnce(countSlice), [0, START], 'none');
    const user = aUser();
    await openUsers(database).add(user);
    await openClients(database).add(aClient());
    const now = new Date(START);
    await add(database, user.id, 5);
    await add(database, user.id, 1, { revokedAt: now });
    await add(database, user.id, 1, { idleExpiresAt: now });
    await add(database, user.id, 1, { absoluteExpiresAt: now });
    const first = await countSlice('', 3, START);
    t.type(first.last, 'string');
    const second = await countSlice(String(first.last), 5, START);
    t.type(second.last, 'string', 'a full slice may have another behind it');
    const third = await countSlice(String(second.last), 5, START);
    t.strictSame(third, { alive: 0, last: null });
    t.equal(first.alive + second.alive, 5, 'none twice, none left out');
    await add(database, user.id, 500);
    t.strictSame(await countOnce(countSlice), [505, START], 'more than one slice');
  });
}

t.test('a count that fails is told, and does not end counting; a stop is not waited for a minute', async (t) => {
  const fault = new Error('no database');
  t.equal(await countOnce(() => Promise.reject(fault)), fault);
  let slices = 0;
  const never = () => t.fail('nothing was counted to its end');
  let stop = async () => {};
  await new Promise<void>((resolve) => {
    const endless: CountSlice = async () => {
      if (++slices === 2) resolve();
      return { alive: 1, last: 'x' };
    };
    stop = startFamilyCount(endless, { counted: never, failed: never }, () => START).stop;
  });
  await stop();
  const after = slices;
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(slices, after, 'it has stopped');
});
