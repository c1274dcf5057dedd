import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { exclusively, lockForMigration, lockSqlite } from '../../src/store/lock.js';
import { emptyDatabaseUrl, PROVIDERS, temporaryFolder } from '../helper.js';
import { answerOf, connectPostgres, LOCKS_HERE, rejectionOf, startChild } from './support.js';

t.test('a second server on one SQLite file is refused until the first lets go', async (t) => {
  const url = await emptyDatabaseUrl(t, 'sqlite');
  const release = lockSqlite(url, 'server');
  t.ok(release);
  t.equal(lockSqlite(url, 'server'), null);
  t.equal(lockSqlite(url, 'server'), null, 'a refusal does not loosen it');
  await release?.();
  const again = lockSqlite(url, 'server');
  t.ok(again);
  await again?.();
});

t.test('locks for other purposes and on other files are others', async (t) => {
  const folder = temporaryFolder(t);
  const url = `file:${join(folder, 'a.db')}`;
  const releases = [
    lockSqlite(url, 'server'),
    lockSqlite(url, 'migrate'),
    lockSqlite(`file:${join(folder, 'b.db')}`, 'server'),
  ];
  t.ok(releases.every((release) => release !== null));
  t.equal(existsSync(join(folder, 'a.db')), false, 'the database itself is not touched');
  for (const release of releases) await release?.();
});

t.test('a lock in a folder that is not there is an error, not a refusal', async (t) => {
  const url = `file:${join(temporaryFolder(t), 'absent', 'a.db')}`;
  t.throws(() => lockSqlite(url, 'server'), { message: /no such file or directory.*absent/ });
});

t.test('a process that is killed lets go', async (t) => {
  const url = await emptyDatabaseUrl(t, 'sqlite');
  const child = await startChild(t, 'lock', url);
  t.strictSame(await answerOf(child), { isHeld: true });
  t.equal(lockSqlite(url, 'server'), null, 'it holds while the process lives');
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
  const release = lockSqlite(url, 'server');
  t.ok(release);
  await release?.();
});

for (const provider of PROVIDERS) {
  t.test(`the migration lock on ${provider} can be taken again when it was let go`, async (t) => {
    const url = await emptyDatabaseUrl(t, provider);
    for (let i = 0; i < 3; i++) await (await lockForMigration(url))();
  });
}

t.test('on PostgreSQL the second waits for the first', async (t) => {
  const url = await emptyDatabaseUrl(t, 'postgres');
  const order: string[] = [];
  const release = await lockForMigration(url);
  const second = lockForMigration(url).then((releaseSecond) => {
    order.push('second');
    return releaseSecond;
  });
  // The server itself says when the second one stands in the queue.
  const watcher = await connectPostgres(t, url);
  const waiting = `SELECT 1 FROM ${LOCKS_HERE} AND locktype = 'advisory' AND NOT granted`;
  while ((await watcher.query(waiting)).rowCount === 0);
  order.push('first lets go');
  await release();
  await (await second)();
  t.strictSame(order, ['first lets go', 'second']);
});

t.test('a PostgreSQL connection that dies with the lock is an error of one call, not of the process', async (t) => {
  const url = await emptyDatabaseUrl(t, 'postgres');
  const crashes: unknown[] = [];
  const note = (error: unknown) => crashes.push(error);
  process.on('uncaughtException', note);
  t.teardown(() => process.off('uncaughtException', note));
  const release = await lockForMigration(url);
  const killer = await connectPostgres(t, url);
  const kill =
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> $1';
  const own = (await killer.query('SELECT pg_backend_pid() AS pid')).rows[0].pid;
  await killer.query(kill, [own]);
  while ((await killer.query(`SELECT 1 FROM ${LOCKS_HERE} AND locktype = 'advisory'`)).rowCount !== 0);
  await killer.query('SELECT 1');
  await release().catch(() => undefined);
  t.strictSame(crashes, []);
});

t.test('a PostgreSQL that does not listen is an error at once', async (t) => {
  const error = await rejectionOf(lockForMigration('postgres://mintd@127.0.0.1:1/x'));
  t.equal(error.name, 'DatabaseUnavailable');
});

t.test('of many that want a folder for themselves, one has it at a time', async (t) => {
  const folder = temporaryFolder(t);
  let [inside, most] = [0, 0];
  const work = async (i: number) => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside--;
    return i;
  };
  const wanted = Array.from({ length: 10 }, (_, i) => i);
  t.strictSame(await Promise.all(wanted.map((i) => exclusively(folder, () => work(i)))), wanted);
  t.equal(most, 1);
});

t.test('work that fails lets go of its folder', async (t) => {
  const folder = temporaryFolder(t);
  const failing = exclusively(folder, () => Promise.reject(new Error('the work failed')));
  await t.rejects(failing, { message: 'the work failed' });
  t.equal(await exclusively(folder, async () => 1), 1);
});

t.test('a folder that stays taken is an error that names it', async (t) => {
  const folder = temporaryFolder(t);
  const message = `another process has been changing ${folder} for more than 5 s`;
  await exclusively(folder, () =>
    t.rejects(
      exclusively(folder, async () => 1),
      { message },
    ),
  );
});
