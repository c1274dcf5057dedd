import type { EpochMs } from './time.js';

/** The public half of an RSA signing key (RFC 7517, RFC 7518 §6.3.1), and nothing else. */
export type PublicJwk = { readonly kty: 'RSA'; readonly n: string; readonly e: string };

/**
 * A signing key's times. Everything else follows from these and the present moment: no process moves keys from state
 * to state, so all instances agree without talking.
 */
export type RingKey = {
  /** RFC 7638 SHA-256 thumbprint of `jwk`. */
  readonly kid: string;
  readonly jwk: PublicJwk;
  /** From when verifiers could see it. */
  readonly publishedAt: EpochMs;
  /** From when it signs; null for one that stands by. */
  readonly activatesAt: EpochMs | null;
  /** When it was taken out by hand; null for all others. */
  readonly revokedAt: EpochMs | null;
};

/** The durations that decide how long a key must be seen before it signs and after it stopped, in seconds. */
export type RingTiming = {
  /** `max-age` of the JWKS answer. */
  readonly jwksMaxAgeSeconds: number;
  /** How long common verifiers keep a JWKS by themselves, whatever the answer said. */
  readonly verifierCacheSeconds: number;
  /** The longest lifetime an access token can have. */
  readonly accessTokenMaxTtlSeconds: number;
  readonly clockSkewSeconds: number;
};

/** A timing and the moment it came into force. */
export type TimingEntry = RingTiming & { readonly since: EpochMs };

/** All signing keys, by the time of publication, and every timing that may still matter, oldest first. */
export type KeyRing = { readonly keys: readonly RingKey[]; readonly timings: readonly TimingEntry[] };

/** How often a running server looks for a changed ring, in seconds. */
export const RING_POLL_SECONDS = 5;

export type KeyState = 'published' | 'active' | 'retiring' | 'removed' | 'revoked';

/** A key, the state it is in at a moment, and the times that follow from the ring; null where there is none yet. */
export type KeyView = RingKey & {
  readonly state: KeyState;
  readonly deactivatesAt: EpochMs | null;
  readonly removesAt: EpochMs | null;
};

/** The very first ring: nobody can hold an older JWKS, so the first key signs at once. The second stands by. */
export function firstRing(
  first: Pick<RingKey, 'kid' | 'jwk'>,
  standby: Pick<RingKey, 'kid' | 'jwk'>,
  timing: RingTiming,
  now: EpochMs,
): KeyRing {
  return {
    keys: [
      { ...first, publishedAt: now, activatesAt: now, revokedAt: null },
      { ...standby, publishedAt: now, activatesAt: null, revokedAt: null },
    ],
    timings: [{ ...timing, since: now }],
  };
}

/** The state of every key at a moment. */
export function viewRing(ring: KeyRing, now: EpochMs): readonly KeyView[] {
  return ring.keys.map((key) => viewKey(key, ring, now));
}

function viewKey(key: RingKey, ring: KeyRing, now: EpochMs): KeyView {
  const deactivatesAt = deactivationOf(key, ring);
  const removesAt = deactivatesAt === null ? null : removalOf(deactivatesAt, ring);
  return { ...key, deactivatesAt, removesAt, state: stateOf(key, deactivatesAt, removesAt, now) };
}

/**
 * A key signs until the next one does. A revoked key counts as the next one if it ever signed: its predecessor must not
 * come back.
 */
function deactivationOf(key: RingKey, ring: KeyRing): EpochMs | null {
  const { activatesAt } = key;
  if (activatesAt === null) return null;
  const later = ring.keys
    .filter((other) => other.revokedAt === null || (other.activatesAt ?? other.revokedAt) < other.revokedAt)
    .flatMap((other) => (other.activatesAt !== null && other.activatesAt > activatesAt ? [other.activatesAt] : []));
  return later.length === 0 ? null : Math.min(...later);
}

/** The last token it signed has run out by then, by every verifier's clock, with the longest lifetime then in force. */
function removalOf(deactivatesAt: EpochMs, ring: KeyRing): EpochMs {
  const inForce = ring.timings.filter((timing) => timing.since <= deactivatesAt);
  return latestEnd(ring, inForce, deactivatesAt, (t) => t.accessTokenMaxTtlSeconds + t.clockSkewSeconds);
}

/** Up to the next whole second, so that the times people are shown are exactly those that hold. */
function wholeSecond(time: EpochMs): EpochMs {
  return Math.ceil(time / 1000) * 1000;
}

/** Publication, and as long as anyone may still hold a JWKS from before it. */
function earliestUse(ring: KeyRing, key: RingKey): EpochMs {
  return latestEnd(
    ring,
    ring.timings,
    key.publishedAt,
    (t) => t.jwksMaxAgeSeconds + t.verifierCacheSeconds + t.clockSkewSeconds,
  );
}

/**
 * When all that was handed out up to `moment` under any of the timings has run out. A timing that had been replaced by
 * then counts in full while something handed out before its replacement may still live (a server that was not
 * restarted yet may even go on handing out), and not at all afterwards.
 */
function latestEnd(
  ring: KeyRing,
  timings: readonly TimingEntry[],
  moment: EpochMs,
  seconds: (timing: RingTiming) => number,
): EpochMs {
  const lives = timings.map((timing) => {
    const replacedAt = ring.timings[ring.timings.indexOf(timing) + 1]?.since ?? Number.POSITIVE_INFINITY;
    return replacedAt + seconds(timing) * 1000 > moment ? seconds(timing) : 0;
  });
  return moment + (Math.max(0, ...lives) + RING_POLL_SECONDS) * 1000;
}

function stateOf(key: RingKey, deactivatesAt: EpochMs | null, removesAt: EpochMs | null, now: EpochMs): KeyState {
  if (key.revokedAt !== null) return 'revoked';
  if (removesAt !== null && removesAt <= now) return 'removed';
  if (deactivatesAt !== null && deactivatesAt <= now) return 'retiring';
  return key.activatesAt !== null && key.activatesAt <= now ? 'active' : 'published';
}

/** The keys a verifier may meet: all that are published, sign, or signed tokens that may still live. */
export function publishedKeys(ring: KeyRing, now: EpochMs): readonly KeyView[] {
  return viewRing(ring, now).filter(({ state }) => state === 'published' || state === 'active' || state === 'retiring');
}

/** The one key that signs. Null only for a ring that is broken or whose times lie wholly in the future. */
export function activeKey(ring: KeyRing, now: EpochMs): KeyView | null {
  return viewRing(ring, now).find(isActive) ?? null;
}

/** The next moment at which the state of any key changes; null when none is due. */
export function nextChange(ring: KeyRing, now: EpochMs): EpochMs | null {
  const times = viewRing(ring, now)
    .filter(({ state }) => state !== 'revoked')
    .flatMap(({ activatesAt, deactivatesAt, removesAt }) => [activatesAt, deactivatesAt, removesAt])
    .filter((time): time is EpochMs => time !== null && time > now);
  return times.length === 0 ? null : Math.min(...times);
}

/** What `keys rotate` would do. Times are those of the ring afterwards. */
export type RotationPlan = {
  readonly ring: KeyRing;
  readonly retires: KeyView;
  readonly activates: KeyView;
  readonly publishes: KeyView;
};

/** Why a rotation is not possible now. */
export type RotationRefusal =
  | { readonly refused: 'already_scheduled'; readonly kid: string; readonly allowedFrom: EpochMs }
  | { readonly refused: 'no_standby' }
  | { readonly refused: 'no_active_key' };

/**
 * Plans a rotation: the standby signs from the earliest moment at which every verifier that caches as agreed holds it,
 * and a new standby is published now.
 */
export function planRotation(
  ring: KeyRing,
  newStandby: Pick<RingKey, 'kid' | 'jwk'>,
  now: EpochMs,
): RotationPlan | RotationRefusal {
  const keys = viewRing(ring, now);
  const active = keys.find(isActive);
  if (active === undefined) return { refused: 'no_active_key' };
  const waiting = keys.filter(({ state }) => state === 'published');
  for (const { kid, activatesAt } of waiting) {
    if (activatesAt !== null) return { refused: 'already_scheduled', kid, allowedFrom: activatesAt };
  }
  const [standby] = waiting;
  if (standby === undefined) return { refused: 'no_standby' };

  // Later than the active key in any case: of two keys with one moment, neither would end the other.
  const activatesAt = wholeSecond(Math.max(now, active.activatesAt + 1, earliestUse(ring, standby)));
  const published: RingKey = { ...newStandby, publishedAt: now, activatesAt: null, revokedAt: null };
  const scheduled = ring.keys.map((key) => (key.kid === standby.kid ? { ...key, activatesAt } : key));
  const after: KeyRing = { keys: [...scheduled, published], timings: ring.timings };
  return {
    ring: after,
    retires: viewKey(active, after, now),
    activates: viewKey({ ...standby, activatesAt }, after, now),
    publishes: viewKey(published, after, now),
  };
}

function isActive(key: KeyView): key is KeyView & { readonly activatesAt: EpochMs } {
  return key.state === 'active';
}

/** The ring with the timing of the present configuration in force; the same ring when it already is. */
export function withTiming(ring: KeyRing, timing: RingTiming, now: EpochMs): KeyRing {
  const last = ring.timings.at(-1);
  const same =
    last !== undefined &&
    last.jwksMaxAgeSeconds === timing.jwksMaxAgeSeconds &&
    last.verifierCacheSeconds === timing.verifierCacheSeconds &&
    last.accessTokenMaxTtlSeconds === timing.accessTokenMaxTtlSeconds &&
    last.clockSkewSeconds === timing.clockSkewSeconds;
  if (same) return ring;
  return { keys: ring.keys, timings: [...ring.timings, { ...timing, since: Math.max(now, last?.since ?? now) }] };
}
