import { formatRing, parseRing } from '../../src/keys/ring-format.js';
import { RING_POLL_SECONDS, type TimingEntry } from '../../src/oauth/key-ring.js';
import { planRotation } from '../../src/oauth/key-rotation.js';
import { viewRing } from '../../src/oauth/key-states.js';
import { type History, LONGEST_LIFE_MS, type Pruning, SKEW_MS, type Version } from './key-ring.history.js';
import { activeOf, published, type Sighting } from './key-ring.sightings.js';
import { named } from './key-support.js';

/** What is wrong, in words; null when nothing is. */
export type Verdict = string | null;

const POLL_MS = RING_POLL_SECONDS * 1000;

/** The first thing that is wrong with any of many. */
export function firstFault<T>(all: readonly T[], faultOf: (one: T) => Verdict): Verdict {
  for (const one of all) {
    const fault = faultOf(one);
    if (fault !== null) return fault;
  }
  return null;
}

/** Exactly one key signs, one of our own with its private half; another stands by that is not scheduled. */
export function faultOfSigner({ keys, version, now }: Sighting): Verdict {
  const active = keys.filter(({ state }) => state === 'active');
  const [signer] = active;
  if (signer === undefined || active.length > 1) return `at ${now}, ${active.length} keys sign`;
  if (signer.revokedAt !== null || signer.importedUntil !== null || signer.destroyedAt !== null) {
    return `at ${now}, ${signer.kid} signs, which cannot`;
  }
  if (!version.halves.has(signer.kid)) return `at ${now}, ${signer.kid} signs, and its private half is gone`;
  const standby = keys.find(({ state, activatesAt }) => state === 'published' && activatesAt === null);
  if (standby === undefined) return `at ${now}, no key stands by`;
  return version.halves.has(standby.kid) ? null : `${standby.kid} stands by, and its private half is gone`;
}

/** Once it is revoked, a key is neither published nor signs, and its private half is marked as destroyed. */
export function faultOfRevoked(history: History, { keys, index, now }: Sighting): Verdict {
  const shown = published(keys);
  return firstFault(keys, ({ kid, state, destroyedAt }) => {
    const since = history.revoked.get(kid);
    if (since === undefined || index < since) return null;
    if (shown.has(kid) || state !== 'revoked') return `at ${now}, ${kid} is ${state}, though revoked`;
    return destroyedAt === null ? `at ${now}, the private half of ${kid} may exist, though revoked` : null;
  });
}

/** The ring can be written and read again. */
export function faultOfText({ ring }: Version): Verdict {
  try {
    const text = formatRing(ring);
    return formatRing(parseRing(text)) === text ? null : 'the ring is read as another';
  } catch (error) {
    return `the ring cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/**
 * No key signs, unless force or a revocation made it, while anyone may hold a JWKS without it. What of the skew the
 * servers' clocks leave is left to verifiers.
 */
export function faultOfWaiting(history: History, seen: readonly Sighting[]): Verdict {
  const { versions, surprises, spreadMs } = history;
  const knownFrom = new Map<string, number>();
  let heldMs = 0;
  for (const [i, { ring }] of versions.entries()) {
    for (const { kid } of ring.keys) if (!knownFrom.has(kid)) knownFrom.set(kid, heldMs);
    const next = versions[i + 1];
    if (next !== undefined)
      heldMs = Math.max(heldMs, next.fromMs + POLL_MS + cacheMs(ring.timings) + SKEW_MS - spreadMs);
  }
  return firstFault(seen, ({ keys, fromMs }) => {
    const kid = activeOf(keys)?.kid ?? '';
    const missingMs = (knownFrom.get(kid) ?? 0) - fromMs;
    return surprises.has(kid) || missingMs <= 0 ? null : `${kid} signs ${missingMs} ms too early`;
  });
}

/** No key leaves the JWKS of any server while a token may be good that some server signed with it. */
export function faultOfTokens(history: History, seen: readonly Sighting[]): Verdict {
  const { versions, revoked, spreadMs } = history;
  const goodUntil = new Map<string, number>();
  for (const { keys, untilMs, version } of seen) {
    const kid = activeOf(keys)?.kid;
    const end = untilMs + ttlMs(version.ring.timings) + SKEW_MS - spreadMs;
    if (kid !== undefined) goodUntil.set(kid, Math.max(end, goodUntil.get(kid) ?? 0));
  }
  const bornAt = (kid: string) => versions.findIndex(({ ring }) => ring.keys.some((key) => key.kid === kid));
  const births = new Map([...goodUntil.keys()].map((kid) => [kid, bornAt(kid)]));
  return firstFault(seen, ({ keys, fromMs, index }) => {
    const shown = published(keys);
    return firstFault([...goodUntil], ([kid, end]) => {
      const isRelevant = index >= (births.get(kid) ?? 0) && index < (revoked.get(kid) ?? Number.POSITIVE_INFINITY);
      return isRelevant && !shown.has(kid) && fromMs < end ? `${kid} is gone ${end - fromMs} ms too early` : null;
    });
  });
}

function cacheMs(timings: readonly TimingEntry[]): number {
  const last = timings.at(-1);
  return last === undefined ? 0 : (last.jwksMaxAgeSeconds + last.verifierCacheSeconds) * 1000;
}

function ttlMs(timings: readonly TimingEntry[]): number {
  return (timings.at(-1)?.accessTokenMaxTtlSeconds ?? 0) * 1000;
}

/** What is kept by a pruning is at every moment from then on what it would have been, also after another rotation. */
export function faultOfPruning({ before, after, now }: Pruning): Verdict {
  const times = viewRing(before, now).flatMap((key) => [key.activatesAt, key.deactivatesAt, key.removesAt]);
  const later = times.flatMap((time) => (time === null ? [] : [time - 1, time, time + 1])).filter((time) => time > now);
  const moments = [now, ...later, now + LONGEST_LIFE_MS, now + 2 * LONGEST_LIFE_MS];
  const isKept = (kid: string) => after.keys.some((key) => key.kid === kid);
  return firstFault(moments, (moment) => {
    const plan = planRotation(before, named('next'), moment);
    const [whole, pruned] = [before, after].map((ring) => {
      const again = 'refused' in plan ? plan : planRotation(ring, named('next'), moment);
      const rotated = 'refused' in again ? ring : again.ring;
      const seen = [...viewRing(ring, moment), ...viewRing(rotated, moment)].filter(({ kid }) => isKept(kid));
      return JSON.stringify([seen, 'refused' in again ? again : null]);
    });
    return whole === pruned ? null : `what was pruned at ${now} is another ring at ${moment}`;
  });
}

/** After a pruning nothing is left that has been over for long. */
export function faultOfSize({ after, now }: Pruning): Verdict {
  const oldest = now - 2 * LONGEST_LIFE_MS;
  const stale = viewRing(after, now).find((key) => {
    if (key.state === 'published' || key.state === 'active') return false;
    return (key.revokedAt ?? key.importedUntil ?? key.deactivatesAt ?? 0) < oldest;
  });
  if (stale !== undefined) return `${stale.kid}, ${stale.state}, is still there at ${now}: ${JSON.stringify(stale)}`;
  const replaced = after.timings.slice(1).find(({ since }) => since < oldest - LONGEST_LIFE_MS);
  return replaced === undefined ? null : `at ${now} there still is the timing before ${replaced.since}`;
}

/** A rotation waits for its turn or a right clock, never for a key; and force waits for nothing. */
export function faultOfRefusals({ tally }: History): Verdict {
  const isFault = (what: string) => /forced refused|no_standby|no_active_key/.test(what);
  return [...tally.keys()].find(isFault) ?? null;
}
