import t from 'tap';
import { planRevocation } from '../../src/oauth/key-removal.js';
import { firstRing, type KeyRing, withTiming } from '../../src/oauth/key-ring.js';
import {
  isRotationDue,
  isUnscheduled,
  nextRotation,
  planRotation,
  type RotationPlan,
  standbys,
  viewOf,
} from '../../src/oauth/key-rotation.js';
import { carriedOut, FRESH, glance, key, kidsOf, named, ringOf, s, signing, T, TIMING } from './key-support.js';

const FIRST = firstRing(named('a'), named('b'), TIMING, T);

/** A rotation that must be possible. */
function planned(ring: KeyRing, kid: string, now: number): RotationPlan {
  return carriedOut(planRotation(ring, named(kid), now));
}

t.test('a rotation lets the standby sign from the earliest safe time and publishes a new standby', async (t) => {
  const plan = planned(FIRST, 'c', s(100));
  t.match(plan.activates, { kid: 'b', state: 'published', publishedAt: T, activatesAt: s(965), deactivatesAt: null });
  t.match(plan.retires, { kid: 'a', state: 'active', deactivatesAt: s(965), removesAt: s(965 + 3665) });
  t.match(plan.publishes, { kid: 'c', state: 'published', publishedAt: s(100), activatesAt: null, revokedAt: null });
  t.equal(plan.surprisesUntil, null, 'and takes nobody by surprise');
  t.strictSame(plan.ring.keys, [FIRST.keys[0], signing('b', s(965)), key('c', { publishedAt: s(100) })]);
  t.strictSame(plan.ring.timings, FIRST.timings);
});

t.test('where another key stands by already no further one is published', async (t) => {
  const plan = planned(ringOf(signing('a', T), key('b'), key('c')), 'd', s(100));
  t.equal(plan.publishes, null);
  t.equal(glance(plan.ring, s(965)), 'a:retiring b:active c:published');
});

t.test('a plan changes nothing by itself', async (t) => {
  const before = structuredClone(FIRST);
  planned(FIRST, 'c', s(100));
  carriedOut(planRotation(FIRST, named('c'), s(-100), true));
  t.strictSame(FIRST, before);
});

t.test('a standby that was published long enough ago signs at once', async (t) => {
  t.equal(planned(FIRST, 'c', s(964)).activates.activatesAt, s(965));
  t.equal(planned(FIRST, 'c', s(965)).activates.activatesAt, s(965));
  t.equal(planned(FIRST, 'c', s(100_000)).activates.activatesAt, s(100_000));
  const plan = planned(FIRST, 'c', s(100_000));
  t.equal(plan.activates.state, 'active');
  t.equal(plan.retires.state, 'retiring');
});

t.test('a key signs from a whole second on, so that the time people are shown is the one that holds', async (t) => {
  t.equal(planned(FIRST, 'c', s(100_000) + 1).activates.activatesAt, s(100_001));
  const early = firstRing(named('a'), named('b'), TIMING, T + 1);
  t.equal(planned(early, 'c', s(100)).activates.activatesAt, s(966), 'never rounded down');
});

t.test('while a rotation is scheduled another is refused with the time from which it is allowed', async (t) => {
  const { ring } = planned(FIRST, 'c', s(100));
  const refused = { refused: 'already_scheduled', kid: 'b', allowedFrom: s(965) };
  for (const now of [s(100), s(500), s(965) - 1]) t.strictSame(planRotation(ring, named('d'), now), refused);
  t.notOk('refused' in planRotation(ring, named('d'), s(965)), 'from that time on it is allowed');
  t.strictSame(planRotation(ring, named('d'), s(50)), refused, 'a clock that is behind');
});

t.test('a ring without a standby, or in which no key signs, cannot be rotated, by force neither', async (t) => {
  const a = signing('a', T);
  const rings: readonly [KeyRing, string][] = [
    [ringOf(a), 'no_standby'],
    [ringOf(a, key('b', { revokedAt: s(1) })), 'no_standby'],
    [ringOf(a, key('x', { importedUntil: s(9) })), 'no_standby'],
    [ringOf(key('b')), 'no_active_key'],
    [ringOf(signing('a', T, { revokedAt: s(1) }), key('b')), 'no_active_key'],
    [ringOf(signing('a', T, { destroyedAt: s(1) }), key('b')), 'no_active_key'],
    [ringOf(), 'no_active_key'],
  ];
  for (const [ring, refused] of rings) {
    for (const forced of [false, true]) t.strictSame(planRotation(ring, named('c'), s(2), forced), { refused });
  }
});

t.test('a rotation at the very moment of the last one does not let two keys sign', async (t) => {
  // Both standbys are published at one moment, so both may sign from one moment on.
  const first = planned(FIRST, 'c', s(965));
  const second = planned(first.ring, 'd', s(965));
  const third = planned(second.ring, 'e', s(965 + 965));
  for (const now of [s(965), s(1930), s(1931), s(100_000)]) {
    t.equal(glance(third.ring, now).split('active').length, 2, `exactly one signs, ${(now - T) / 1000} s later`);
  }
  const ring = ringOf(signing('a', s(1000)), key('b'));
  t.equal(planned(ring, 'c', s(1000)).activates.activatesAt, s(1001), 'the next one signs a second later');
});

t.test('a key never signs from the same moment as one that was revoked before its turn', async (t) => {
  // Both standbys were published in one second. A ring in which two keys have one moment is not read any more.
  const first = firstRing(named('a'), named('b'), TIMING, T + 100);
  const scheduled = planned(first, 'c', T + 400).ring;
  const { ring } = carriedOut(planRevocation(scheduled, 'b', FRESH, T + 700));
  const soon = planned(ring, 'd', T + 900).ring;
  const byForce = carriedOut(planRotation(FIRST, named('c'), s(2000) + 200, true)).ring;
  const again = carriedOut(planRevocation(byForce, 'b', FRESH, s(2000) + 500)).ring;
  const forced = carriedOut(planRotation(again, named('d'), s(2000) + 700, true)).ring;
  for (const { keys } of [soon, forced]) {
    const starts = keys.flatMap(({ activatesAt }) => (activatesAt === null ? [] : [activatesAt]));
    t.equal(new Set(starts).size, starts.length, `${starts}`);
  }
});

t.test('a changed JWKS_MAX_AGE counts from the larger of old and new until the old one has run out', async (t) => {
  const day = { ...TIMING, jwksMaxAgeSeconds: 86_400 };
  const hour = { ...TIMING, jwksMaxAgeSeconds: 3600 };
  const activation = (ring: KeyRing, now: number) => planned(ring, 'c', now).activates.activatesAt;
  t.equal(activation(withTiming(FIRST, day, s(10)), s(20)), s(86_400 + 665), 'longer: the new one');
  const start = firstRing(named('a'), named('b'), day, T);
  t.equal(activation(withTiming(start, hour, s(10)), s(20)), s(86_400 + 665), 'shorter: the old one');
  // c is published after the change; who fetched just before the change does not know c for a day from then on.
  const changed = planned(withTiming(start, hour, s(100_000)), 'c', s(101_000)).ring;
  const soon = planned(changed, 'd', s(101_000)).activates;
  t.equal(soon.activatesAt, s(101_000 + 86_400 + 665), 'an answer from before the change may still be cached');
  const later = planned(withTiming(start, hour, s(100_000)), 'c', s(500_000)).ring;
  t.equal(planned(later, 'd', s(500_000)).activates.activatesAt, s(500_000 + 3600 + 665), 'and then no longer');
});

t.test('those that stand by are listed with the next signer first', async (t) => {
  const ring = ringOf(key('d'), signing('c', s(30)), signing('a', T), signing('b', s(20)), key('e'));
  t.strictSame(kidsOf(standbys(ring, s(1))), ['b', 'c', 'd', 'e']);
  t.strictSame(kidsOf(standbys(ring, s(20))), ['c', 'd', 'e']);
  t.strictSame(standbys(ring, s(1)).map(isUnscheduled), [false, false, true, true]);
});

t.test('one key of the ring is looked up by its kid', async (t) => {
  t.match(viewOf(FIRST, 'b', s(0)), { kid: 'b', state: 'published' });
  t.throws(() => viewOf(FIRST, 'z', s(0)), { message: 'there is no key z in the ring' });
});

t.test('the next rotation is the scheduled one, or the one that will be due', async (t) => {
  const { ring } = planned(FIRST, 'c', s(100));
  t.equal(nextRotation(FIRST, 1000, s(1)), s(1000));
  t.equal(nextRotation(FIRST, 1000, s(5000)), s(1000), 'also when it is overdue');
  t.equal(nextRotation(FIRST, null, s(1)), null, 'none comes by itself');
  t.equal(nextRotation(ring, 1000, s(200)), s(965));
  t.equal(nextRotation(ring, null, s(200)), s(965), 'unless somebody asked for it');
  t.equal(nextRotation(ring, 1000, s(965)), s(1965));
  t.equal(nextRotation(ringOf(key('b')), 1000, s(1)), null, 'none in a ring in which no key signs');
});

t.test('a rotation is due when the key has signed for long enough and none is scheduled', async (t) => {
  const { ring } = planned(FIRST, 'c', s(100));
  t.notOk(isRotationDue(FIRST, 1000, s(1000) - 1));
  t.ok(isRotationDue(FIRST, 1000, s(1000)));
  t.ok(isRotationDue(FIRST, 1000, s(1e6)));
  t.notOk(isRotationDue(FIRST, null, s(1e6)), 'never when it is off');
  t.notOk(isRotationDue(ring, 10, s(965) - 1), 'not while one is scheduled');
  t.notOk(isRotationDue(ring, 1000, s(1965) - 1), 'counted from the activation');
  t.ok(isRotationDue(ring, 1000, s(1965)));
  t.notOk(isRotationDue(ringOf(key('b')), 1000, s(1e6)), 'not in a ring in which no key signs');
});
