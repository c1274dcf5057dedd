import t from 'tap';
import { planRevocation, type RevocationPlan } from '../../src/oauth/key-removal.js';
import { firstRing, type KeyRing } from '../../src/oauth/key-ring.js';
import { activeKey, publishedKeys } from '../../src/oauth/key-states.js';
import {
  carriedOut,
  FRESH,
  glance,
  key,
  kidsOf,
  named,
  ringOf,
  s,
  signing,
  statesOf,
  T,
  TIMING,
} from './key-support.js';

const FIRST = firstRing(named('a'), named('b'), TIMING, T);

/** o retired, a signs, b is scheduled, c stands by, x is another issuer's. */
const FULL = ringOf(
  signing('o', s(-5000)),
  signing('a', s(0)),
  signing('b', s(1000)),
  key('c', { publishedAt: s(50) }),
  key('x', { importedUntil: s(4000) }),
);

/** A revocation that must be possible. */
function revoked(ring: KeyRing, kid: string, now: number): RevocationPlan {
  return carriedOut(planRevocation(ring, kid, FRESH, now));
}

t.test('when the active key is revoked the standby signs from that moment, and a new one stands by', async (t) => {
  const plan = revoked(FIRST, 'a', s(100));
  t.match(plan.revoked, { kid: 'a', state: 'revoked', revokedAt: s(100), destroyedAt: s(100) });
  t.match(plan.signs, { kid: 'b', state: 'active', activatesAt: s(100) });
  t.strictSame(kidsOf(plan.publishes), ['f1']);
  t.match(plan.publishes, [{ state: 'published', publishedAt: s(100), activatesAt: null }]);
  t.equal(plan.acceptedUntil, s(1065), 'who holds a JWKS from before goes on accepting the revoked key');
  t.equal(plan.surprisesUntil, s(965), 'and who holds one from before the standby does not know that');
  t.equal(glance(plan.ring, s(100)), 'a:revoked b:active f1:published');
  t.equal(glance(plan.ring, s(-1e6)), 'a:revoked b:active f1:published', 'by every clock');
  t.strictSame(plan.ring.timings, FIRST.timings);
});

t.test('nobody is surprised by a standby that was published long enough ago', async (t) => {
  t.equal(revoked(FIRST, 'a', s(965) - 1).surprisesUntil, s(965));
  t.equal(revoked(FIRST, 'a', s(965)).surprisesUntil, null);
});

t.test('when the active key is revoked while another is scheduled, that one signs at once', async (t) => {
  const plan = revoked(FULL, 'a', s(100));
  t.match(plan.signs, { kid: 'b', activatesAt: s(100) });
  t.strictSame(plan.publishes, [], 'the unscheduled one still stands by');
  t.equal(glance(plan.ring, s(100)), 'o:retiring a:revoked b:active c:published x:retiring');
  t.equal(plan.ring.keys[0]?.destroyedAt, s(100), 'what had nothing left to do is destroyed along with it');
});

t.test('when the active key is revoked and none stands by, a new one signs and another stands by', async (t) => {
  const plan = revoked(ringOf(signing('a', T)), 'a', s(100));
  t.equal(glance(plan.ring, s(100)), 'a:revoked f1:active f2:published');
  t.strictSame(kidsOf(plan.publishes), ['f1', 'f2']);
  t.match(plan.signs, { kid: 'f1', publishedAt: s(100), activatesAt: s(100) });
  t.equal(plan.surprisesUntil, s(1065), 'which no verifier knows yet');
  const only = revoked(ringOf(signing('a', T), signing('b', s(1000))), 'a', s(100));
  t.equal(glance(only.ring, s(100)), 'a:revoked b:active f1:published', 'a scheduled one is enough');
});

t.test('of two keys with one moment neither would end the other, so the next begins later', async (t) => {
  const plan = revoked(ringOf(signing('a', s(100)), key('b')), 'a', s(100));
  t.equal(plan.signs.activatesAt, s(100) + 1);
  t.equal(activeKey(plan.ring, s(100))?.kid, 'b', 'it signs all the same');
  const behind = revoked(ringOf(signing('a', s(100)), key('b')), 'a', s(50));
  t.equal(behind.signs.activatesAt, s(100) + 1, 'nor earlier, where a clock is behind');
  t.equal(glance(behind.ring, s(50)), 'a:revoked b:active f1:published');
});

t.test('a key that does not sign is taken out, and the one that does goes on', async (t) => {
  const rows: readonly [string, string, string][] = [
    ['b', 'a scheduled one', 'o:retiring a:active b:revoked c:published x:retiring'],
    ['c', 'a standby', 'o:retiring a:active b:published c:revoked x:retiring f1:published'],
    ['o', 'a retiring one', 'o:revoked a:active b:published c:published x:retiring'],
    ['x', 'an imported one', 'o:retiring a:active b:published c:published x:revoked'],
  ];
  for (const [kid, what, after] of rows) {
    const plan = revoked(FULL, kid, s(500));
    t.equal(glance(plan.ring, s(500)), after, what);
    t.match(plan.revoked, { kid, state: 'revoked', revokedAt: s(500), destroyedAt: s(500) }, what);
    t.match(plan.signs, { kid: 'a', activatesAt: s(0) }, what);
    t.equal(plan.surprisesUntil, null, what);
    t.equal(plan.acceptedUntil, s(1465), what);
    t.strictSame(kidsOf(plan.publishes), kid === 'c' ? ['f1'] : [], what);
  }
});

t.test('the only standby is replaced when it is revoked', async (t) => {
  const plan = revoked(FIRST, 'b', s(100));
  t.equal(glance(plan.ring, s(100)), 'a:active b:revoked f1:published');
  t.equal(plan.ring.keys[0]?.destroyedAt, null, 'and the private half of the active key stays');
});

t.test('a revoked key stays out at every later moment, and no key before it comes back', async (t) => {
  for (const kid of ['o', 'a', 'b', 'c', 'x']) {
    const { ring } = revoked(FULL, kid, s(500));
    for (const now of [s(-1e6), s(499), s(500), s(1000), s(4665), s(1e6)]) {
      t.notOk(kidsOf(publishedKeys(ring, now)).includes(kid), `${kid} at ${now}`);
      t.equal(statesOf(ring, now).filter((state) => state === 'active').length, 1);
    }
  }
  const scheduled = revoked(FULL, 'b', s(500)).ring;
  t.equal(activeKey(scheduled, s(2000))?.kid, 'a', 'and one that never signed ends no other');
});

t.test('a retired key stays out though its successor is revoked by a clock that is behind', async (t) => {
  const ring = ringOf(
    signing('a', s(0), { destroyedAt: s(10_000) }),
    signing('b', s(10_000), { destroyedAt: s(20_000) }),
    signing('c', s(20_000)),
    key('d'),
  );
  t.equal(glance(ring, s(21_000)), 'a:removed b:retiring c:active d:published');
  const plan = revoked(ring, 'b', s(9000));
  t.equal(glance(plan.ring, s(21_000)), 'a:removed b:revoked c:active d:published');
});

t.test('a revocation that is pointless is refused', async (t) => {
  const ring = ringOf(
    signing('a', T),
    signing('b', s(100)),
    key('c'),
    key('r', { revokedAt: s(7) }),
    key('x', { importedUntil: s(8) }),
  );
  const refused = (kid: string, now: number) => planRevocation(ring, kid, FRESH, now);
  t.strictSame(refused('z', s(9)), { refused: 'unknown_key' });
  t.strictSame(refused('r', s(9)), { refused: 'already_revoked', at: s(7) });
  t.strictSame(refused('x', s(8)), { refused: 'already_removed', at: s(8) });
  t.notOk('refused' in refused('x', s(8) - 1), 'but not while the key is in the JWKS');
  t.strictSame(refused('a', s(3765)), { refused: 'already_removed', at: s(3765) });
  t.notOk('refused' in refused('a', s(3765) - 1));
});

t.test('a plan changes nothing by itself', async (t) => {
  const [before, fresh] = [structuredClone(FIRST), structuredClone(FRESH)];
  revoked(FIRST, 'a', s(100));
  t.strictSame(FIRST, before);
  t.strictSame(FRESH, fresh);
});
