import { type KeyRing, type RingKey, tokensOutUntil } from './key-ring.js';
import type { EpochMs } from './time.js';

export type KeyState = 'published' | 'active' | 'retiring' | 'removed' | 'revoked';

/** A key, the state it is in at a moment, and the times that follow from the ring; null where there is none yet. */
export type KeyView = RingKey & {
  readonly state: KeyState;
  /** Until when it signs. */
  readonly deactivatesAt: EpochMs | null;
  /** Until when it is in the JWKS. */
  readonly removesAt: EpochMs | null;
};

/** The state of every key at a moment. */
export function viewRing(ring: KeyRing, now: EpochMs): readonly KeyView[] {
  const signer = signingKey(ring, now);
  return ring.keys.map((key) => {
    const deactivatesAt = deactivationOf(key, ring);
    const removesAt = key.importedUntil ?? (deactivatesAt === null ? null : tokensOutUntil(ring, deactivatesAt));
    return { ...key, deactivatesAt, removesAt, state: stateOf(key, removesAt, signer, now) };
  });
}

/**
 * The one key that signs: the last whose time has come. Where the clock says that none has (it is behind the one that
 * wrote the ring), the first. Keys that are over are passed over whatever the clock says, and so are those before them:
 * none comes back because its successor was revoked or a clock was set back.
 */
function signingKey(ring: KeyRing, now: EpochMs): RingKey | undefined {
  const line = ring.keys.filter(hasStart).sort(byActivation);
  const lastOver = line.findLastIndex((key) => isOver(key) && hasSigned(key));
  const able = line.slice(lastOver + 1).filter((key) => !isOver(key));
  return able.findLast(({ activatesAt }) => activatesAt <= now) ?? able[0];
}

type Started = { readonly activatesAt: EpochMs };

function hasStart<K extends RingKey>(key: K): key is K & Started {
  return key.activatesAt !== null;
}

/** Whether a key signs at the moment of its view. */
export function isActive(key: KeyView): key is KeyView & Started {
  return key.state === 'active';
}

/** Whether a key can never sign again. */
function isOver({ revokedAt, destroyedAt }: RingKey): boolean {
  return revokedAt !== null || destroyedAt !== null;
}

/** Of a key that is over: whether it signed before. One may be revoked while it still stands by. */
function hasSigned({ activatesAt, revokedAt }: RingKey): boolean {
  return activatesAt !== null && (revokedAt === null || activatesAt < revokedAt);
}

/** By the time from which keys sign; those that stand by come last. */
export function byActivation(a: RingKey, b: RingKey): number {
  if (a.activatesAt === null || b.activatesAt === null)
    return Number(a.activatesAt === null) - Number(b.activatesAt === null);
  return a.activatesAt - b.activatesAt;
}

/**
 * A key signs until the next one does. A revoked key counts as the next one if it ever signed: its predecessor must not
 * come back.
 */
function deactivationOf({ activatesAt }: RingKey, ring: KeyRing): EpochMs | null {
  if (activatesAt === null) return null;
  const later = ring.keys
    .filter(hasStart)
    .filter((other) => other.activatesAt > activatesAt && (other.revokedAt === null || hasSigned(other)))
    .map((other) => other.activatesAt);
  return later.length === 0 ? null : Math.min(...later);
}

function stateOf(key: RingKey, removesAt: EpochMs | null, signer: RingKey | undefined, now: EpochMs): KeyState {
  if (key.revokedAt !== null) return 'revoked';
  if (key.kid === signer?.kid) return 'active';
  if (isWaiting(key, signer)) return 'published';
  return removesAt !== null && removesAt <= now ? 'removed' : 'retiring';
}

/** Whether a key that does not sign will, rather than did, here or elsewhere. */
function isWaiting(key: RingKey, signer: RingKey | undefined): boolean {
  if (key.importedUntil !== null || key.destroyedAt !== null) return false;
  return signer === undefined ? key.activatesAt === null : byActivation(key, signer) > 0;
}

/** The keys a verifier may meet: all that are published, sign, or signed tokens that may still live. */
export function publishedKeys(ring: KeyRing, now: EpochMs): readonly KeyView[] {
  return viewRing(ring, now).filter(({ state }) => state === 'published' || state === 'active' || state === 'retiring');
}

/** The one key that signs. Null only for a ring that is broken: every key that could is revoked or destroyed. */
export function activeKey(ring: KeyRing, now: EpochMs): (KeyView & Started) | null {
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
