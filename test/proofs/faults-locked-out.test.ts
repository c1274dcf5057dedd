// A PostgreSQL that runs, and lets mintd in no more: its administrator is at work. That is an outage, not a bug.
import { randomBytes } from 'node:crypto';
import { Client as PgClient } from 'pg';
import t, { type Test } from 'tap';
import { openClients } from '../../src/store/clients.js';
import { type Database, openDatabase } from '../../src/store/database.js';
import { openFamilies } from '../../src/store/families.js';
import { DatabaseUnavailable } from '../../src/store/outage.js';
import { openUsers } from '../../src/store/users.js';
import { aClient, testDatabase } from '../helper.js';
import { aFamily, aRotation, connectPostgres, hashOf, rejectionOf } from '../store/support.js';

/** The statements of a login and of a refresh, one by one. */
const STATEMENTS: Readonly<Record<string, (database: Database) => Promise<unknown>>> = {
  'the client is read': (database) => openClients(database).find('app'),
  'the user is read': (database) => openUsers(database).findByLogin({ display: 'ada', key: 'ada' }),
  'a login begins': (database) => openFamilies(database).begin(aFamily('x')),
  'a token rotates': (database) => openFamilies(database).rotate(aRotation()),
  'the family is read': (database) => openFamilies(database).find({ handleHash: hashOf('handle') }),
  'a family is revoked': (database) => openFamilies(database).revoke('x', 'revoked', 0),
};

/** What an administrator may do, and how it is undone. */
const LOCKS: Readonly<Record<string, (names: { role: string; name: string }) => readonly [string, string]>> = {
  'the password was changed': ({ role }) => [
    `ALTER ROLE ${role} PASSWORD 'another'`,
    `ALTER ROLE ${role} PASSWORD 'first'`,
  ],
  'the role may not log in': ({ role }) => [`ALTER ROLE ${role} NOLOGIN`, `ALTER ROLE ${role} LOGIN`],
  'the role may have no connection': ({ role }) => [
    `ALTER ROLE ${role} CONNECTION LIMIT 0`,
    `ALTER ROLE ${role} CONNECTION LIMIT -1`,
  ],
  'the database takes no connections': ({ name }) => [
    `ALTER DATABASE ${name} ALLOW_CONNECTIONS false`,
    `ALTER DATABASE ${name} ALLOW_CONNECTIONS true`,
  ],
  'the database may not be connected to': ({ role, name }) => [
    `REVOKE CONNECT ON DATABASE ${name} FROM ${role}, PUBLIC`,
    `GRANT CONNECT ON DATABASE ${name} TO ${role}`,
  ],
  'the database has another name': ({ name }) => [
    `ALTER DATABASE ${name} RENAME TO ${name}_away`,
    `ALTER DATABASE ${name}_away RENAME TO ${name}`,
  ],
};

type Guest = { readonly database: Database; readonly admin: PgClient; readonly role: string; readonly name: string };

/** A database opened as a role of its own, and the administrator. */
async function asGuest(t: Test): Promise<Guest> {
  const { url } = await testDatabase(t, 'postgres');
  const name = new URL(url).pathname.slice(1);
  const role = `guest_${randomBytes(6).toString('hex')}`;
  const owner = new PgClient({ connectionString: url });
  await owner.connect();
  await owner.query(`CREATE ROLE ${role} LOGIN PASSWORD 'first'; GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role}`);
  await owner.end();
  const admin = await connectPostgres(t, String(process.env['TEST_DATABASE_URL']));
  t.teardown(async () => {
    const last = await connectPostgres(t, url);
    await last.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });
  const guestUrl = new URL(url);
  [guestUrl.username, guestUrl.password] = [role, 'first'];
  const database = await openDatabase(guestUrl.href);
  t.teardown(() => database.close());
  return { database, admin, role, name };
}

for (const [lock, sqlOf] of Object.entries(LOCKS)) {
  t.test(`when ${lock}, every statement is an outage, and afterwards none`, async (t) => {
    const { database, admin, ...names } = await asGuest(t);
    await openClients(database).add(aClient());
    const [begin, end] = sqlOf(names);
    // The connections there are would go on: they are ended, as a restart of the server ends them.
    await admin.query('SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1', [names.name]);
    await admin.query(begin);
    for (const [name, statement] of Object.entries(STATEMENTS)) {
      // The first may still be told of the connection that ended; what counts is what new connections are told.
      await statement(database).catch(() => undefined);
      const error = await rejectionOf(statement(database));
      t.type(error, DatabaseUnavailable, `${name}: ${error.message}`);
    }
    await admin.query(end);
    t.match(await openClients(database).find('app'), { id: 'app' }, 'it recovers by itself');
  });
}
