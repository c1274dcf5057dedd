import t from 'tap';
import { type Counter, openLoginFailures } from '../../src/store/login-failures.js';
import { PROVIDERS, START, testDatabase } from '../helper.js';
import { connectPostgres } from './support.js';

const COUNTER: Counter = { key: 'account:ada', limit: 3, windowSeconds: 60 };
const SECOND = 1000;

for (const provider of PROVIDERS) {
  t.test(`${provider}: so many are let through, then each waits twice as long, up to the window`, async (t) => {
    const failures = openLoginFailures(await testDatabase(t, provider));
    let now = START;
    for (let i = 0; i < 3; i++) t.equal(await failures.count(COUNTER, now), null);
    for (const wait of [10, 20, 40, 60, 60]) {
      const free = now + wait * SECOND;
      t.equal(await failures.count(COUNTER, now), free);
      t.equal(await failures.count(COUNTER, free - 1), free, 'an attempt that is refused prolongs nothing');
      t.equal(await failures.count(COUNTER, free), null, `after ${wait} s one more`);
      now = free;
    }
    t.equal(await failures.count({ ...COUNTER, key: 'account:bob' }, now), null, 'nobody else waits');
  });

  t.test(`${provider}: a window without a failure forgets all`, async (t) => {
    const failures = openLoginFailures(await testDatabase(t, provider));
    for (let i = 0; i < 3; i++) await failures.count(COUNTER, START);
    const over = START + (10 + 60) * SECOND;
    t.equal(await failures.count(COUNTER, over - 1), null, 'the fourth');
    t.equal(await failures.count(COUNTER, over), over - 1 + 20 * SECOND, 'which counted');
    const later = over - 1 + (20 + 60) * SECOND;
    for (let i = 0; i < 3; i++) t.equal(await failures.count(COUNTER, later), null, 'anew');
    t.equal(await failures.count(COUNTER, later), later + 10 * SECOND);
  });

  t.test(`${provider}: of many at once no more than the limit get through`, async (t) => {
    const database = await testDatabase(t, provider);
    const failures = openLoginFailures(database);
    const all = await Promise.all(Array.from({ length: 40 }, () => failures.count(COUNTER, START)));
    t.equal(all.filter((blockedUntil) => blockedUntil === null).length, 3);
    t.ok(all.every((blockedUntil) => blockedUntil === null || blockedUntil === START + 10 * SECOND));
  });

  t.test(`${provider}: what was given back or forgotten does not count`, async (t) => {
    const failures = openLoginFailures(await testDatabase(t, provider));
    for (let i = 0; i < 3; i++) await failures.count(COUNTER, START);
    await failures.giveBack(COUNTER, START);
    t.equal(await failures.count(COUNTER, START), null);
    t.equal(await failures.count(COUNTER, START), START + 10 * SECOND);
    await failures.count(COUNTER, START + 10 * SECOND);
    await failures.giveBack(COUNTER, START + 10 * SECOND);
    t.equal(await failures.count(COUNTER, START + 10 * SECOND), START + 30 * SECOND, 'beyond the limit the wait stays');
    await failures.forget(COUNTER.key);
    t.equal(await failures.count(COUNTER, START), null);
    await failures.forget('nobody');
    await failures.giveBack({ ...COUNTER, key: 'nobody' }, START);
    t.equal(
      await failures.count({ ...COUNTER, key: 'nobody' }, START),
      null,
      'what was never counted is not below zero',
    );
  });

  t.test(`${provider}: counters nobody needs go away, a few at a time`, async (t) => {
    const database = await testDatabase(t, provider);
    const failures = openLoginFailures(database);
    for (const [i, key] of ['a', 'b', 'c'].entries()) await failures.count({ ...COUNTER, key }, START + i);
    t.equal(await failures.removeExpired(START + 60 * SECOND - 1, 10), 0);
    t.equal(await failures.removeExpired(START + 60 * SECOND + 1, 1), 1);
    t.equal(await failures.removeExpired(START + 60 * SECOND + 1, 10), 1);
    t.strictSame(
      (await database.prisma.loginFailures.findMany()).map(({ key }) => key),
      ['c'],
    );
  });
}

t.test('postgres: a counter that somebody counts on with while it is being removed stays', async (t) => {
  const database = await testDatabase(t, 'postgres');
  const failures = openLoginFailures(database);
  await failures.count(COUNTER, START);
  const other = await connectPostgres(t, database.url);
  await other.query('BEGIN');
  await other.query(`UPDATE login_failures SET failures = 2, expires_at = expires_at + interval '1 hour'`);
  const removed = failures.removeExpired(START + 60 * SECOND, 10);
  const waits = 'SELECT 1 FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid';
  for (let found = 0; found === 0; ) found = (await other.query(waits)).rowCount ?? 0;
  await other.query('COMMIT');
  t.equal(await removed, 0);
  t.equal(await failures.count({ ...COUNTER, limit: 3 }, START + 60 * SECOND), null, 'the third');
  t.not(await failures.count(COUNTER, START + 60 * SECOND), null, 'the two before were not forgotten');
});

for (const provider of PROVIDERS) {
  t.test(`${provider}: a clock that is behind, or was set back, blocks nobody below the limit`, async (t) => {
    const failures = openLoginFailures(await testDatabase(t, provider));
    for (const now of [START + 60 * SECOND, START]) {
      t.equal(await failures.count(COUNTER, now), null);
      await failures.giveBack(COUNTER, now);
    }
    for (const seconds of [-9, 0, -5]) t.equal(await failures.count(COUNTER, START + seconds * SECOND), null);
    t.type(await failures.count(COUNTER, START - 9 * SECOND), 'number', 'and then the limit is the limit');
  });
}
