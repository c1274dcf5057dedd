import { dirname } from 'node:path';
import t, { type Test } from 'tap';
import { type Removal, startRemoval } from '../src/removal.js';
import { openClients } from '../src/store/clients.js';
import { type Database, sqliteFile } from '../src/store/database.js';
import { DatabaseUnavailable } from '../src/store/outage.js';
import { openSessions, type SessionStore } from '../src/store/sessions.js';
import { openUsers } from '../src/store/users.js';
import { aClient, PROVIDERS, START, testDatabase } from './helper.js';
import { serve } from './process/harness.js';
import { aUser, hashOf } from './store/support.js';

const BATCH = 200;

/** Puts families into a database, each with the same absolute expiry. */
async function addFamilies({ prisma }: Database, userId: string, count: number, expiry: number): Promise<void> {
  const at = new Date(expiry);
  const data = Array.from({ length: count }, (_, i) => ({
    ...{ id: crypto.randomUUID(), userId, clientId: 'app', loginEpoch: 0, scope: '', audiences: '', createdAt: at },
    ...{ handleHash: hashOf(`${expiry} ${i}`), currentHash: hashOf(''), idleExpiresAt: at, absoluteExpiresAt: at },
  }));
  await prisma.family.createMany({ data });
}

/** A database with so many families past their expiry at START, and three that live on. */
async function withFamilies(t: Test, provider: (typeof PROVIDERS)[number], old: number) {
  const database = await testDatabase(t, provider);
  const user = aUser();
  await openUsers(database).add(user);
  await openClients(database).add(aClient());
  await addFamilies(database, user.id, old, START);
  await addFamilies(database, user.id, 3, START + 1);
  return { database, user };
}

/** A list that somebody can wait for. */
function watched<T>() {
  const items: T[] = [];
  const waiting: (() => void)[] = [];
  return {
    items,
    push(item: T): void {
      items.push(item);
      for (const wake of waiting.splice(0)) wake();
    },
    async reach(count: number): Promise<void> {
      while (items.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
}

/** The timers that are set during a test, to be let go off by hand: a minute is long. */
function minutes(t: Test) {
  const real = globalThis.setInterval;
  const made: { ms: number | undefined; timer: NodeJS.Timeout; tick: () => void }[] = [];
  const value = (callback: () => void, ms?: number) => {
    const timer = real(() => undefined, ms);
    made.push({ ms, timer, tick: callback });
    return timer;
  };
  t.intercept(globalThis, 'setInterval', { value });
  return made;
}

/** A removal whose batches and whose log are kept. */
function running(t: Test, sessions: Pick<SessionStore, 'removeExpired'>, clock = () => START) {
  const batches = watched<{ readonly now: number; readonly limit: number }>();
  const said = watched<number | Error>();
  const counted = {
    removeExpired(now: number, limit: number) {
      batches.push({ now, limit });
      return sessions.removeExpired(now, limit);
    },
  };
  const timers = minutes(t);
  const failed = (error: unknown) => said.push(error instanceof Error ? error : new Error(String(error)));
  const removal: Removal = startRemoval(counted, { removed: said.push, failed }, clock);
  t.teardown(() => removal.stop());
  return { removal, batches, said, tick: () => timers[0]?.tick(), timers };
}

/** Batches that end when the test says so. */
function heldBatches() {
  const waiting: { end: (removed: number) => void; fail: (error: Error) => void }[] = [];
  const removeExpired = () => new Promise<number>((end, fail) => waiting.push({ end, fail }));
  return {
    sessions: { removeExpired },
    end: (removed: number) => waiting.shift()?.end(removed),
    fail: (error: Error) => waiting.shift()?.fail(error),
  };
}

/** Whether a promise has settled once everything that is due by now has been done. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const turn = new Promise((resolve) => setImmediate(resolve, false));
  return (await Promise.race([promise.then(() => true), turn])) === true;
}

for (const provider of PROVIDERS) {
  t.test(`${provider}: what is old is removed at once, batch after batch, until none is left`, async (t) => {
    const { database } = await withFamilies(t, provider, 2 * BATCH + 50);
    const { batches, said } = running(t, openSessions(database));
    await said.reach(1);
    t.strictSame(said.items, [2 * BATCH + 50]);
    t.strictSame(
      batches.items.map(({ limit }) => limit),
      [BATCH, BATCH, BATCH],
    );
    t.equal(await database.prisma.family.count(), 3, 'the others live on');
  });
}

t.test('a minute later it removes what has become old since', async (t) => {
  const { database, user } = await withFamilies(t, 'sqlite', 1);
  let now = START;
  const { said, tick, timers } = running(t, openSessions(database), () => now);
  await said.reach(1);
  t.strictSame(
    timers.map(({ ms }) => ms),
    [60_000],
  );
  t.equal(timers[0]?.timer.hasRef(), false, 'it keeps no process alive');
  await addFamilies(database, user.id, 2, START + 60_000);
  now += 59_999;
  tick();
  await said.reach(2);
  now += 1;
  tick();
  await said.reach(3);
  t.strictSame(said.items, [1, 3, 2]);
});

t.test('an outage is told, and the next round does the work', async (t) => {
  const { database } = await withFamilies(t, 'sqlite', 5);
  await database.prisma.$queryRawUnsafe('PRAGMA query_only = 1');
  const { said, tick } = running(t, openSessions(database));
  await said.reach(1);
  t.type(said.items[0], DatabaseUnavailable);
  tick();
  await said.reach(2);
  t.type(said.items[1], DatabaseUnavailable, 'each time');
  t.equal(await database.prisma.family.count(), 8);
  await database.prisma.$queryRawUnsafe('PRAGMA query_only = 0');
  tick();
  await said.reach(3);
  t.equal(said.items[2], 5);
});

t.test('a database that is gone for good does not stop the process from stopping', async (t) => {
  const { database } = await withFamilies(t, 'postgres', 5);
  await database.prisma.$executeRawUnsafe('ALTER TABLE families RENAME TO somewhere');
  const { removal, said } = running(t, openSessions(database));
  await said.reach(1);
  t.match(said.items[0], /families/);
  await t.resolves(removal.stop());
});

t.test('stop() waits for the batch that runs, and no other begins', async (t) => {
  const { sessions, end } = heldBatches();
  const { removal, batches, said, tick } = running(t, sessions);
  await batches.reach(1);
  const stopping = removal.stop();
  t.equal(await isSettled(stopping), false, 'a batch runs');
  end(BATCH);
  await stopping;
  t.equal(batches.items.length, 1, 'although there is more to remove');
  t.strictSame(said.items, [BATCH], 'what was done is told');
  tick();
  await removal.stop();
  t.equal(batches.items.length, 1, 'and a minute later neither');
});

t.test('stop() between two batches does not wait for the next', async (t) => {
  const { sessions, end } = heldBatches();
  const { removal, batches, said } = running(t, sessions);
  await batches.reach(1);
  end(BATCH);
  await Promise.resolve();
  await removal.stop();
  t.strictSame(said.items, [BATCH]);
  t.equal(batches.items.length, 1);
});

t.test('a batch that fails while it is being stopped is told, and stops', async (t) => {
  const { sessions, fail } = heldBatches();
  const { removal, batches, said } = running(t, sessions);
  await batches.reach(1);
  const stopping = removal.stop();
  fail(new DatabaseUnavailable('gone'));
  await stopping;
  t.match(said.items, [{ message: 'gone' }]);
});

t.test('a round that takes longer than a minute is not overtaken by the next', async (t) => {
  const { sessions, end } = heldBatches();
  const { batches, said, tick } = running(t, sessions);
  await batches.reach(1);
  tick();
  tick();
  t.equal(await isSettled(batches.reach(2)), false);
  for (const [done, removed] of [7, 8, 9].entries()) {
    await batches.reach(done + 1);
    t.equal(batches.items.length, done + 1, 'one at a time');
    end(removed);
    await said.reach(done + 1);
  }
  t.strictSame(said.items, [7, 8, 9]);
});

t.test('the server removes what is old when it starts, and says how much', async (t) => {
  const { database, user } = await withFamilies(t, 'sqlite', 0);
  await addFamilies(database, user.id, 4, 1000);
  const data = [1, Date.now() + 600_000].map((at) => ({ id: hashOf(`${at}`), expiresAt: new Date(at) }));
  await database.prisma.clientAssertion.createMany({ data });
  const times = [1, Date.now() + 600_000].map((at) => ({
    key: `${at}`,
    blockedUntil: new Date(1),
    expiresAt: new Date(at),
  }));
  await database.prisma.loginFailures.createMany({ data: times.map((time) => ({ ...time, failures: 1 })) });
  const folder = dirname(sqliteFile(database.url));
  const server = await serve(t, folder, { DATABASE_URL: database.url, LOG_LEVEL: 'debug' });
  const line: unknown = JSON.parse(await server.waitFor(/families_removed/));
  t.match(line, { event: 'families_removed', families: Number });
  t.match(JSON.parse(await server.waitFor(/client_assertions_removed/)), { level: 20, rows: 1 });
  t.match(JSON.parse(await server.waitFor(/login_failures_removed/)), { level: 20, rows: 1 });
  t.equal(await database.prisma.loginFailures.count(), 1);
  t.equal(await database.prisma.clientAssertion.count(), 1);
  t.equal(await database.prisma.family.count({ where: { absoluteExpiresAt: new Date(1000) } }), 0);
  t.strictSame(await server.stop('SIGTERM'), { code: 0, signal: null });
});
