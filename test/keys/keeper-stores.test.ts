import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { type KeyStore, openKeyStore } from '../../src/keys/store.js';
import { openKeyTable } from '../../src/keys/table.js';
import { wrapWithKey } from '../../src/keys/wrapping.js';
import { openDatabase } from '../../src/store/database.js';
import { openKeyRings } from '../../src/store/key-rings.js';
import { PROVIDERS, START, testDatabase } from '../helper.js';
import { aKeeper, eventsOf, kidsIn, type Report, revokedAt, signingKid, type TurnedKeeper } from './keeper-support.js';
import { aKeyFolder, aRing, aRotatingRing, EARLIEST_USE, filesIn, somePairs } from './support.js';

const INTERVAL_SECONDS = 30 * 86_400;
const DUE = START + INTERVAL_SECONDS * 1000;
const ROTATES = { rotationIntervalSeconds: INTERVAL_SECONDS };

const PLACES = ['files', ...PROVIDERS] as const;

/** The same ring as two servers see it, each by what it has opened itself. */
async function twice(t: Test, place: (typeof PLACES)[number], isRotating = false): Promise<[KeyStore, KeyStore]> {
  const ring = isRotating ? await aRotatingRing() : await aRing();
  if (place === 'files') {
    const { folder, store } = await aKeyFolder(t, ring);
    return [store, filesIn(folder)];
  }
  const database = await testDatabase(t, place);
  const other = await openDatabase(database.url);
  t.teardown(() => other.close());
  const wrapping = wrapWithKey({ present: randomBytes(32), previous: null });
  const [one, two] = [database, other].map((opened) => openKeyStore(openKeyTable(openKeyRings(opened)), wrapping));
  if (one === undefined || two === undefined) throw new Error('there are two');
  const [first, standby] = await somePairs();
  await one.create(ring, [first, standby]);
  return [one, two];
}

/** Both look after the ring at once; what their logs were told, together. */
async function bothTick(a: TurnedKeeper, b: TurnedKeeper): Promise<readonly Report[]> {
  return (await Promise.all([a.tick(), b.tick()])).flat();
}

for (const place of PLACES) {
  t.test(`${place}: two servers rotate once when it is due, and sign with the same key from then on`, async (t) => {
    const [one, two] = await twice(t, place);
    const [, standby] = await somePairs();
    const [a, b] = [await aKeeper(one, ROTATES), await aKeeper(two, ROTATES)];
    a.pass(DUE - START);
    b.pass(DUE - START);
    const reports = await bothTick(a, b);
    t.equal(reports.filter(([event]) => event === 'rotated').length, 1);
    t.notOk(eventsOf(reports).some((event) => /Fault|Failed|notRotated/.test(event)));
    await bothTick(a, b);
    await bothTick(a, b);
    const ring = await one.read();
    t.equal(ring.keys.length, 3);
    t.equal(ring.keys.filter(({ destroyedAt }) => destroyedAt === null).length, 2);
    for (const { keeper } of [a, b]) t.equal(await signingKid(keeper, DUE), standby.key.kid);
    t.strictSame(a.keeper.jwks(DUE), b.keeper.jwks(DUE));
    t.strictSame(await bothTick(a, b), [], 'and there is nothing more to do');
  });

  t.test(`${place}: the server that comes second finds the rotation done`, async (t) => {
    const [one, two] = await twice(t, place);
    const [a, b] = [await aKeeper(one, ROTATES), await aKeeper(two, ROTATES)];
    a.pass(DUE - START);
    b.pass(DUE - START);
    t.ok(eventsOf(await a.tick()).includes('rotated'));
    t.notOk(eventsOf(await b.tick()).includes('rotated'));
    t.equal((await two.read()).keys.length, 3);
  });

  t.test(`${place}: of two servers one destroys what is over and says so`, async (t) => {
    const [one, two] = await twice(t, place, true);
    const [first] = await somePairs();
    const [a, b] = [await aKeeper(one), await aKeeper(two)];
    a.pass(EARLIEST_USE - START);
    b.pass(EARLIEST_USE - START);
    const reports = await bothTick(a, b);
    const destroyed = reports.filter(([event]) => event === 'destroyed');
    t.strictSame(destroyed, [['destroyed', [first.key.kid]]]);
    t.strictSame((await one.readPairs()).length, 1, 'the private half is gone');
    t.equal((await one.read()).keys[0]?.destroyedAt, EARLIEST_USE);
    await bothTick(a, b);
    t.strictSame(await bothTick(a, b), []);
  });

  t.test(`${place}: what one does the other follows at its next look`, async (t) => {
    const [one, two] = await twice(t, place);
    const [first, standby] = await somePairs();
    const b = await aKeeper(two);
    await revokedAt(one, first.key.kid, START);
    t.strictSame(eventsOf(await b.tick()), ['ringReloaded']);
    t.equal(await signingKid(b.keeper, START), standby.key.kid);
    t.notOk(kidsIn(b.keeper.jwks(START)).includes(first.key.kid));
  });
}

for (const provider of PROVIDERS) {
  t.test(`${provider}: a row that turns bad, or goes, leaves the last good ring`, async (t) => {
    const database = await testDatabase(t, provider);
    const wrapping = wrapWithKey({ present: randomBytes(32), previous: null });
    const store = openKeyStore(openKeyTable(openKeyRings(database)), wrapping);
    const [first, standby] = await somePairs();
    await store.create(await aRing(), [first, standby]);
    const { keeper, tick } = await aKeeper(store);
    const row = await database.prisma.keyRing.findUniqueOrThrow({ where: { id: 1 } });
    const spoils = [{ ring: row.ring.slice(0, 200) }, { privateKeys: '{}' }, { privateKeys: '' }];
    for (const [i, spoil] of spoils.entries()) {
      await database.prisma.keyRing.update({ where: { id: 1 }, data: { ...spoil, version: 10 + i } });
      for (const time of ['once', 'twice']) {
        t.match(await tick(), [['ringFault', { name: 'KeyRingFault', message: /table key_rings, row 1/ }]], time);
      }
      t.equal(await signingKid(keeper, START), first.key.kid);
      await database.prisma.keyRing.update({ where: { id: 1 }, data: { ...row, version: 20 + i } });
      t.strictSame(eventsOf(await tick()), ['ringReloaded']);
    }
    await database.prisma.keyRing.delete({ where: { id: 1 } });
    t.match(await tick(), [['ringFault', { message: /there is no key ring in the database/ }]]);
    t.equal(keeper.status(START).isFaulty, true);
    t.equal(await signingKid(keeper, START), first.key.kid);
  });
}
