// Rotations in company, and somebody else who holds a lock on the rows or on the table.
import t from 'tap';
import { openDatabase, REQUEST_PATIENCE } from '../../src/store/database.js';
import { openFamilies } from '../../src/store/families.js';
import { DatabaseUnavailable } from '../../src/store/outage.js';
import { rotationOf, rowOf, withLogins } from './logins.js';
import { connectPostgres, gatheringAll, hashOf, isAnyLockAwaited, rejectionOf } from './support.js';

t.test('PostgreSQL: nobody waits for a login that somebody else is changing, but who wants it', async (t) => {
  const database = await withLogins(t, 'postgres', 5);
  const { rotate } = openFamilies(database);
  const somebody = await connectPostgres(t, database.url);
  await somebody.query('BEGIN');
  await somebody.query('SELECT 1 FROM families WHERE handle_hash = $1 FOR UPDATE', [Buffer.from(hashOf('handle 2'))]);
  let isDone = false;
  const held = rotate(rotationOf(2)).then((login) => {
    isDone = true;
    return login;
  });
  const others = await Promise.all([0, 1, 3, 4].map((i) => rotate(rotationOf(i))));
  t.ok(others.every(Boolean));
  t.notOk(isDone);
  await somebody.query('COMMIT');
  t.equal((await held)?.username, 'User 2');
});

t.test('PostgreSQL: a login that is ended while others rotate with it does not rotate', async (t) => {
  const database = await withLogins(t, 'postgres', 3);
  const { rotate } = openFamilies(database);
  const somebody = await connectPostgres(t, database.url);
  await somebody.query('BEGIN');
  await somebody.query('UPDATE families SET revoked_at = now() WHERE handle_hash = $1', [
    Buffer.from(hashOf('handle 1')),
  ]);
  const [first, ended, last] = [0, 1, 2].map((i) => rotate(rotationOf(i)));
  t.ok(await first);
  t.ok(await last);
  await somebody.query('COMMIT');
  t.equal(await ended, null);
  t.equal((await rowOf(database, 1)).generation, 0);
});

const FORTY = Array.from({ length: 40 }, (_, i) => i);

t.test('PostgreSQL: forty at once that nobody lets work are given up, all of them, and not done later', async (t) => {
  const { url } = await withLogins(t, 'postgres', FORTY.length);
  const database = await openDatabase(url, false, REQUEST_PATIENCE);
  t.teardown(() => database.close());
  const { rotate } = openFamilies(database);
  // All connections are there, so that what follows gets to the lock.
  await Promise.all(FORTY.map((i) => rowOf(database, i)));
  const somebody = await connectPostgres(t, url);
  await somebody.query('BEGIN');
  await somebody.query('LOCK TABLE families');
  const rotating = FORTY.map((i) => rejectionOf(rotate(rotationOf(i))));
  while (!(await isAnyLockAwaited(somebody)));
  const errors = await Promise.all(rotating);
  while (await isAnyLockAwaited(somebody));
  await somebody.query('COMMIT');
  t.ok(
    errors.every((error) => error instanceof DatabaseUnavailable),
    'all of them are given up',
  );
  const rows = await Promise.all(FORTY.map((i) => rowOf(database, i)));
  t.ok(rows.every(({ generation }) => generation === 0));
});

t.test('PostgreSQL: several in one statement that nobody lets work are given up together', async (t) => {
  const { url } = await withLogins(t, 'postgres', 5);
  const database = await openDatabase(url, false, REQUEST_PATIENCE);
  t.teardown(() => database.close());
  const { rotate } = openFamilies(gatheringAll(database));
  const somebody = await connectPostgres(t, url);
  await somebody.query('BEGIN');
  await somebody.query('LOCK TABLE families');
  const errors = await Promise.all([0, 1, 2, 3, 4].map((i) => rejectionOf(rotate(rotationOf(i)))));
  await somebody.query('ROLLBACK');
  t.equal(new Set(errors).size, 1, 'by one error, and not tried one by one');
});
