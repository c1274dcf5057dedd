import {
  jwksHeldUntil,
  type KeyRing,
  lastChange,
  type NewKey,
  publishedKey,
  type RingKey,
  withKey,
} from './key-ring.js';
import { activeKey, byActivation, type KeyView, viewRing } from './key-states.js';
import type { EpochMs } from './time.js';

/** What `keys rotate` would do. Keys are as they are seen at the moment of the plan, with the times of the new ring. */
export type RotationPlan = {
  readonly ring: KeyRing;
  readonly retires: KeyView;
  readonly activates: KeyView;
  /** The new standby; null where a rotation that was under way is brought forward, which published one already. */
  readonly publishes: KeyView | null;
  /** Until when verifiers may not know the key that signs; null unless force took them by surprise. */
  readonly surprisesUntil: EpochMs | null;
};

/** Why a rotation is not possible now. */
export type RotationRefusal =
  | { readonly refused: 'already_scheduled'; readonly kid: string; readonly allowedFrom: EpochMs }
  | ClockBehind
  | { readonly refused: 'no_standby' }
  | { readonly refused: 'no_active_key' };

/** The ring was changed later than this clock says it is: one of the two clocks is wrong. */
export type ClockBehind = { readonly refused: 'clock_behind'; readonly changedAt: EpochMs; readonly now: EpochMs };

/**
 * Plans a rotation: the standby signs from the earliest moment at which every verifier that caches as agreed holds it,
 * and a new standby is published now.
 *
 * @param forced sign at once, also when a rotation is under way or the ring's clock was ahead: for emergencies
 */
export function planRotation(
  ring: KeyRing,
  newStandby: NewKey,
  now: EpochMs,
  forced = false,
): RotationPlan | RotationRefusal {
  const behind = clockBehind(ring, now);
  if (behind !== null && !forced) return behind;
  const sound = behind === null ? ring : withoutFuture(ring, now);
  const active = activeKey(sound, now);
  if (active === null) return { refused: 'no_active_key' };
  const [next] = standbys(sound, now);
  if (next === undefined) return { refused: 'no_standby' };
  if (next.activatesAt !== null && !forced) {
    return { refused: 'already_scheduled', kid: next.kid, allowedFrom: next.activatesAt };
  }

  const knownAt = jwksHeldUntil(sound, next.publishedAt);
  // Later than the active key in any case: of two keys with one moment, neither would end the other.
  const soonest = Math.max(now, active.activatesAt + 1);
  const activatesAt = forced ? soonest : wholeSecond(Math.max(soonest, knownAt));
  const scheduled = withKey(sound, next.kid, { activatesAt });
  const added = standbys(scheduled, now).some(isUnscheduled) ? [] : [publishedKey(newStandby, now)];
  const after: KeyRing = { keys: [...scheduled.keys, ...added], timings: scheduled.timings };
  return {
    ring: after,
    retires: viewOf(after, active.kid, now),
    activates: viewOf(after, next.kid, now),
    publishes: added.length === 0 ? null : viewOf(after, newStandby.kid, now),
    surprisesUntil: knownAt > activatesAt ? knownAt : null,
  };
}

/** The keys that may sign one day, the next one first. */
export function standbys(ring: KeyRing, now: EpochMs): readonly KeyView[] {
  return viewRing(ring, now)
    .filter(({ state }) => state === 'published')
    .sort(byActivation);
}

export function isUnscheduled({ activatesAt }: RingKey): boolean {
  return activatesAt === null;
}

/** One key of a ring, which must be in it. */
export function viewOf(ring: KeyRing, kid: string, now: EpochMs): KeyView {
  const view = viewRing(ring, now).find((key) => key.kid === kid);
  if (view === undefined) throw new Error(`there is no key ${kid} in the ring`);
  return view;
}

/** Up to the next whole second, so that the times people are shown are exactly those that hold. */
function wholeSecond(time: EpochMs): EpochMs {
  return Math.ceil(time / 1000) * 1000;
}

/**
 * When the next key signs: as scheduled, or when the next rotation is due. Null where none will come by itself.
 *
 * @param intervalSeconds how long a key signs before it is rotated; null for never
 */
export function nextRotation(ring: KeyRing, intervalSeconds: number | null, now: EpochMs): EpochMs | null {
  const scheduled = standbys(ring, now)[0]?.activatesAt ?? null;
  if (scheduled !== null || intervalSeconds === null) return scheduled;
  const since = activeKey(ring, now)?.activatesAt;
  return since === undefined ? null : since + intervalSeconds * 1000;
}

/** Whether a rotation should be planned now. */
export function isRotationDue(ring: KeyRing, intervalSeconds: number | null, now: EpochMs): boolean {
  if (intervalSeconds === null || standbys(ring, now).some((key) => !isUnscheduled(key))) return false;
  const next = nextRotation(ring, intervalSeconds, now);
  return next !== null && next <= now;
}

/**
 * Whether the ring was changed further in this clock's future than clocks may differ: then nothing must be planned by
 * this clock, or keys would sign and go too early.
 */
export function clockBehind(ring: KeyRing, now: EpochMs): ClockBehind | null {
  const changedAt = lastChange(ring);
  const skewMs = (ring.timings.at(-1)?.clockSkewSeconds ?? 0) * 1000;
  return changedAt > now + skewMs ? { refused: 'clock_behind', changedAt, now } : null;
}

/**
 * A ring whose clock was ahead, as this clock tells it: what it says of the future happened now, in the same order; what
 * was scheduled is not any more.
 */
function withoutFuture(ring: KeyRing, now: EpochMs): KeyRing {
  const active = activeKey(ring, now);
  const starts = new Map<string, EpochMs>();
  let latest = now;
  for (const { kid, activatesAt } of [...ring.keys].sort(byActivation).reverse()) {
    if (active === null || activatesAt === null || activatesAt > active.activatesAt) continue;
    starts.set(kid, Math.min(activatesAt, latest));
    latest = Math.min(activatesAt, latest) - 1;
  }
  const past = (time: EpochMs | null) => (time === null ? null : Math.min(time, now));
  return {
    keys: ring.keys.map((key) => ({
      ...key,
      publishedAt: Math.min(key.publishedAt, now),
      activatesAt: starts.get(key.kid) ?? null,
      revokedAt: past(key.revokedAt),
      destroyedAt: past(key.destroyedAt),
    })),
    timings: ring.timings.map((timing) => ({ ...timing, since: Math.min(timing.since, now) })),
  };
}
