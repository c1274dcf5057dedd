import t, { type Test } from 'tap';
import { endOf } from '../../src/oauth/family.js';
import type { Session } from '../../src/oauth/session.js';
import { openClients } from '../../src/store/clients.js';
import type { Database, Provider } from '../../src/store/database.js';
import { type FamilyStore, type NewFamily, openFamilies, type RevocationReason } from '../../src/store/families.js';
import { openSessions, type SessionFilter, type SessionStore } from '../../src/store/sessions.js';
import { openUsers } from '../../src/store/users.js';
import { aClient, PROVIDERS, START, testDatabase } from '../helper.js';
import { aFamily, aRotation, aUser, DAY_MS, hashOf } from './support.js';

const MANY = 1000;

type Scene = {
  readonly database: Database;
  readonly families: FamilyStore;
  readonly sessions: SessionStore;
  /** Ids by name. */
  readonly users: { readonly ada: string; readonly bob: string };
  /** A login of ada at `app`, with a handle of its own and `secret 0`. */
  begin(handle: string, overrides?: Partial<NewFamily>): Promise<string>;
  /** What a list shows, by sid. */
  sids(filter: SessionFilter, now?: number, limit?: number): Promise<readonly string[]>;
};

/** The users ada and bob, the clients `app` and `web`. */
async function scene(t: Test, provider: Provider): Promise<Scene> {
  const database = await testDatabase(t, provider);
  const users = { ada: crypto.randomUUID(), bob: crypto.randomUUID() };
  for (const [key, id] of Object.entries(users)) {
    await openUsers(database).add(aUser({ id, username: { display: key, key } }));
  }
  for (const id of ['app', 'web']) await openClients(database).add(aClient({ id }));
  const families = openFamilies(database);
  const sessions = openSessions(database);
  return {
    database,
    families,
    sessions,
    users,
    async begin(handle, overrides) {
      const family = aFamily(users.ada, { handleHash: hashOf(handle), ...overrides });
      if (!(await families.begin(family))) throw new Error('the login did not begin');
      return family.sid;
    },
    sids: async (filter, now = START, limit = MANY) =>
      (await sessions.list(filter, now, limit)).map((session) => session.sid),
  };
}

type Ending = {
  readonly ended: string;
  readonly arrange: (scene: Scene, sid: string) => Promise<unknown>;
  readonly now?: number;
};

const REASONS: readonly RevocationReason[] = ['reuse', 'revoked', 'logout', 'ended_by_user', 'ended_by_admin'];

/** Every way in which a login can be over, and what is told of it. */
const ENDINGS: readonly (Ending & { readonly how: string })[] = [
  ...REASONS.map((reason) => ({
    how: `a family that was revoked: ${reason}`,
    ended: reason,
    arrange: ({ families }: Scene, sid: string) => families.revoke(sid, reason, START),
  })),
  {
    how: 'a family that was revoked by a program that gave no reason',
    ended: 'revoked',
    arrange: ({ database }) => database.prisma.family.updateMany({ data: { revokedAt: new Date(START) } }),
  },
  {
    how: 'a disabled user',
    ended: 'ended_with_user',
    arrange: ({ database, users }) => openUsers(database).disable(users.ada, START),
  },
  {
    how: 'a user that was disabled and enabled',
    ended: 'ended_with_user',
    arrange: async ({ database, users }) => {
      await openUsers(database).disable(users.ada, START);
      await openUsers(database).enable(users.ada);
    },
  },
  {
    how: 'a user whose logins were all ended',
    ended: 'ended_with_user',
    arrange: ({ database, users }) => openUsers(database).endLogins(users.ada),
  },
  {
    how: 'a disabled client',
    ended: 'ended_with_client',
    arrange: ({ database }) => openClients(database).disable('app', START),
  },
  {
    how: 'a client that was disabled and enabled',
    ended: 'ended_with_client',
    arrange: async ({ database }) => {
      await openClients(database).disable('app', START);
      await openClients(database).enable('app');
    },
  },
  {
    how: 'a client whose logins were all ended',
    ended: 'ended_with_client',
    arrange: ({ database }) => openClients(database).endLogins('app'),
  },
  {
    how: 'a family that was not used for too long',
    ended: 'expired',
    arrange: async () => undefined,
    now: START + 14 * DAY_MS,
  },
  {
    how: 'a family that was revoked and whose user was disabled later',
    ended: 'logout',
    arrange: async ({ families, database, users }, sid) => {
      await families.revoke(sid, 'logout', START);
      await openUsers(database).disable(users.ada, START + 1);
    },
    now: START + 14 * DAY_MS,
  },
];

for (const provider of PROVIDERS) {
  for (const { how, ended, arrange, now = START + 5 } of ENDINGS) {
    t.test(`${provider}: ${how} is not listed; among those that ended it is, as ${ended}`, async (t) => {
      const all = await scene(t, provider);
      const sid = await all.begin('handle');
      const other = await all.begin('handle of bob', {
        userId: all.users.bob,
        clientId: 'web',
        idleExpiresAt: START + 90 * DAY_MS,
      });
      t.strictSame(await all.sids({ userId: all.users.ada }), [sid], 'it lives');
      await arrange(all, sid);
      t.strictSame(await all.sids({ userId: all.users.ada }, now), []);
      const found: readonly Session[] = await all.sessions.list({ userId: all.users.ada, withEnded: true }, now, MANY);
      t.match(found, [{ sid, ended }]);
      const judged = await all.families.find({ sid });
      t.not(judged && endOf(judged.family, now), null, 'and a refresh would be refused');
      if (!how.includes('by a program')) t.strictSame(await all.sids({}, now), [other], 'nobody else is touched');
    });
  }

  t.test(`${provider}: a session as it is shown, before and after its first rotation`, async (t) => {
    const { users, families, sessions, begin } = await scene(t, provider);
    const device = { userAgent: 'Mozilla/5.0 (X11; Linux) "é😀\\', address: '2001:db8::1' };
    const sid = await begin('handle', { device });
    const fresh = {
      sid,
      userId: users.ada,
      username: 'ada',
      clientId: 'app',
      device,
      createdAt: START,
      lastUsedAt: START,
      expiresAt: START + 14 * DAY_MS,
      ended: null,
    };
    t.strictSame(await sessions.list({}, START, MANY), [fresh]);
    t.ok(await families.rotate(aRotation()));
    const used = { ...fresh, lastUsedAt: START + 1000, expiresAt: START + 1000 + 14 * DAY_MS };
    t.strictSame(await sessions.list({}, START + 1000, MANY), [used]);
    const late = { presentedHash: hashOf('secret 1'), idleExpiresAt: START + 200 * DAY_MS };
    t.ok(await families.rotate(aRotation(late)));
    t.match(
      await sessions.list({}, START, MANY),
      [{ expiresAt: START + 90 * DAY_MS }],
      'never past the absolute expiry',
    );
  });

  t.test(`${provider}: a device of which nothing is known`, async (t) => {
    const { sessions, begin } = await scene(t, provider);
    await begin('handle');
    t.strictSame((await sessions.list({}, START, 1))[0]?.device, { userAgent: null, address: null });
  });

  t.test(`${provider}: the list is of a user, of a client, of both, or of everybody`, async (t) => {
    const { users, begin, sids } = await scene(t, provider);
    const { ada, bob } = users;
    const rows = [];
    for (const [userId, clientId] of [
      [ada, 'app'],
      [ada, 'web'],
      [bob, 'app'],
      [bob, 'web'],
    ] as const) {
      rows.push(await begin(`${userId} ${clientId}`, { userId, clientId, now: START + rows.length }));
    }
    const [adaApp, adaWeb, bobApp, bobWeb] = rows;
    t.strictSame(await sids({}), [bobWeb, bobApp, adaWeb, adaApp]);
    t.strictSame(await sids({ userId: ada }), [adaWeb, adaApp]);
    t.strictSame(await sids({ clientId: 'app' }), [bobApp, adaApp]);
    t.strictSame(await sids({ userId: bob, clientId: 'web' }), [bobWeb]);
    t.strictSame(await sids({ userId: crypto.randomUUID() }), []);
    t.strictSame(await sids({ clientId: "' OR 1=1 --" }), []);
    t.strictSame(await sids({ userId: ada, withEnded: true }), [adaWeb, adaApp], 'ended or not, only hers');
  });

  t.test(`${provider}: the newest come first, and those beyond the limit are the oldest`, async (t) => {
    const { begin, sids } = await scene(t, provider);
    const made: string[] = [];
    for (const second of [3, 1, 4, 0, 2])
      made[second] = await begin(`handle ${second}`, { now: START + second * 1000 });
    const newest = made.toReversed();
    t.strictSame(await sids({}), newest);
    for (const limit of [1, 3, 5]) t.strictSame(await sids({}, START, limit), newest.slice(0, limit), `limit ${limit}`);
  });

  t.test(`${provider}: those that began in one moment keep their order from one call to the next`, async (t) => {
    const { begin, sids } = await scene(t, provider);
    for (let i = 0; i < 20; i++) await begin(`handle ${i}`);
    const all = await sids({});
    t.equal(all.length, 20);
    t.strictSame(await sids({}), all);
    t.strictSame(await sids({}, START, 7), all.slice(0, 7));
  });

  t.test(`${provider}: a login is listed to the last millisecond`, async (t) => {
    const { begin, sids } = await scene(t, provider);
    const idle = await begin('idle', { idleExpiresAt: START + 10, absoluteExpiresAt: START + 100, now: START + 1 });
    const old = await begin('old', { idleExpiresAt: START + 100, absoluteExpiresAt: START + 20 });
    t.strictSame(await sids({}, START + 9), [idle, old]);
    t.strictSame(await sids({}, START + 10), [old]);
    t.strictSame(await sids({}, START + 19), [old]);
    t.strictSame(await sids({}, START + 20), []);
    t.strictSame(await sids({ withEnded: true }, START + 20), [idle], 'past the absolute expiry nobody is shown');
  });
}
