import { KeyRingFault } from '../../src/keys/faults.js';
import { rotateIfDue, rotateKeys } from '../../src/keys/rotate.js';
import { bitsOf, makeKeyPair } from '../../src/keys/rsa.js';
import { firstRing, type KeyRing, publishedKey } from '../../src/oauth/key-ring.js';
import { activeKey, viewRing } from '../../src/oauth/key-states.js';
import { START } from '../helper.js';
import { rejectionOf } from '../store/support.js';
import { everywhere, filled, isQuick } from './store-media.js';
import { aRing, aRotatingRing, EARLIEST_REMOVAL, EARLIEST_USE, somePairs, TIMING } from './support.js';

const [first, standby, third] = await somePairs();
const at = (now: number) => () => now;
const MONTH_SECONDS = 30 * 86_400;
const DUE = START + MONTH_SECONDS * 1000;

everywhere('a rotation writes its plan and the private half of the new standby', async (t, place) => {
  const store = await filled(place);
  const plan = await rotateKeys(store, {}, at(START));
  if ('refused' in plan || plan.publishes === null) throw new Error('refused');
  const loaded = await place.open().load(START);
  t.strictSame(loaded.ring, plan.ring);
  t.strictSame([...loaded.privateKeys.keys()], [first.key.kid, standby.key.kid, plan.publishes.kid]);
  t.equal(plan.activates.activatesAt, EARLIEST_USE);
  const before = await place.everything();
  const refusal = { refused: 'already_scheduled', kid: standby.key.kid, allowedFrom: EARLIEST_USE };
  t.strictSame(await rotateKeys(store, {}, at(START)), refusal, 'not twice in a row');
  t.equal(await place.everything(), before, 'and a refusal leaves no key behind');
});

everywhere('a dry run says what a rotation would do, forced or not, and changes nothing', async (t, place) => {
  const store = await filled(place);
  const [before, fingerprint] = [await place.everything(), await store.fingerprint()];
  t.match(await rotateKeys(store, { dryRun: true }, at(START)), { activates: { activatesAt: EARLIEST_USE } });
  const forced = await rotateKeys(store, { dryRun: true, forced: true, bits: 3072 }, at(START + 1000));
  t.match(forced, { activates: { activatesAt: START + 1000 }, surprisesUntil: EARLIEST_USE });
  if (!('refused' in forced)) t.equal(forced.publishes === null ? 0 : bitsOf(forced.publishes.jwk), 3072);
  t.equal(await place.everything(), before);
  t.equal(await store.fingerprint(), fingerprint);
});

everywhere(
  'by force the standby signs at once, also when its turn was planned',
  async (t, place) => {
    const store = await filled(place, await aRotatingRing());
    const plan = await rotateKeys(store, { forced: true }, at(START + 1000));
    if ('refused' in plan) throw new Error(plan.refused);
    t.equal(plan.surprisesUntil, EARLIEST_USE);
    t.equal(activeKey(await store.read(), START + 1000)?.kid, standby.key.kid);
    t.equal((await store.load(START + 1000)).privateKeys.size, 2, 'the new standby has its private half');
  },
  isQuick,
);

everywhere(
  'the new standby is as large as was asked for, and those after it too',
  async (t, place) => {
    const store = await filled(place);
    const sizes = async () => (await store.read()).keys.map(({ jwk }) => bitsOf(jwk));
    await rotateKeys(store, { bits: 3072 }, at(START));
    t.strictSame(await sizes(), [2048, 2048, 3072]);
    await rotateKeys(store, {}, at(EARLIEST_USE));
    t.strictSame(await sizes(), [2048, 2048, 3072, 3072], 'that of the newest is kept');
    await rotateIfDue(store, 1, at(EARLIEST_USE + 3_600_000));
    t.strictSame((await sizes()).slice(-2), [3072, 3072], 'also by itself');
    await rotateKeys(store, { bits: 2048 }, at(EARLIEST_USE + 7_200_000));
    t.equal((await sizes()).at(-1), 2048, 'until another is asked for');
  },
  isQuick,
);

everywhere(
  'the size of a key of another issuer is nothing to go by',
  async (t, place) => {
    const large = await makeKeyPair(3072);
    const imported = { ...publishedKey({ kid: 'theirs', jwk: large.key.jwk }, START), importedUntil: EARLIEST_USE };
    const ring = await aRing();
    const store = await filled(place, { ...ring, keys: [...ring.keys, imported] });
    const plan = await rotateKeys(store, {}, at(START));
    if ('refused' in plan || plan.publishes === null) throw new Error('refused');
    t.equal(bitsOf(plan.publishes.jwk), 2048);
  },
  isQuick,
);

everywhere(
  'a rotation forgets along with it what is over',
  async (t, place) => {
    const store = await filled(place, await aRotatingRing());
    await store.change((ring: KeyRing) => ({
      ring: { ...ring, keys: [...ring.keys, publishedKey(third.key, START)] },
      added: [third],
      value: 1,
    }));
    const early = await rotateKeys(store, { dryRun: true }, at(EARLIEST_REMOVAL - 1));
    t.equal('refused' in early ? 0 : early.ring.keys.length, 4);
    const plan = await rotateKeys(store, {}, at(EARLIEST_REMOVAL));
    if ('refused' in plan) throw new Error(plan.refused);
    const { keys } = await store.read();
    t.notOk(keys.some(({ kid }) => kid === first.key.kid));
    t.equal(keys.length, 3);
    t.strictSame(plan.ring, await store.read(), 'the plan says so');
    t.strictSame(new Set(Object.keys(await place.keyTexts())), new Set(keys.map(({ kid }) => kid)));
  },
  isQuick,
);

everywhere(
  'a key rotates by itself when it has signed for the interval, not before',
  async (t, place) => {
    const store = await filled(place);
    const before = await place.everything();
    t.equal(await rotateIfDue(store, MONTH_SECONDS, at(DUE - 1)), null);
    t.equal(await rotateIfDue(store, null, at(DUE * 2)), null, 'never when that is off');
    t.equal(await place.everything(), before);
    const plan = await rotateIfDue(store, MONTH_SECONDS, at(DUE));
    if (plan === null || 'refused' in plan) throw new Error('not rotated');
    t.equal(plan.activates.activatesAt, DUE, 'at once: everybody has known the standby for long');
    t.equal(plan.surprisesUntil, null);
    t.strictSame(
      viewRing(await store.read(), DUE).map(({ state }) => state),
      ['retiring', 'active', 'published'],
    );
    t.equal(await rotateIfDue(store, MONTH_SECONDS, at(DUE)), null, 'and once');
  },
  isQuick,
);

everywhere(
  'of several servers at once exactly one rotates',
  async (t, place) => {
    await filled(place);
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => rotateIfDue(place.open(), MONTH_SECONDS, at(DUE))));
    const carriedOut = outcomes.filter((outcome) => outcome !== null && !('refused' in outcome));
    t.equal(carriedOut.length, 1);
    t.strictSame(outcomes.filter((outcome) => outcome === null).length, 3, 'for the others it was not time any more');
    const { keys } = await place.open().read();
    t.equal(keys.length, 3, 'one new key');
    t.equal(Object.keys(await place.keyTexts()).length, 3, 'and one new private half');
  },
  isQuick,
);

everywhere(
  'while the standby is not known to all, a rotation that is due is planned once',
  async (t, place) => {
    const store = await filled(place);
    const plan = await rotateIfDue(store, 1, at(START + 1000));
    t.match(plan, { activates: { activatesAt: EARLIEST_USE } });
    for (const now of [START + 2000, EARLIEST_USE - 1]) t.equal(await rotateIfDue(store, 1, at(now)), null);
    t.equal((await store.read()).keys.length, 3);
  },
  isQuick,
);

everywhere(
  'a rotation that is due on a ring of the future is refused',
  async (t, place) => {
    const later = DUE + 86_400_000;
    const ring = firstRing(first.key, standby.key, TIMING, START);
    const store = await filled(place, {
      ...ring,
      timings: [...ring.timings, { ...TIMING, clockSkewSeconds: 0, since: later }],
    });
    const before = await place.everything();
    const refusal = { refused: 'clock_behind', changedAt: later, now: DUE };
    t.strictSame(await rotateIfDue(store, MONTH_SECONDS, at(DUE)), refusal);
    t.equal(await place.everything(), before);
  },
  isQuick,
);

everywhere(
  'no key is made the next one whose private half cannot be used',
  async (t, place) => {
    const store = await filled(place);
    for (const spoiled of [null, 'garbage']) {
      await place.putKey(standby.key.kid, spoiled);
      const before = await place.everything();
      for (const call of [() => rotateKeys(store, {}, at(START)), () => rotateIfDue(store, MONTH_SECONDS, at(DUE))]) {
        const error = await rejectionOf(call().then(() => 'done'));
        t.type(error, KeyRingFault);
        t.match(error.message, standby.key.kid, 'it names the private half');
      }
      t.equal(await place.everything(), before, 'the last good state survives');
    }
  },
  isQuick,
);
