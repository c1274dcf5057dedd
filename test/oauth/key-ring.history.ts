import fc from 'fast-check';
import { firstRing, type KeyRing, RING_POLL_SECONDS, type RingTiming, withTiming } from '../../src/oauth/key-ring.js';
import { planRotation, type RotationPlan } from '../../src/oauth/key-rotation.js';
import { type KeyView, nextChange, viewRing } from '../../src/oauth/key-states.js';

/** A ring as it was from a moment on, and the plan that made it, if a rotation did. */
export type Snapshot = { readonly at: number; readonly ring: KeyRing; readonly plan: RotationPlan | null };

/** All keys as they were at a moment. */
export type Frame = { readonly now: number; readonly ring: KeyRing; readonly keys: readonly KeyView[] };

/** Time goes on by some milliseconds, or to just before, at or just after the next change of the ring. */
type Wait = { readonly ms: number } | { readonly pastNextChange: -1 | 0 | 1 };
type Step = { readonly wait: Wait; readonly act: 'rotate' | RingTiming };

/** Small durations, so that all limits are met often and changes overlap. */
const timing: fc.Arbitrary<RingTiming> = fc.record({
  jwksMaxAgeSeconds: fc.integer({ min: 0, max: 40 }),
  verifierCacheSeconds: fc.integer({ min: 0, max: 20 }),
  accessTokenMaxTtlSeconds: fc.integer({ min: 1, max: 40 }),
  clockSkewSeconds: fc.integer({ min: 0, max: 5 }),
});

const wait: fc.Arbitrary<Wait> = fc.oneof(
  fc.record({ ms: fc.integer({ min: 0, max: 40_000 }) }),
  fc.record({ ms: fc.integer({ min: 0, max: 40 }).map((seconds) => seconds * 1000) }),
  fc.record({ pastNextChange: fc.constantFrom(-1, 0, 1) }),
);

const step: fc.Arbitrary<Step> = fc.record({
  wait,
  act: fc.oneof({ arbitrary: fc.constant('rotate' as const), weight: 3 }, { arbitrary: timing, weight: 1 }),
});

const named = (kid: string) => ({ kid, jwk: { kty: 'RSA', n: kid, e: 'AQAB' } }) as const;

/** Every ring that follows from random rotations and timing changes at random moments, beginning with the first. */
export const histories: fc.Arbitrary<readonly Snapshot[]> = fc
  .record({ start: fc.integer({ min: 0, max: 2000 }), timing, steps: fc.array(step, { maxLength: 12 }) })
  .map(({ start, timing: first, steps }) => {
    const history: Snapshot[] = [{ at: start, ring: firstRing(named('k0'), named('k1'), first, start), plan: null }];
    for (const [i, { wait: pause, act }] of steps.entries()) {
      const last = history.at(-1);
      if (last !== undefined) history.push(follow(last, pause, act, `k${i + 2}`));
    }
    return history;
  });

function follow({ at, ring }: Snapshot, pause: Wait, act: Step['act'], kid: string): Snapshot {
  const now = 'ms' in pause ? at + pause.ms : Math.max(at, (nextChange(ring, at) ?? at) + pause.pastNextChange);
  if (act !== 'rotate') return { at: now, ring: withTiming(ring, act, now), plan: null };
  const plan = planRotation(ring, named(kid), now);
  return 'refused' in plan ? { at: now, ring, plan: null } : { at: now, ring: plan.ring, plan };
}

/** Every moment that matters of a history, in order, each with the ring as it was then. */
export function frames(history: readonly Snapshot[]): readonly Frame[] {
  return history.flatMap(({ at, ring }, i) => {
    const end = history[i + 1]?.at ?? Number.POSITIVE_INFINITY;
    const changes = viewRing(ring, at).flatMap((key) => [key.activatesAt, key.deactivatesAt, key.removesAt]);
    const moments = changes.flatMap((time) => (time === null ? [] : [time - 1, time, time + 1]));
    const inside = [at, ...moments].filter((now) => now >= at && now < end);
    return [...new Set(inside)].sort((a, b) => a - b).map((now) => ({ now, ring, keys: viewRing(ring, now) }));
  });
}

/** The ring a history ends with: it knows every time and every timing. */
export function lastRing(history: readonly Snapshot[]): KeyRing {
  return history.at(-1)?.ring ?? { keys: [], timings: [] };
}

/** Milliseconds for which an answer of the JWKS endpoint may be held by someone, at most. */
export function jwksLifeMs(timing: RingTiming): number {
  const { jwksMaxAgeSeconds, verifierCacheSeconds, clockSkewSeconds } = timing;
  return (jwksMaxAgeSeconds + verifierCacheSeconds + clockSkewSeconds + RING_POLL_SECONDS) * 1000;
}

/** Milliseconds for which an access token may be taken for good, at most. */
export function tokenLifeMs({ accessTokenMaxTtlSeconds, clockSkewSeconds }: RingTiming): number {
  return (accessTokenMaxTtlSeconds + clockSkewSeconds + RING_POLL_SECONDS) * 1000;
}

/** Each timing of a ring with the time during which it was in force. */
export function spansOf(ring: KeyRing): readonly { timing: RingTiming; from: number; to: number }[] {
  return ring.timings.map((entry, i) => {
    return { timing: entry, from: entry.since, to: ring.timings[i + 1]?.since ?? Number.POSITIVE_INFINITY };
  });
}
