import {
  jwksHeldUntil,
  type KeyRing,
  lastChange,
  type NewKey,
  publishedKey,
  type RingKey,
  timingsSince,
  tokensOutUntil,
  withKey,
} from './key-ring.js';
import { isUnscheduled, standbys, viewOf } from './key-rotation.js';
import { activeKey, byActivation, type KeyView, viewRing } from './key-states.js';
import type { EpochMs } from './time.js';

/** What `keys revoke` would do. Keys are as they are seen afterwards. */
export type RevocationPlan = {
  readonly ring: KeyRing;
  readonly revoked: KeyView;
  /** The key that signs from now on; the same as before unless that was the one revoked. */
  readonly signs: KeyView;
  readonly publishes: readonly KeyView[];
  /** Until when verifiers may go on accepting what the revoked key signs: they hold an older JWKS. */
  readonly acceptedUntil: EpochMs;
  /** Until when verifiers may not know the key that signs now; null when they all can. */
  readonly surprisesUntil: EpochMs | null;
};

export type RevocationRefusal =
  | { readonly refused: 'unknown_key' }
  | { readonly refused: 'already_revoked'; readonly at: EpochMs }
  | { readonly refused: 'already_removed'; readonly at: EpochMs };

/**
 * Plans to take a key out of the JWKS now. If it was the active one the next standby signs from now on; a new one is
 * published where none would be left.
 *
 * @param keys two that may be needed: where there is no standby at all, the first signs and the second stands by
 */
export function planRevocation(
  ring: KeyRing,
  kid: string,
  [fresh, other]: readonly [NewKey, NewKey],
  now: EpochMs,
): RevocationPlan | RevocationRefusal {
  const key = viewRing(ring, now).find((one) => one.kid === kid);
  if (key === undefined) return { refused: 'unknown_key' };
  if (key.revokedAt !== null) return { refused: 'already_revoked', at: key.revokedAt };
  if (key.state === 'removed' && key.removesAt !== null) return { refused: 'already_removed', at: key.removesAt };

  const before = activeKey(ring, now);
  let after = withDestroyed(withKey(ring, kid, revokedFacts(key, now)), [kid, ...keysToDestroy(ring, now)], now);
  let signer = before?.kid;
  if (signer === undefined || signer === kid) {
    // With the active key gone, one that is scheduled counts as active already.
    signer = (activeKey(after, now) ?? standbys(after, now)[0])?.kid;
    if (signer === undefined) after = withPublished(after, fresh, now);
    signer ??= fresh.kid;
    after = withSigner(after, signer, now);
  }
  if (!standbys(after, now).some(isUnscheduled)) {
    after = withPublished(after, signer === fresh.kid ? other : fresh, now);
  }

  const signs = viewOf(after, signer, now);
  const knownAt = jwksHeldUntil(after, signs.publishedAt);
  return {
    ring: after,
    revoked: viewOf(after, kid, now),
    signs,
    publishes: viewRing(after, now).filter((one) => !ring.keys.some((old) => old.kid === one.kid)),
    acceptedUntil: jwksHeldUntil(ring, now),
    surprisesUntil: signer !== before?.kid && knownAt > now ? knownAt : null,
  };
}

/** By a clock that is behind, a key is not published before what is known to have happened. */
function withPublished(ring: KeyRing, key: NewKey, now: EpochMs): KeyRing {
  return { keys: [...ring.keys, publishedKey(key, Math.max(now, lastChange(ring)))], timings: ring.timings };
}

/** Lets a key sign at once, after all that ever did. */
function withSigner(ring: KeyRing, kid: string, now: EpochMs): KeyRing {
  const others = ring.keys.filter((key) => key.kid !== kid).map(({ activatesAt }) => activatesAt ?? 0);
  return withKey(ring, kid, { activatesAt: Math.max(now, Math.max(...others) + 1) });
}

/** A key that never signed never will; of one that did, the revocation comes after its first signature. */
function revokedFacts({ state, activatesAt }: KeyView, now: EpochMs): Partial<RingKey> {
  if (state === 'published' || activatesAt === null) return { revokedAt: now, activatesAt: null };
  return { revokedAt: Math.max(now, activatesAt + 1) };
}

/** What `keys prune` would forget. */
export type PrunePlan = { readonly ring: KeyRing; readonly forgets: readonly KeyView[] };

/**
 * Plans to forget what says nothing any more: keys that are out of the JWKS and whose tokens have all run out, and
 * timings that decide nothing. A key that signed is kept as long as one before it is, whose end it marks.
 */
export function planPrune(ring: KeyRing, now: EpochMs): PrunePlan {
  const forgets: KeyView[] = [];
  let earlierAreGone = true;
  for (const key of [...viewRing(ring, now)].sort(byActivation)) {
    if (isForgettable(key, ring, now) && (earlierAreGone || key.activatesAt === null)) forgets.push(key);
    else earlierAreGone = false;
  }
  const kept = ring.keys.filter((key) => !forgets.some(({ kid }) => kid === key.kid));
  return { ring: { keys: kept, timings: timingsThatMatter({ ...ring, keys: kept }, now) }, forgets };
}

/** Whether every token of a key has run out; a revoked one is remembered for as long, so that it is not imported again. */
function isForgettable({ state, revokedAt, importedUntil }: KeyView, ring: KeyRing, now: EpochMs): boolean {
  if (revokedAt === null) return state === 'removed';
  return Math.max(tokensOutUntil(ring, revokedAt), importedUntil ?? 0) <= now;
}

/**
 * A timing matters to keys that wait, while anyone may hold a JWKS from before their publication, and to keys that
 * signed, from their end on.
 */
function timingsThatMatter(ring: KeyRing, now: EpochMs): KeyRing['timings'] {
  const moments = viewRing(ring, now).map((key) => {
    if (key.state === 'published') return jwksHeldUntil(ring, key.publishedAt) > now ? key.publishedAt : now;
    return key.deactivatesAt ?? key.revokedAt ?? now;
  });
  return timingsSince(ring.timings, Math.min(now, ...moments));
}

/** The keys whose private half has nothing left to do: it may still exist, and must not. */
export function keysToDestroy(ring: KeyRing, now: EpochMs): readonly string[] {
  return viewRing(ring, now)
    .filter((key) => key.destroyedAt === null && key.importedUntil === null)
    .filter(({ state }) => state === 'retiring' || state === 'removed' || state === 'revoked')
    .map(({ kid }) => kid);
}

/** The ring after the private halves of some keys were destroyed. */
export function withDestroyed(ring: KeyRing, kids: readonly string[], now: EpochMs): KeyRing {
  const isDestroyed = ({ kid, destroyedAt }: RingKey) => destroyedAt === null && kids.includes(kid);
  return { ...ring, keys: ring.keys.map((key) => (isDestroyed(key) ? { ...key, destroyedAt: now } : key)) };
}

/** What `keys import` would do. */
export type ImportPlan = { readonly ring: KeyRing; readonly imports: KeyView };

export type ImportRefusal =
  | { readonly refused: 'kid_taken' }
  | { readonly refused: 'own_key' }
  | { readonly refused: 'key_revoked'; readonly at: EpochMs }
  | { readonly refused: 'known_longer'; readonly until: EpochMs };

/**
 * Plans to publish the key of another issuer, so that its tokens go on verifying. It never signs here. A key that was
 * imported before stays longer.
 *
 * @param until when the last of its tokens has run out
 */
export function planImport(ring: KeyRing, key: NewKey, until: EpochMs, now: EpochMs): ImportPlan | ImportRefusal {
  const known = ring.keys.find(({ kid, jwk }) => kid === key.kid || jwk.n === key.jwk.n);
  if (known === undefined) {
    const imported: RingKey = { ...publishedKey(key, now), importedUntil: until };
    const after = { keys: [...ring.keys, imported], timings: ring.timings };
    return { ring: after, imports: viewOf(after, key.kid, now) };
  }
  if (known.kid !== key.kid || known.jwk.n !== key.jwk.n || known.jwk.e !== key.jwk.e) return { refused: 'kid_taken' };
  if (known.importedUntil === null) return { refused: 'own_key' };
  if (known.revokedAt !== null) return { refused: 'key_revoked', at: known.revokedAt };
  if (known.importedUntil >= until) return { refused: 'known_longer', until: known.importedUntil };
  const after = withKey(ring, key.kid, { importedUntil: until });
  return { ring: after, imports: viewOf(after, key.kid, now) };
}
