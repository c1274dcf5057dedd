import { revokeKey } from '../../src/keys/changes.js';
import { bitsOf, makeKeyPair } from '../../src/keys/rsa.js';
import { firstRing } from '../../src/oauth/key-ring.js';
import { activeKey, viewRing } from '../../src/oauth/key-states.js';
import { START } from '../helper.js';
import { rejectionOf } from '../store/support.js';
import { everywhere, filled, isQuick } from './store-media.js';
import { aRotatingRing, EARLIEST_REMOVAL, somePairs, TIMING } from './support.js';

const [first, standby] = await somePairs();
const at = (now: number) => () => now;

everywhere('a revoked active key is out with its private half, and the standby signs', async (t, place) => {
  const store = await filled(place);
  const plan = await revokeKey(store, first.key.kid, at(START + 1000));
  if ('refused' in plan) throw new Error(plan.refused);
  t.equal(plan.signs.kid, standby.key.kid);
  t.equal(plan.publishes.length, 1, 'a new standby');
  const loaded = await store.load(START + 1000);
  t.strictSame(loaded.ring, plan.ring, 'the plan is what was written');
  t.equal(activeKey(loaded.ring, START + 1000)?.kid, standby.key.kid);
  const states = viewRing(loaded.ring, START + 1000).map(({ state }) => state);
  t.strictSame(states, ['revoked', 'active', 'published']);
  const fresh = plan.publishes.map(({ kid }) => kid);
  t.strictSame(Object.keys(await place.keyTexts()).sort(), [standby.key.kid, ...fresh].sort());
  t.strictSame(loaded.undestroyed, []);
  t.equal(loaded.privateKeys.size, 2);
});

everywhere(
  'a revocation that is refused changes nothing and adds no key',
  async (t, place) => {
    const store = await filled(place, await aRotatingRing());
    const before = await place.everything();
    t.strictSame(await revokeKey(store, 'unknown', at(START)), { refused: 'unknown_key' });
    const removed = await revokeKey(store, first.key.kid, at(EARLIEST_REMOVAL));
    t.strictSame(removed, { refused: 'already_removed', at: EARLIEST_REMOVAL });
    t.equal(await place.everything(), before);
    await revokeKey(store, standby.key.kid, at(START));
    const revoked = await place.everything();
    const again = await revokeKey(store, standby.key.kid, at(START + 1));
    t.strictSame(again, { refused: 'already_revoked', at: START });
    t.equal(await place.everything(), revoked);
  },
  isQuick,
);

everywhere(
  'of revocations of one key at once, one is carried out',
  async (t, place) => {
    await filled(place);
    const plans = await Promise.all([1, 2, 3].map(() => revokeKey(place.open(), first.key.kid, at(START + 1000))));
    t.equal(plans.filter((plan) => 'refused' in plan && plan.refused === 'already_revoked').length, 2);
    const { keys } = await place.open().read();
    t.equal(keys.length, 3);
    t.equal(Object.keys(await place.keyTexts()).length, 2, 'the others left no key behind');
  },
  isQuick,
);

everywhere(
  'the size of the newest key is kept when a revocation publishes one',
  async (t, place) => {
    const large = await makeKeyPair(3072);
    const store = place.open();
    await store.create(firstRing(first.key, large.key, TIMING, START), [first, large]);
    const plan = await revokeKey(store, first.key.kid, at(START + 1000));
    if ('refused' in plan) throw new Error(plan.refused);
    t.strictSame(
      plan.publishes.map(({ jwk }) => bitsOf(jwk)),
      [3072],
    );
  },
  isQuick,
);

everywhere('a command with another secret than the servers is refused, and nothing is revoked', async (t, place) => {
  if (place.secret === null) return;
  const store = await filled(place);
  const before = await place.everything();
  const wrong = place.open({ secret: 'another secret' });
  const error = await rejectionOf(revokeKey(wrong, first.key.kid, () => START));
  t.match(error.message, /it cannot be decrypted: .*KEYS_(PASSPHRASE|ENCRYPTION_KEY)/);
  t.equal(await place.everything(), before);
  t.notOk('refused' in (await revokeKey(store, first.key.kid, () => START)), 'with the right one it is');
});
