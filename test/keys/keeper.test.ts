import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { KeyRingFault } from '../../src/keys/faults.js';
import { type KeyRing, withTiming } from '../../src/oauth/key-ring.js';
import { START } from '../helper.js';
import { aKeeper, eventsOf, kidsIn, type Report, rotatedAt, signingKid } from './keeper-support.js';
import { aKeyFolder, aRing, aRotatingRing, EARLIEST_USE, type KeyFolder, somePairs, TIMING } from './support.js';

const INTERVAL_SECONDS = 30 * 86_400;
const DUE = START + INTERVAL_SECONDS * 1000;
const ROTATES = { rotationIntervalSeconds: INTERVAL_SECONDS };

const pemOf = ({ folder }: KeyFolder, kid: string) => join(folder, `${kid}.pem`);

async function replaceRing({ store }: KeyFolder, ring: KeyRing): Promise<void> {
  await store.change(() => ({ ring, added: [], value: true }));
}

/** Lets every change of the folder fail, while it can be read; returns what mends it. */
function blockChanges({ folder }: KeyFolder): () => void {
  const lock = join(folder, '.lock');
  rmSync(lock, { force: true });
  mkdirSync(lock);
  return () => rmSync(lock, { recursive: true });
}

t.test('a private half is destroyed at the moment its key signs no more, and not before', async (t) => {
  const keys = await aKeyFolder(t, await aRotatingRing());
  const [first, standby] = await somePairs();
  const { keeper, pass, tick } = await aKeeper(keys.store);
  pass(EARLIEST_USE - START - 1);
  t.strictSame(await tick(), []);
  t.ok(existsSync(pemOf(keys, first.key.kid)));
  pass(1);
  const both = [first.key.kid, standby.key.kid];
  const told: readonly Report[] = [
    ['destroyed', [first.key.kid]],
    ['ringReloaded', both],
  ];
  t.strictSame(await tick(), told);
  t.notOk(existsSync(pemOf(keys, first.key.kid)));
  t.strictSame(
    (await keys.store.read()).keys.map(({ destroyedAt }) => destroyedAt),
    [EARLIEST_USE, null],
  );
  t.strictSame(kidsIn(keeper.jwks(EARLIEST_USE)), both, 'its tokens go on verifying');
  t.strictSame(await tick(), [], 'it is done once');
});

t.test('a request that began before its key was destroyed gets a token by the next one', async (t) => {
  const { store } = await aKeyFolder(t, await aRotatingRing());
  const [, standby] = await somePairs();
  const { keeper, pass, tick } = await aKeeper(store);
  pass(EARLIEST_USE - START);
  await tick();
  t.equal(await signingKid(keeper, EARLIEST_USE - 500), standby.key.kid);
});

t.test('a server whose clock is behind follows a destruction, and signs with the next key', async (t) => {
  const { store } = await aKeyFolder(t, await aRotatingRing());
  const [first, standby] = await somePairs();
  const late = await aKeeper(store);
  const right = await aKeeper(store, { now: EARLIEST_USE });
  late.pass(EARLIEST_USE - START - 50_000);
  t.equal(await signingKid(late.keeper, late.clock.now), first.key.kid);
  await right.tick();
  t.strictSame(eventsOf(await late.tick()), ['ringReloaded']);
  t.equal(await signingKid(late.keeper, late.clock.now), standby.key.kid);
  t.strictSame(late.keeper.jwks(late.clock.now), right.keeper.jwks(EARLIEST_USE));
});

t.test('what a crash left of a private half that was destroyed is destroyed', async (t) => {
  const keys = await aKeyFolder(t, await aRotatingRing());
  const [first] = await somePairs();
  const path = pemOf(keys, first.key.kid);
  const pem = readFileSync(path);
  await (await aKeeper(keys.store, { now: EARLIEST_USE })).tick();
  writeFileSync(path, pem, { mode: 0o600 });
  const { tick, atStart } = await aKeeper(keys.store, { now: EARLIEST_USE + 5_000 });
  t.strictSame(atStart, [], 'it belongs to a key of the ring');
  t.strictSame((await tick())[0], ['destroyed', [first.key.kid]], 'left before the start');
  t.notOk(existsSync(path));
  writeFileSync(path, pem, { mode: 0o600 });
  t.ok(
    (await tick()).some(([event]) => event === 'destroyed'),
    'left while it runs',
  );
  t.notOk(existsSync(path));
  t.strictSame(await tick(), []);
});

t.test('a key is rotated when it has signed for the interval, at once, and once', async (t) => {
  const keys = await aKeyFolder(t);
  const [first, standby] = await somePairs();
  const { keeper, pass, tick } = await aKeeper(keys.store, ROTATES);
  t.equal(keeper.status(START).nextRotationAt, DUE);
  pass(DUE - START - 1);
  t.strictSame(await tick(), []);
  pass(1);
  const [rotated, ...others] = await tick();
  t.match(rotated, ['rotated', { activates: { kid: standby.key.kid, activatesAt: DUE } }]);
  t.strictSame(eventsOf(others), ['ringReloaded']);
  t.equal(await signingKid(keeper, DUE), standby.key.kid);
  t.equal(kidsIn(keeper.jwks(DUE)).length, 3);
  t.strictSame(eventsOf(await tick()), ['destroyed', 'ringReloaded'], 'what signed is over now');
  t.notOk(existsSync(pemOf(keys, first.key.kid)));
  t.strictSame(await tick(), []);
  t.equal(keeper.status(DUE).nextRotationAt, DUE + INTERVAL_SECONDS * 1000);
});

t.test('a ring does not grow from rotation to rotation', async (t) => {
  const { store } = await aKeyFolder(t);
  const { keeper, pass, tick, clock } = await aKeeper(store, ROTATES);
  for (let i = 0; i < 4; i++) {
    pass(INTERVAL_SECONDS * 1000);
    t.strictSame(eventsOf(await tick()), ['rotated', 'ringReloaded'], `rotation ${i}`);
    t.match(keeper.status(clock.now), { states: { active: 1, published: 1, retiring: 1 } });
    await tick();
  }
  t.ok((await store.read()).keys.length <= 4);
});

t.test('with rotation off nothing is rotated, ever', async (t) => {
  const { store } = await aKeyFolder(t);
  const { keeper, pass, tick, clock } = await aKeeper(store);
  pass(100 * INTERVAL_SECONDS * 1000);
  t.strictSame(await tick(), []);
  t.equal(keeper.status(clock.now).nextRotationAt, null);
});

t.test('a rotation that is under way, or was made by hand, is not repeated', async (t) => {
  const { store } = await aKeyFolder(t);
  const [, standby] = await somePairs();
  const { keeper, pass, tick } = await aKeeper(store, { rotationIntervalSeconds: 600 });
  await rotatedAt(store, START);
  pass(600_000);
  t.strictSame(eventsOf(await tick()), ['ringReloaded']);
  t.equal(keeper.status(START).nextRotationAt, EARLIEST_USE);
  pass(EARLIEST_USE - START - 600_000 + 599_999);
  t.strictSame(eventsOf(await tick()), ['destroyed', 'ringReloaded']);
  t.equal(await signingKid(keeper, EARLIEST_USE + 599_999), standby.key.kid);
});

t.test('a rotation that the clock does not allow is said, and signing goes on', async (t) => {
  const keys = await aKeyFolder(t);
  const [first] = await somePairs();
  const { keeper, pass, tick } = await aKeeper(keys.store, ROTATES);
  pass(DUE - START);
  const changedAt = DUE + 60_001;
  await replaceRing(keys, withTiming(await aRing(), { ...TIMING, jwksMaxAgeSeconds: 301 }, changedAt));
  const before = await keys.store.read();
  const refusal: Report = ['notRotated', { refused: 'clock_behind', changedAt, now: DUE }];
  t.strictSame((await tick()).at(-1), refusal);
  t.strictSame(await tick(), [refusal], 'at each try');
  t.strictSame(await keys.store.read(), before);
  t.equal(await signingKid(keeper, DUE), first.key.kid);
  pass(1);
  t.ok(eventsOf(await tick()).includes('rotated'), 'when the clock has come up to it');
});

t.test('upkeep that fails is said each time, signing goes on, and it is made up for', async (t) => {
  const keys = await aKeyFolder(t);
  const [first, standby] = await somePairs();
  const { keeper, pass, tick } = await aKeeper(keys.store, ROTATES);
  const mend = blockChanges(keys);
  pass(DUE - START);
  for (const time of ['the first', 'the second']) {
    const reports = await tick();
    t.match(reports, [['upkeepFailed', Error]], time);
    t.equal(reports.length, 1, time);
  }
  t.match(keeper.status(DUE), { isFaulty: false, seenSecondsAgo: 0 }, 'the ring is good');
  t.equal(await signingKid(keeper, DUE), first.key.kid);
  t.equal(keeper.isReady(DUE), true);
  mend();
  t.strictSame(eventsOf(await tick()), ['rotated', 'ringReloaded']);
  t.equal(await signingKid(keeper, DUE), standby.key.kid);
});

t.test('a destruction that fails is upkeep that fails, whatever failed', async (t) => {
  const { store } = await aKeyFolder(t, await aRotatingRing());
  for (const error of [new KeyRingFault('x: it took too long'), new Error('EROFS: read-only file system')]) {
    const change = () => Promise.reject(error);
    const { keeper, tick } = await aKeeper({ ...store, change }, { now: EARLIEST_USE });
    t.strictSame(await tick(), [['upkeepFailed', error]]);
    t.equal(keeper.isReady(EARLIEST_USE), true);
  }
});

t.test('a ring that cannot be read is a fault at each try, and nothing else is done by it', async (t) => {
  const keys = await aKeyFolder(t);
  const { keeper, pass, tick } = await aKeeper(keys.store, ROTATES);
  const [path, good] = [join(keys.folder, 'ring.json'), readFileSync(join(keys.folder, 'ring.json'))];
  writeFileSync(path, good.subarray(0, 100));
  pass(DUE - START);
  for (let i = 0; i < 2; i++) {
    const reports = await tick();
    t.match(reports, [['ringFault', { name: 'KeyRingFault', message: /ring\.json: it is not JSON/ }]]);
    t.equal(reports.length, 1);
  }
  t.match(keeper.status(DUE), { isFaulty: true, seenSecondsAgo: INTERVAL_SECONDS });
  writeFileSync(path, good);
  t.strictSame(eventsOf(await tick()), ['ringReloaded', 'rotated', 'ringReloaded']);
  t.match(keeper.status(DUE), { isFaulty: false, seenSecondsAgo: 0 });
});
