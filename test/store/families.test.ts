import t, { type Test } from 'tap';
import { openClients } from '../../src/store/clients.js';
import type { Database, Provider } from '../../src/store/database.js';
import { type FamilyStore, type NewFamily, openFamilies } from '../../src/store/families.js';
import type { Rotation } from '../../src/store/rotations.js';
import { openUsers } from '../../src/store/users.js';
import { aClient, PROVIDERS, START, testDatabase } from '../helper.js';
import { aFamily, aRotation, aUser, DAY_MS, gatheringAll, hashOf } from './support.js';

type Begun = {
  readonly database: Database & { readonly url: string };
  readonly families: FamilyStore;
  readonly family: NewFamily;
};

/** A user, a client and one login. */
async function begun(t: Test, provider: Provider): Promise<Begun> {
  const database = await testDatabase(t, provider);
  const user = aUser({ roles: ['admin'] });
  await openUsers(database).add(user);
  await openClients(database).add(aClient());
  const families = openFamilies(database);
  const family = aFamily(user.id);
  if (!(await families.begin(family))) throw new Error('the login did not begin');
  return { database, families, family };
}

type Condition = {
  readonly name: string;
  readonly presented?: Partial<Rotation>;
  readonly arrange?: (begun: Begun) => Promise<unknown>;
};

/** Each fails by one condition of the WHERE alone. */
const CONDITIONS: readonly Condition[] = [
  { name: 'a wrong handle', presented: { handleHash: hashOf('another handle') } },
  { name: 'a wrong secret', presented: { presentedHash: hashOf('another secret') } },
  { name: 'another client', presented: { clientId: 'other' } },
  {
    name: 'another client that exists',
    presented: { clientId: 'other' },
    arrange: ({ database }) => openClients(database).add(aClient({ id: 'other' })),
  },
  {
    name: 'a revoked family',
    arrange: ({ families, family }) => families.revoke(family.sid, 'revoked', START),
  },
  { name: 'an idle family, at the moment it expires', presented: { now: START + 14 * DAY_MS } },
  {
    name: 'an old family, at the moment it expires',
    presented: { now: START + 90 * DAY_MS },
    arrange: ({ database }) => database.prisma.family.updateMany({ data: { idleExpiresAt: new Date(START * 2) } }),
  },
  {
    name: 'a disabled user',
    arrange: ({ database }) => database.prisma.user.updateMany({ data: { disabledAt: new Date(START) } }),
  },
  {
    name: 'a user whose logins were all ended',
    arrange: ({ database, family }) => openUsers(database).setPassword(family.userId, 'another hash'),
  },
  {
    name: 'a user that was disabled and enabled',
    arrange: async ({ database, family }) => {
      await openUsers(database).disable(family.userId, START);
      await openUsers(database).enable(family.userId);
    },
  },
  {
    name: 'a disabled client',
    arrange: ({ database }) => database.prisma.client.updateMany({ data: { disabledAt: new Date(START) } }),
  },
  {
    name: 'a client whose logins were all ended',
    arrange: ({ database }) => openClients(database).endLogins('app'),
  },
  {
    name: 'a client that was disabled and enabled',
    arrange: async ({ database }) => {
      await openClients(database).disable('app', START);
      await openClients(database).enable('app');
    },
  },
];

for (const provider of PROVIDERS) {
  t.test(`${provider}: the newest token rotates, and says whose login it is`, async (t) => {
    const { families, family, database } = await begun(t, provider);
    t.strictSame(await families.rotate(aRotation()), {
      sid: family.sid,
      userId: family.userId,
      username: 'Ada',
      roles: ['admin'],
      scope: ['read'],
      audiences: ['https://api.example'],
      authTime: START,
      expiresAt: START + 1000 + 14 * DAY_MS,
    });
    const row = await database.prisma.family.findUniqueOrThrow({ where: { id: family.sid } });
    t.strictSame(Buffer.from(row.currentHash), Buffer.from(hashOf('secret 1')));
    t.strictSame(Buffer.from(row.previousHash ?? []), Buffer.from(hashOf('secret 0')));
    t.strictSame(Buffer.from(row.successorKey ?? []), Buffer.from(hashOf('key 1')));
    t.equal(row.generation, 1);
    t.equal(row.rotatedAt?.getTime(), START + 1000);
    t.equal(row.idleExpiresAt.getTime(), START + 1000 + 14 * DAY_MS);
    t.equal(row.absoluteExpiresAt.getTime(), START + 90 * DAY_MS, 'never extended');
    t.equal(await families.rotate(aRotation()), null, 'and then it is not the newest');
  });

  for (const { name, presented, arrange } of CONDITIONS) {
    t.test(`${provider}: ${name} does not rotate and changes nothing`, async (t) => {
      const scene = await begun(t, provider);
      await arrange?.(scene);
      const row = () => scene.database.prisma.family.findUniqueOrThrow({ where: { id: scene.family.sid } });
      const before = await row();
      t.equal(await scene.families.rotate(aRotation(presented)), null);
      t.strictSame(await row(), before);
      const nobodys = aRotation({ handleHash: hashOf('handle of nobody') });
      const { rotate } = openFamilies(gatheringAll(scene.database));
      const inCompany = [nobodys, aRotation(presented), nobodys].map(rotate);
      t.strictSame(await Promise.all(inCompany), [null, null, null]);
      t.strictSame(await row(), before, 'nor does it in company');
    });
  }

  t.test(`${provider}: a millisecond before it expires it rotates`, async (t) => {
    const { families } = await begun(t, provider);
    const now = START + 14 * DAY_MS - 1;
    t.ok(await families.rotate(aRotation({ now, idleExpiresAt: now + 1 })));
    const second = { presentedHash: hashOf('secret 1'), successorHash: hashOf('secret 2') };
    t.equal(await families.rotate(aRotation({ ...second, now: now + 1 })), null);
    t.ok(await families.rotate(aRotation({ ...second, now })));
  });

  t.test(`${provider}: of thirty presentations at once, one rotates`, async (t) => {
    const { families, family, database } = await begun(t, provider);
    const rotations = Array.from({ length: 30 }, (_, i) =>
      families.rotate(aRotation({ successorHash: hashOf(`successor ${i}`), successorKey: hashOf(`key ${i}`) })),
    );
    const winners = (await Promise.all(rotations)).flatMap((login, i) => (login === null ? [] : [i]));
    t.equal(winners.length, 1);
    const row = await database.prisma.family.findUniqueOrThrow({ where: { id: family.sid } });
    t.equal(row.generation, 1);
    t.strictSame(Buffer.from(row.currentHash), Buffer.from(hashOf(`successor ${winners[0]}`)));
    t.strictSame(Buffer.from(row.successorKey ?? []), Buffer.from(hashOf(`key ${winners[0]}`)));
  });

  t.test(`${provider}: 200 rotations leave one row`, async (t) => {
    const { families, family, database } = await begun(t, provider);
    for (let i = 0; i < 200; i++) {
      const [presentedHash, successorHash] = [hashOf(`secret ${i}`), hashOf(`secret ${i + 1}`)];
      if ((await families.rotate(aRotation({ presentedHash, successorHash }))) === null) t.fail(`rotation ${i}`);
    }
    t.equal(await database.prisma.family.count(), 1);
    const row = await database.prisma.family.findUniqueOrThrow({ where: { id: family.sid } });
    t.equal(row.generation, 200);
  });

  t.test(`${provider}: one family of several rotates, the others stay`, async (t) => {
    const { families, family, database } = await begun(t, provider);
    const other = aFamily(family.userId, { handleHash: hashOf('handle 2') });
    await families.begin(other);
    const row = () => database.prisma.family.findUniqueOrThrow({ where: { id: other.sid } });
    const before = await row();
    t.ok(await families.rotate(aRotation()));
    t.strictSame(await row(), before);
  });
}

for (const provider of PROVIDERS) {
  t.test(`${provider}: a login of a user or a client that is gone does not begin`, async (t) => {
    const { database, families, family } = await begun(t, provider);
    const next = { sid: crypto.randomUUID(), handleHash: hashOf('handle 2') };
    t.equal(await families.begin({ ...family, ...next, clientId: 'gone' }), false);
    t.equal(await families.begin({ ...family, ...next, userId: crypto.randomUUID() }), false);
    await database.prisma.user.delete({ where: { id: family.userId } });
    t.equal(await database.prisma.family.count(), 0, 'its families went with the user');
    t.equal(await families.begin({ ...family, ...next }), false);
    t.equal(await families.rotate(aRotation()), null);
    t.equal(await database.prisma.family.count(), 0);
  });

  t.test(`${provider}: a handle is given out once`, async (t) => {
    const { families, family } = await begun(t, provider);
    await t.rejects(families.begin({ ...family, sid: crypto.randomUUID() }), /unique/i);
  });

  t.test(`${provider}: a family is found by its handle, as it is`, async (t) => {
    const { families, family } = await begun(t, provider);
    t.equal(await families.find({ handleHash: hashOf('another handle') }), null);
    const fresh = await families.find({ handleHash: family.handleHash });
    t.match(fresh, {
      family: {
        sid: family.sid,
        clientId: 'app',
        absoluteExpiresAt: START + 90 * DAY_MS,
        idleExpiresAt: START + 14 * DAY_MS,
        previousHash: null,
        successorKey: null,
        rotatedAt: null,
        revokedAt: null,
        endedWithUserOrClient: false,
      },
    });
    const login = await families.rotate(aRotation());
    const rotated = await families.find({ handleHash: family.handleHash });
    t.strictSame(rotated?.login, login, 'find and rotate say the same of the login');
    t.equal(rotated?.family.rotatedAt, START + 1000);
    t.strictSame(Buffer.from(rotated?.family.currentHash ?? []), Buffer.from(hashOf('secret 1')));
    t.strictSame(Buffer.from(rotated?.family.previousHash ?? []), Buffer.from(hashOf('secret 0')));
    t.strictSame(Buffer.from(rotated?.family.successorKey ?? []), Buffer.from(hashOf('key 1')));
  });

  t.test(`${provider}: find tells when the user or the client ended the login`, async (t) => {
    const { database, families, family } = await begun(t, provider);
    const ended = async () => (await families.find({ handleHash: family.handleHash }))?.family.endedWithUserOrClient;
    const at = new Date(START);
    t.equal(await ended(), false);
    await database.prisma.client.updateMany({ data: { disabledAt: at } });
    t.equal(await ended(), true, 'a disabled client');
    await database.prisma.client.updateMany({ data: { disabledAt: null } });
    await database.prisma.user.updateMany({ data: { disabledAt: at } });
    t.equal(await ended(), true, 'a disabled user');
    await database.prisma.user.updateMany({ data: { disabledAt: null, loginEpoch: 1 } });
    t.equal(await ended(), true, 'a raised login epoch');
  });

  t.test(`${provider}: a family is revoked once, with the first reason, and no other with it`, async (t) => {
    const { database, families, family } = await begun(t, provider);
    const other = aFamily(family.userId, { handleHash: hashOf('handle 2') });
    await families.begin(other);
    const revoked = await Promise.all(
      Array.from({ length: 10 }, (_, i) => families.revoke(family.sid, 'reuse', START + i)),
    );
    t.equal(revoked.filter(Boolean).length, 1);
    t.equal(await families.revoke(family.sid, 'revoked', START + 99), false);
    t.equal(await families.revoke(crypto.randomUUID(), 'revoked', START), false);
    const row = await database.prisma.family.findUniqueOrThrow({ where: { id: family.sid } });
    t.equal(row.revokedReason, 'reuse');
    t.not(row.revokedAt?.getTime(), START + 99);
    t.equal((await families.find({ handleHash: other.handleHash }))?.family.revokedAt, null);
  });
}
