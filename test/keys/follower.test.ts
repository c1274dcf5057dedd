import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeProtectedHeader } from 'jose';
import t, { type Test } from 'tap';
import { revokeKey } from '../../src/keys/changes.js';
import { KeyRingFault } from '../../src/keys/faults.js';
import { type Follower, openFollower } from '../../src/keys/follower.js';
import type { KeyStore } from '../../src/keys/store.js';
import { type KeyRing, withTiming } from '../../src/oauth/key-ring.js';
import { START } from '../helper.js';
import { kidsIn, rotatedAt, signingKid } from './keeper-support.js';
import { aKeyFolder, aRotatingRing, EARLIEST_USE, type KeyFolder, somePairs, TIMING } from './support.js';

/** The longest token, the clock skew and one poll: for so long a server goes on with a ring it cannot read. */
const BLIND_MS = (3600 + 60 + 5) * 1000;

type Following = KeyFolder & {
  readonly follower: Follower;
  readonly clock: { now: number };
  readonly steady: { ms: number };
  /** How often the ring was read. */
  readonly readings: () => number;
};

/** A follower whose clocks the test turns. Some functions of its store can be others. */
async function following(t: Test, other: (keys: KeyFolder) => Partial<KeyStore> = () => ({})): Promise<Following> {
  const keys = await aKeyFolder(t);
  const clock = { now: START };
  const steady = { ms: 500 };
  let readings = 0;
  const load = async (now: number) => {
    readings++;
    return keys.store.load(now);
  };
  const store = { ...keys.store, load, ...other(keys) };
  const follower = await openFollower(
    store,
    () => clock.now,
    () => steady.ms,
  );
  return { ...keys, follower, clock, steady, readings: () => readings };
}

/** Makes the ring unreadable; returns what mends it. */
function spoil({ folder }: KeyFolder): () => void {
  chmodSync(join(folder, 'ring.json'), 0o644);
  return () => chmodSync(join(folder, 'ring.json'), 0o600);
}

async function replaceRing({ store }: KeyFolder, change: (ring: KeyRing) => KeyRing): Promise<void> {
  await store.change((ring) => ({ ring: change(ring), added: [], value: true }));
}

t.test('a ring that does not change is not read again', async (t) => {
  const { follower, readings } = await following(t);
  const { text } = follower.signer.jwks(START);
  t.strictSame([await follower.follow(), await follower.follow()], [false, false]);
  t.equal(readings(), 1);
  t.equal(follower.signer.jwks(START).text, text, 'the very same bytes');
});

t.test('a changed ring is followed, once', async (t) => {
  const { store, follower, readings } = await following(t);
  const [first, standby] = await somePairs();
  const added = await rotatedAt(store, START);
  t.equal(kidsIn(follower.signer.jwks(START)).length, 2, 'not before it looked');
  t.equal(await follower.follow(), true);
  t.strictSame(kidsIn(follower.signer.jwks(START)), [first.key.kid, standby.key.kid, added]);
  t.equal(await signingKid(follower.signer, EARLIEST_USE), standby.key.kid);
  t.strictSame(follower.loaded().ring, await store.read());
  t.equal(await follower.follow(), false);
  t.equal(readings(), 2);
});

t.test('a ring that changes right after it was read is read again at the next look', async (t) => {
  let racer: KeyRing | null = null;
  const { store, follower } = await following(t, (keys) => ({
    async load(now) {
      const loaded = await keys.store.load(now);
      const next = racer;
      racer = null;
      if (next !== null) await replaceRing(keys, () => next);
      return loaded;
    },
  }));
  racer = await aRotatingRing();
  await rotatedAt(store, START);
  t.equal(await follower.follow(), true);
  t.equal(kidsIn(follower.signer.jwks(START)).length, 3, 'as it was when it was read');
  t.equal(await follower.follow(), true);
  t.equal(kidsIn(follower.signer.jwks(START)).length, 2, 'as it is');
});

t.test('a ring that turns bad leaves the last good one, and is a fault each time until it is good', async (t) => {
  const keys = await following(t);
  const { folder, follower } = keys;
  const [first] = await somePairs();
  const ringPath = join(folder, 'ring.json');
  const pemPath = join(folder, `${first.key.kid}.pem`);
  const [good, pem] = [readFileSync(ringPath), readFileSync(pemPath)];
  const spoils: readonly (() => void)[] = [
    () => writeFileSync(ringPath, good.subarray(0, 300)),
    () => writeFileSync(ringPath, ''),
    () => void spoil(keys),
    () => chmodSync(folder, 0o750),
    () => rmSync(pemPath),
    () => rmSync(ringPath),
    () => rmSync(folder, { recursive: true }),
  ];
  for (const [i, spoilOne] of spoils.entries()) {
    spoilOne();
    for (const look of ['the first look', 'the second look']) {
      await t.rejects(follower.follow(), `${i}: ${look}`);
      t.equal(follower.lastSeen().isFaulty, true, `${i}: ${look}`);
    }
    t.equal(follower.signer.isReady(START), true);
    t.equal(await signingKid(follower.signer, START), first.key.kid);
    t.equal(kidsIn(follower.signer.jwks(START)).length, 2);
    if (i === spoils.length - 1) break;
    writeFileSync(ringPath, good);
    chmodSync(ringPath, 0o600);
    chmodSync(folder, 0o700);
    writeFileSync(pemPath, pem, { mode: 0o600 });
    await follower.follow();
    t.equal(follower.lastSeen().isFaulty, false, `${i}: the good one is back`);
  }
});

t.test('a bad ring does not open', async (t) => {
  const { folder, store } = await aKeyFolder(t);
  chmodSync(folder, 0o755);
  await t.rejects(
    openFollower(
      store,
      () => START,
      () => 0,
    ),
    KeyRingFault,
  );
});

t.test('a ring that cannot be read is signed by for the longest token, the skew and a poll, to the ms', async (t) => {
  const { steady, follower, ...keys } = await following(t);
  const [first] = await somePairs();
  const token = await follower.signer.sign({ sub: 'ada' }, START);
  const mend = spoil(keys);
  steady.ms += BLIND_MS;
  await t.rejects(follower.follow(), KeyRingFault);
  t.equal(follower.signer.isReady(START), true);
  t.equal(await signingKid(follower.signer, START), first.key.kid);
  steady.ms += 1;
  t.equal(follower.signer.isReady(START), false);
  const message = `${keys.folder}: the ring could not be read for too long to sign by it`;
  await t.rejects(follower.signer.sign({}, START), { name: 'KeyRingFault', message });
  t.equal(kidsIn(follower.signer.jwks(START)).length, 2, 'tokens that are out need the JWKS');
  t.strictSame(await follower.signer.verify(token, START), { sub: 'ada' });
  mend();
  t.equal(follower.signer.isReady(START), false, 'not before it is seen');
  await follower.follow();
  t.equal(follower.signer.isReady(START), true);
  t.equal(await signingKid(follower.signer, START), first.key.kid);
});

t.test(
  'each good look begins that time anew, also one that finds no change; a clock that is set does not',
  async (t) => {
    const { steady, clock, follower, ...keys } = await following(t);
    steady.ms += BLIND_MS;
    await follower.follow();
    t.strictSame(follower.lastSeen(), { secondsAgo: 0, isFaulty: false });
    spoil(keys);
    clock.now += 100 * BLIND_MS;
    steady.ms += BLIND_MS;
    await t.rejects(follower.follow(), KeyRingFault);
    t.strictSame(follower.lastSeen(), { secondsAgo: BLIND_MS / 1000, isFaulty: true });
    t.equal(follower.signer.isReady(clock.now), true);
    steady.ms += 1;
    t.equal(follower.signer.isReady(clock.now), false);
  },
);

t.test('how long it goes on is what the ring in force says', async (t) => {
  const { steady, follower, ...keys } = await following(t);
  const shorter = { ...TIMING, accessTokenMaxTtlSeconds: 600, clockSkewSeconds: 10 };
  await replaceRing(keys, (ring) => withTiming(ring, shorter, START + 1));
  await follower.follow();
  steady.ms += (600 + 10 + 5) * 1000;
  t.equal(follower.signer.isReady(START), true);
  steady.ms += 1;
  t.equal(follower.signer.isReady(START), false);
});

t.test('a look that is under way is no fault', async (t) => {
  const { follower } = await following(t);
  const look = follower.follow();
  t.equal(follower.lastSeen().isFaulty, false);
  await look;
  t.equal(follower.lastSeen().isFaulty, false);
});

t.test('a fault stays one while the next look is under way', async (t) => {
  const { follower, ...keys } = await following(t);
  const mend = spoil(keys);
  await t.rejects(follower.follow(), KeyRingFault);
  mend();
  const look = follower.follow();
  t.equal(follower.lastSeen().isFaulty, true);
  await look;
  t.equal(follower.lastSeen().isFaulty, false);
});

t.test('a ring is as old as the beginning of the look at it: another may have changed it since', async (t) => {
  const clocks: { steady?: { ms: number } } = {};
  const { steady, follower } = await following(t, ({ store }) => ({
    async fingerprint() {
      const found = await store.fingerprint();
      if (clocks.steady !== undefined) clocks.steady.ms += 4_000;
      return found;
    },
  }));
  clocks.steady = steady;
  await follower.follow();
  t.equal(follower.lastSeen().secondsAgo, 4);
});

t.test('a key that was revoked is out also for a server that cannot read the new private half', async (t) => {
  const { folder, store } = await aKeyFolder(t);
  const follower = await openFollower(
    store,
    () => START,
    () => 0,
  );
  const [first, standby] = await somePairs();
  const plan = await revokeKey(store, first.key.kid, () => START);
  if ('refused' in plan) throw new Error(plan.refused);
  const [added] = plan.publishes;
  rmSync(join(folder, `${added?.kid}.pem`));
  await t.rejects(follower.follow(), KeyRingFault);
  t.match(follower.lastSeen(), { isFaulty: true });
  t.notMatch(follower.signer.jwks(START).text, first.key.kid, 'out of the JWKS');
  t.equal(decodeProtectedHeader(await follower.signer.sign({}, START)).kid, standby.key.kid, 'the standby signs');
});
