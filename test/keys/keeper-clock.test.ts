import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { START } from '../helper.js';
import { aKeeper, eventsOf, kidsIn, rotatedAt, signingKid } from './keeper-support.js';
import { aKeyFolder, aRotatingRing, EARLIEST_USE, somePairs } from './support.js';

const HOUR_MS = 3_600_000;

t.test('a clock that jumps an hour ahead destroys nothing for an hour, and then it does', async (t) => {
  const { folder, store } = await aKeyFolder(t, await aRotatingRing());
  const [first] = await somePairs();
  const isKept = () => existsSync(join(folder, `${first.key.kid}.pem`));
  const { clock, pass, tick } = await aKeeper(store);
  clock.now += HOUR_MS;
  t.strictSame(await tick(), [['clockJumped', 3600]]);
  pass(HOUR_MS - 1);
  t.strictSame(await tick(), [], 'it is said once');
  t.equal(isKept(), true);
  pass(1);
  t.strictSame(eventsOf(await tick()), ['destroyed', 'ringReloaded']);
  t.equal(isKept(), false);
});

t.test('a jump that is taken back has harmed nothing', async (t) => {
  const { store } = await aKeyFolder(t, await aRotatingRing());
  const [first, standby] = await somePairs();
  const { keeper, clock, pass, tick } = await aKeeper(store, { rotationIntervalSeconds: 1800 });
  const before = await store.read();
  clock.now += HOUR_MS;
  await tick();
  pass(600_000);
  await tick();
  clock.now -= HOUR_MS;
  t.strictSame(await tick(), []);
  t.strictSame(await store.read(), before);
  t.equal(await signingKid(keeper, clock.now), first.key.kid);
  t.strictSame(kidsIn(keeper.jwks(clock.now)), [first.key.kid, standby.key.kid]);
});

t.test('a clock that jumps further is waited for an hour as well, with rotations too', async (t) => {
  const { store } = await aKeyFolder(t);
  const { keeper, clock, pass, tick } = await aKeeper(store, { rotationIntervalSeconds: 30 * 86_400 });
  clock.now += 31 * 86_400_000;
  t.strictSame(await tick(), [['clockJumped', 31 * 86_400]]);
  pass(HOUR_MS - 1);
  t.strictSame(await tick(), []);
  t.equal(keeper.isReady(clock.now), true);
  pass(1);
  t.strictSame(eventsOf(await tick()), ['rotated', 'ringReloaded']);
});

t.test('a jump as far as the ring says that clocks may differ is none', async (t) => {
  const { store } = await aKeyFolder(t, await aRotatingRing());
  const { clock, tick } = await aKeeper(store, { now: EARLIEST_USE - 60_000 });
  clock.now += 60_000;
  t.strictSame(eventsOf(await tick()), ['destroyed', 'ringReloaded']);
});

t.test('the ring goes on being followed by a clock that jumped', async (t) => {
  const { store } = await aKeyFolder(t);
  const { keeper, clock, tick } = await aKeeper(store);
  clock.now += HOUR_MS;
  await tick();
  const added = await rotatedAt(store, clock.now);
  t.strictSame(eventsOf(await tick()), ['ringReloaded']);
  t.ok(kidsIn(keeper.jwks(clock.now)).includes(added));
});

t.test('a jump while the ring could not be read is one when it can be', async (t) => {
  const { folder, store } = await aKeyFolder(t, await aRotatingRing());
  let isOut = false;
  const fingerprint = () => (isOut ? Promise.reject(new Error('out')) : store.fingerprint());
  const [first] = await somePairs();
  const { clock, pass, tick } = await aKeeper({ ...store, fingerprint });
  isOut = true;
  clock.now += HOUR_MS;
  t.strictSame(eventsOf(await tick()), ['ringFault']);
  pass(5_000);
  isOut = false;
  t.strictSame(await tick(), [['clockJumped', 3600]]);
  t.ok(existsSync(join(folder, `${first.key.kid}.pem`)));
});

t.test('a clock that is set back an hour goes on with one key, and nothing comes back', async (t) => {
  const { store } = await aKeyFolder(t, await aRotatingRing());
  const [, standby] = await somePairs();
  const { keeper, clock, pass, tick } = await aKeeper(store, { now: EARLIEST_USE });
  await tick();
  const before = await store.read();
  clock.now -= HOUR_MS;
  t.strictSame(await tick(), []);
  for (let i = 0; i < 4; i++) {
    t.equal(await signingKid(keeper, clock.now), standby.key.kid);
    t.equal(kidsIn(keeper.jwks(clock.now)).length, 2);
    pass(HOUR_MS / 4);
    t.strictSame(await tick(), []);
  }
  t.strictSame(await store.read(), before);
});

t.test('a clock that is set back before anything was destroyed signs with the key of its time', async (t) => {
  const { store } = await aKeyFolder(t, await aRotatingRing());
  const [first, standby] = await somePairs();
  const { keeper, clock } = await aKeeper(store);
  clock.now = EARLIEST_USE;
  t.equal(await signingKid(keeper, clock.now), standby.key.kid);
  clock.now = START;
  t.equal(await signingKid(keeper, clock.now), first.key.kid);
});

t.test('and so it does when the ring was read while the clock was ahead', async (t) => {
  const { store } = await aKeyFolder(t, await aRotatingRing());
  const [first, standby] = await somePairs();
  const { keeper, clock, pass, tick } = await aKeeper(store);
  clock.now += HOUR_MS;
  await tick();
  await store.change((ring) => ({ ring, added: [], value: true }));
  t.strictSame(eventsOf(await tick()), ['ringReloaded']);
  t.equal(await signingKid(keeper, clock.now), standby.key.kid);
  clock.now -= HOUR_MS;
  pass(5_000);
  await tick();
  t.equal(keeper.isReady(clock.now), true);
  t.equal(await signingKid(keeper, clock.now), first.key.kid);
});
