// A family that is looked up while its user or client is being removed. The lookup may be several statements, and the
// removal may come between any two of them: that must look like a family that is gone, never like a fault.
import SqliteConnection from 'better-sqlite3';
import t, { type Test } from 'tap';
import { openClients } from '../../src/store/clients.js';
import { COMMAND_PATIENCE, type Database, openDatabase, type Provider, sqliteFile } from '../../src/store/database.js';
import { openFamilies } from '../../src/store/families.js';
import { openSessions } from '../../src/store/sessions.js';
import { openUsers } from '../../src/store/users.js';
import { aClient, PROVIDERS, START, testDatabase } from '../helper.js';
import { aFamily, aRotation, aUser, connectPostgres, hashOf, isAnyLockAwaited } from './support.js';

type Owned = { readonly database: Database & { readonly url: string }; readonly sid: string; readonly userId: string };

/** A user, a client and a login. */
async function owned(t: Test, provider: Provider): Promise<Owned> {
  const database = await testDatabase(t, provider);
  const user = aUser();
  await openUsers(database).add(user);
  await openClients(database).add(aClient());
  const family = aFamily(user.id);
  if (!(await openFamilies(database).begin(family))) throw new Error('the login did not begin');
  return { database, sid: family.sid, userId: user.id };
}

const REMOVALS: Readonly<Record<string, (database: Database, owned: Owned) => Promise<boolean>>> = {
  'its user': (database, { userId }) => openUsers(database).remove(userId),
  'its client': (database) => openClients(database).remove('app'),
};

for (const provider of PROVIDERS) {
  for (const [owner, remove] of Object.entries(REMOVALS)) {
    t.test(`${provider}: a family whose owner goes is gone with ${owner}`, async (t) => {
      const scene = await owned(t, provider);
      const { database, sid } = scene;
      t.equal(await remove(database, scene), true);
      const families = openFamilies(database);
      t.equal(await families.find({ sid }), null);
      t.equal(await families.find({ handleHash: hashOf('handle') }), null);
      t.equal(await families.rotate(aRotation()), null);
      t.equal(await families.revoke(sid, 'revoked', START), false);
      t.strictSame(await openSessions(database).list({ withEnded: true }, START, 10), []);
    });

    t.test(`${provider}: a rotation or a list beside the removal of ${owner} is of before or of after`, async (t) => {
      const scene = await owned(t, provider);
      const { database, sid } = scene;
      const second = await openDatabase(database.url, false, COMMAND_PATIENCE);
      t.teardown(() => second.close());
      const [login, sessions] = await Promise.all([
        openFamilies(database).rotate(aRotation()),
        openSessions(database).list({}, START, 10),
        remove(second, scene),
      ]);
      t.ok(login === null || login.sid === sid);
      t.ok(sessions.every((session) => session.sid === sid && session.username === 'Ada'));
      t.equal(await openFamilies(database).rotate(aRotation({ presentedHash: hashOf('secret 1') })), null);
    });
  }
}

for (const [table, where] of [
  ['users', { sid: true }],
  ['users', { sid: false }],
  ['clients', { sid: true }],
] as const) {
  const by = where.sid ? 'sid' : 'handle';
  t.test(`PostgreSQL: a lookup by ${by} during which the row of ${table} is deleted finds no family`, async (t) => {
    const { database, sid } = await owned(t, 'postgres');
    const remover = await connectPostgres(t, database.url);
    await remover.query('BEGIN');
    await remover.query(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
    const finding = openFamilies(database).find(where.sid ? { sid } : { handleHash: hashOf('handle') });
    const settled = finding.then(
      (found) => found,
      (error: unknown) => error,
    );
    const watcher = await connectPostgres(t, database.url);
    while (!(await isAnyLockAwaited(watcher)));
    await remover.query(`DELETE FROM ${table}`);
    await remover.query('COMMIT');
    t.equal(await settled, null);
  });
}

/** Lets so many ticks pass, and after them so many turns of promises: as finely as work in one process can be cut. */
async function steps(ticks: number, turns: number): Promise<void> {
  for (let i = 0; i < ticks; i++) await new Promise<void>((resolve) => process.nextTick(resolve));
  for (let i = 0; i < turns; i++) await null;
}

t.test('SQLite: a lookup during which its user is deleted, at whatever step, finds all of it or nothing', async (t) => {
  const { database, userId } = await owned(t, 'sqlite');
  const other = new SqliteConnection(sqliteFile(database.url));
  t.teardown(() => other.close());
  other.pragma('foreign_keys = ON');
  await openUsers(database).remove(userId);
  const families = openFamilies(database);
  const outcomes = new Map<string, number>();
  for (const ticks of [0, 1, 2]) {
    for (let turns = 0; turns < 40; turns++) {
      const user = aUser();
      await openUsers(database).add(user);
      const family = aFamily(user.id);
      await families.begin(family);
      const finding = families.find({ sid: family.sid }).then(
        (found) => (found === null ? 'nothing' : found.login.username),
        (error: unknown) => String(error),
      );
      await steps(ticks, turns);
      other.exec('DELETE FROM users');
      const outcome = await finding;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
  }
  t.strictSame([...outcomes.keys()].sort(), ['Ada', 'nothing']);
});
