import t from 'tap';
import { firstRing, type KeyRing, type RingKey, type RingTiming, withTiming } from '../../src/oauth/key-ring.js';
import { planRotation, type RotationPlan } from '../../src/oauth/key-rotation.js';
import { viewRing } from '../../src/oauth/key-states.js';

const T = Date.UTC(2026, 0, 1);
const s = (seconds: number) => T + seconds * 1000;

/** A key waits 300 + 600 + 60 + 5 = 965 s, and stays 3600 + 60 + 5 = 3665 s. */
const TIMING: RingTiming = {
  jwksMaxAgeSeconds: 300,
  verifierCacheSeconds: 600,
  accessTokenMaxTtlSeconds: 3600,
  clockSkewSeconds: 60,
};

const named = (kid: string) => ({ kid, jwk: { kty: 'RSA', n: `n-${kid}`, e: 'AQAB' } }) as const;
const FIRST = firstRing(named('a'), named('b'), TIMING, T);

/** A rotation that must be possible. */
function planned(ring: KeyRing, kid: string, now: number): RotationPlan {
  const plan = planRotation(ring, named(kid), now);
  if ('refused' in plan) throw new Error(`refused: ${plan.refused}`);
  return plan;
}

t.test('a rotation lets the standby sign from the earliest safe time and publishes a new standby', async (t) => {
  const plan = planned(FIRST, 'c', s(100));
  t.match(plan.activates, { kid: 'b', state: 'published', publishedAt: T, activatesAt: s(965), deactivatesAt: null });
  t.match(plan.retires, { kid: 'a', state: 'active', deactivatesAt: s(965), removesAt: s(965 + 3665) });
  t.match(plan.publishes, { kid: 'c', state: 'published', publishedAt: s(100), activatesAt: null, revokedAt: null });
  t.strictSame(
    plan.ring.keys.map(({ kid }) => kid),
    ['a', 'b', 'c'],
  );
  t.strictSame(plan.ring.timings, FIRST.timings);
});

t.test('a plan changes nothing by itself', async (t) => {
  const before = structuredClone(FIRST);
  planned(FIRST, 'c', s(100));
  t.strictSame(FIRST, before);
});

t.test('a standby that was published long enough ago signs at once', async (t) => {
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

t.test('a ring without a standby, or in which no key signs, cannot be rotated', async (t) => {
  const [a, b] = FIRST.keys;
  const ringOf = (...keys: (RingKey | undefined)[]): KeyRing => ({
    keys: keys.filter((key) => key !== undefined),
    timings: FIRST.timings,
  });
  t.strictSame(planRotation(ringOf(a), named('c'), s(0)), { refused: 'no_standby' });
  const revoked = b && { ...b, revokedAt: s(1) };
  t.strictSame(planRotation(ringOf(a, revoked), named('c'), s(2)), { refused: 'no_standby' });
  t.strictSame(planRotation(ringOf(b), named('c'), s(0)), { refused: 'no_active_key' });
  t.strictSame(planRotation(ringOf(), named('c'), s(0)), { refused: 'no_active_key' });
  const now = T - 60_001;
  t.strictSame(planRotation(FIRST, named('c'), now), { refused: 'clock_behind', changedAt: T, now });
});

t.test('a rotation at the very moment of the last one does not let two keys sign', async (t) => {
  // Both standbys are published at one moment, so both may sign from one moment on.
  const first = planned(FIRST, 'c', s(965));
  const second = planned(first.ring, 'd', s(965));
  const third = planned(second.ring, 'e', s(965 + 965));
  for (const now of [s(1930), s(1931), s(100_000)]) {
    const active = viewRing(third.ring, now).filter(({ state }) => state === 'active');
    t.equal(active.length, 1, `exactly one signs ${(now - T) / 1000} s after the beginning`);
  }
});

t.test('a timing that is in force already changes nothing', async (t) => {
  t.equal(withTiming(FIRST, { ...TIMING }, s(10)), FIRST);
});

const CHANGES: readonly Partial<RingTiming>[] = [
  { jwksMaxAgeSeconds: 301 },
  { verifierCacheSeconds: 601 },
  { accessTokenMaxTtlSeconds: 3601 },
  { clockSkewSeconds: 61 },
];

t.test('a change of any duration is kept beside those before it', async (t) => {
  for (const change of CHANGES) {
    const timing = { ...TIMING, ...change };
    const ring = withTiming(FIRST, timing, s(10));
    t.strictSame(ring.timings, [...FIRST.timings, { ...timing, since: s(10) }]);
    t.equal(ring.keys, FIRST.keys);
    t.equal(withTiming(ring, timing, s(20)), ring);
    t.equal(withTiming(ring, TIMING, s(20)).timings.length, 3, 'and so is the way back');
  }
});

t.test('times of timings never run backwards, though a clock may', async (t) => {
  const ring = withTiming(FIRST, { ...TIMING, clockSkewSeconds: 1 }, s(-100));
  t.strictSame(
    ring.timings.map(({ since }) => since),
    [T, T],
  );
});

t.test('a ring without any timing gets its first one', async (t) => {
  t.strictSame(withTiming({ keys: [], timings: [] }, TIMING, s(7)).timings, [{ ...TIMING, since: s(7) }]);
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
