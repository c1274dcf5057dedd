import t from 'tap';
import { type KeyRing, withTiming } from '../../src/oauth/key-ring.js';
import { START } from '../helper.js';
import { aKeeper, eventsOf, kidsIn, revokedAt, signingKid } from './keeper-support.js';
import {
  aKeyFolder,
  aRing,
  aRotatingRing,
  EARLIEST_REMOVAL,
  EARLIEST_USE,
  type KeyFolder,
  somePairs,
  TIMING,
} from './support.js';

const INTERVAL_SECONDS = 30 * 86_400;

async function replaceRing({ store }: KeyFolder, ring: KeyRing): Promise<void> {
  await store.change(() => ({ ring, added: [], value: true }));
}

t.test('a ring with another timing than this server was started with is followed, and said', async (t) => {
  const keys = await aKeyFolder(t);
  const other = { ...TIMING, jwksMaxAgeSeconds: 30, accessTokenMaxTtlSeconds: 120 };
  const { keeper, tick } = await aKeeper(keys.store);
  t.strictSame([keeper.jwksMaxAgeSeconds(), keeper.longestTtlSeconds()], [300, 3600]);
  await replaceRing(keys, withTiming(await aRing(), other, START));
  t.strictSame((await tick()).at(-1), ['timingDiffers', { ...other, since: START }]);
  t.strictSame([keeper.jwksMaxAgeSeconds(), keeper.longestTtlSeconds()], [30, 120]);
  t.strictSame(await tick(), [], 'once');
  await replaceRing(keys, withTiming(await keys.store.read(), TIMING, START + 1));
  t.strictSame(eventsOf(await tick()), ['ringReloaded'], 'not when it is the same again');
});

t.test('a revoked key is out as soon as the server looked', async (t) => {
  const { store } = await aKeyFolder(t);
  const [first, standby] = await somePairs();
  const { keeper, tick } = await aKeeper(store);
  const token = await keeper.sign({ sub: 'eve' }, START);
  const signs = await revokedAt(store, first.key.kid, START);
  await tick();
  t.equal(signs, standby.key.kid);
  t.equal(await signingKid(keeper, START), signs);
  t.notOk(kidsIn(keeper.jwks(START)).includes(first.key.kid));
  t.equal(await keeper.verify(token, START), null);
});

t.test('the status is that of the ring and the moment', async (t) => {
  const { store } = await aKeyFolder(t, await aRotatingRing());
  const [first, standby] = await somePairs();
  const { keeper, steady } = await aKeeper(store, { rotationIntervalSeconds: INTERVAL_SECONDS });
  const counted = { published: 0, active: 0, retiring: 0, removed: 0, revoked: 0 };
  const common = { seenSecondsAgo: 0, isFaulty: false };
  t.strictSame(keeper.status(START), {
    ...common,
    kid: first.key.kid,
    activeSince: START,
    nextRotationAt: EARLIEST_USE,
    states: { ...counted, active: 1, published: 1 },
  });
  const later = { kid: standby.key.kid, activeSince: EARLIEST_USE };
  const nextRotationAt = EARLIEST_USE + INTERVAL_SECONDS * 1000;
  const states = { ...counted, active: 1, retiring: 1 };
  t.strictSame(keeper.status(EARLIEST_USE), { ...common, ...later, nextRotationAt, states });
  steady.ms += 1500;
  t.match(keeper.status(EARLIEST_REMOVAL), { seenSecondsAgo: 1.5, states: { active: 1, removed: 1, retiring: 0 } });
});
