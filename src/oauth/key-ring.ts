import type { EpochMs } from './time.js';

/** The public half of an RSA signing key (RFC 7517, RFC 7518 §6.3.1), and nothing else. */
export type PublicJwk = { readonly kty: 'RSA'; readonly n: string; readonly e: string };

/** A key pair's name and public half. */
export type NewKey = {
  /** RFC 7638 SHA-256 thumbprint of `jwk`; of an imported key, what its issuer called it. */
  readonly kid: string;
  readonly jwk: PublicJwk;
};

/**
 * The facts about a key. Everything else follows from these and the present moment: no process moves keys from state
 * to state, so all instances agree without talking.
 */
export type RingKey = NewKey & {
  /** From when verifiers could see it. */
  readonly publishedAt: EpochMs;
  /** From when it signs; null for one that stands by. */
  readonly activatesAt: EpochMs | null;
  /** When it was taken out by hand; null for all others. */
  readonly revokedAt: EpochMs | null;
  /** When its private half was destroyed; null while there may be one. */
  readonly destroyedAt: EpochMs | null;
  /** Of a key that another issuer signed with: until when its tokens may be out. Such a key never signs here. */
  readonly importedUntil: EpochMs | null;
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

/** The very first ring: nobody can hold an older JWKS, so the first key signs at once. The second stands by. */
export function firstRing(first: NewKey, standby: NewKey, timing: RingTiming, now: EpochMs): KeyRing {
  return {
    keys: [{ ...publishedKey(first, now), activatesAt: now }, publishedKey(standby, now)],
    timings: [{ ...timing, since: now }],
  };
}

/** A key of our own as it is when it has just been published. */
export function publishedKey({ kid, jwk }: NewKey, now: EpochMs): RingKey {
  return { kid, jwk, publishedAt: now, activatesAt: null, revokedAt: null, destroyedAt: null, importedUntil: null };
}

/** The ring with one key changed. */
export function withKey(ring: KeyRing, kid: string, change: Partial<RingKey>): KeyRing {
  return { keys: ring.keys.map((key) => (key.kid === kid ? { ...key, ...change } : key)), timings: ring.timings };
}

/** The ring with the timing of the present configuration in force; the same ring when it already is. */
export function withTiming(ring: KeyRing, timing: RingTiming, now: EpochMs): KeyRing {
  const last = ring.timings.at(-1);
  if (last !== undefined && isSameTiming(last, timing)) return ring;
  return { keys: ring.keys, timings: [...ring.timings, { ...timing, since: Math.max(now, last?.since ?? now) }] };
}

export function isSameTiming(a: RingTiming, b: RingTiming): boolean {
  return (
    a.jwksMaxAgeSeconds === b.jwksMaxAgeSeconds &&
    a.verifierCacheSeconds === b.verifierCacheSeconds &&
    a.accessTokenMaxTtlSeconds === b.accessTokenMaxTtlSeconds &&
    a.clockSkewSeconds === b.clockSkewSeconds
  );
}

/** When somebody changed the ring for the last time: no such moment can lie in the future, if clocks are right. */
export function lastChange({ keys, timings }: KeyRing): EpochMs {
  const ofKeys = keys.flatMap(({ publishedAt, revokedAt, destroyedAt }) => [publishedAt, revokedAt, destroyedAt]);
  return Math.max(...[...ofKeys, ...timings.map(({ since }) => since)].filter((time) => time !== null));
}

/** Until when verifiers may go by a JWKS they got at `moment` or before. */
export function jwksHeldUntil(ring: KeyRing, moment: EpochMs): EpochMs {
  return latestEnd(ring, ring.timings, moment, jwksLifeSeconds);
}

/** Until when a token may be taken for good that was signed at `moment` or before, with the longest lifetime then in force. */
export function tokensOutUntil(ring: KeyRing, moment: EpochMs): EpochMs {
  const skewSeconds = ring.timings.findLast(({ since }) => since <= moment)?.clockSkewSeconds ?? 0;
  const toldMs = (skewSeconds + RING_POLL_SECONDS) * 1000;
  const inForce = ring.timings.filter((timing) => timing.since <= moment + toldMs);
  return latestEnd(ring, inForce, moment, tokenLifeSeconds);
}

/**
 * For how long a server may go on with a ring that it cannot read any more, in seconds. Had another server rotated right
 * after the last reading, the key that signs here would be out of the other's JWKS by the end of it.
 */
export function blindSeconds(ring: KeyRing): number {
  const last = ring.timings.at(-1);
  return last === undefined ? 0 : tokenLifeSeconds(last) + RING_POLL_SECONDS;
}

function jwksLifeSeconds({ jwksMaxAgeSeconds, verifierCacheSeconds, clockSkewSeconds }: RingTiming): number {
  return jwksMaxAgeSeconds + verifierCacheSeconds + clockSkewSeconds;
}

function tokenLifeSeconds({ accessTokenMaxTtlSeconds, clockSkewSeconds }: RingTiming): number {
  return accessTokenMaxTtlSeconds + clockSkewSeconds;
}

/**
 * When all that was handed out up to `moment` under any of the timings has run out. A timing that had been replaced by
 * then counts in full while something handed out before its replacement may still live, and not at all afterwards. One
 * poll is added, for the servers that had not seen the ring yet.
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

/**
 * The timings that still say something about the given moments or any later one: the last, and those under which
 * something may have been handed out that lived on then.
 */
export function timingsSince(timings: readonly TimingEntry[], earliest: EpochMs): readonly TimingEntry[] {
  const first = timings.findIndex((timing, i) => {
    const replacedAt = timings[i + 1]?.since;
    if (replacedAt === undefined) return true;
    return replacedAt + Math.max(jwksLifeSeconds(timing), tokenLifeSeconds(timing)) * 1000 > earliest;
  });
  return timings.slice(first);
}
