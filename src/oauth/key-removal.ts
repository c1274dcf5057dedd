import {
  jwksHeldUntil,
  type KeyRing,
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
 * @param fresh two keys that may be needed: where there is no standby at all, one signs and one stands by
 */
export function planRevocation(
  ring: KeyRing,
  kid: string,
  fresh: readonly NewKey[],
  now: EpochMs,
): RevocationPlan | RevocationRefusal {
  const key = viewRing(ring, now).find((one) => one.kid === kid);
  if (key === undefined) return { refused: 'unknown_key' };
  if (key.revokedAt !== null) return { refused: 'already_revoked', at: key.revokedAt };
  if (key.state === 'removed' && key.removesAt !== null) return { refused: 'already_removed', at: key.removesAt };

  const unused = [...fresh];
  const published: string[] = [];
  const publishOne = (to: KeyRing): KeyRing => {
    const one = unused.shift();
    if (one === undefined) throw new Error('a fresh key is needed');
    published.push(one.kid);
    return { keys: [...to.keys, publishedKey(one, now)], timings: to.timings };
  };
  let after = withDestroyed(withKey(ring, kid, { revokedAt: now }), [kid, ...keysToDestroy(ring, now)], now);
  if (key.state === 'active') {
    if (standbys(after, now).length === 0) after = publishOne(after);
    // Of the ring as it was: with the active key gone, a scheduled standby may count as active already.
    const next = standbys(ring, now)[0] ?? standbys(after, now)[0];
    const activatesAt = Math.max(now, (key.activatesAt ?? 0) + 1);
    if (next !== undefined) after = withKey(after, next.kid, { activatesAt });
  }
  if (!standbys(after, now).some(isUnscheduled)) after = publishOne(after);

  const signs = activeKey(after, now);
  if (signs === null) throw new Error('a revocation must leave a key that signs');
  const knownAt = jwksHeldUntil(after, signs.publishedAt);
  return {
    ring: after,
    revoked: viewOf(after, kid, now),
    signs,
    publishes: published.map((one) => viewOf(after, one, now)),
    acceptedUntil: jwksHeldUntil(ring, now),
    surprisesUntil: key.state === 'active' && knownAt > now ? knownAt : null,
  };
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
    const isOver = key.state === 'removed' || (key.revokedAt !== null && tokensOutUntil(ring, key.revokedAt) <= now);
    if (isOver && (earlierAreGone || key.activatesAt === null)) forgets.push(key);
    else if (key.activatesAt !== null) earlierAreGone = false;
  }
  const kept = ring.keys.filter((key) => !forgets.some(({ kid }) => kid === key.kid));
  return { ring: { keys: kept, timings: timingsThatMatter({ ...ring, keys: kept }, now) }, forgets };
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
  return kids.reduce((changed, kid) => withKey(changed, kid, { destroyedAt: now }), ring);
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
