import { successorOf } from './refresh-token.js';
import type { Refusal } from './refusal.js';
import type { EpochMs } from './time.js';

/**
 * A family: one login on one device, and every refresh token that descends from it. This is what its row says when
 * it is read, together with the state of the user and the client it depends on.
 */
export type Family = {
  /** The `sid` claim. */
  readonly sid: string;
  readonly clientId: string;
  readonly absoluteExpiresAt: EpochMs;
  readonly idleExpiresAt: EpochMs;
  /** SHA-256 of the newest secret and of the one before it. */
  readonly currentHash: Uint8Array;
  readonly previousHash: Uint8Array | null;
  readonly successorKey: Uint8Array | null;
  readonly rotatedAt: EpochMs | null;
  readonly revokedAt: EpochMs | null;
  /** The login was ended with its user or client: disabled, or all logins of the user ended since. */
  readonly endedWithUserOrClient: boolean;
};

/** When a login ends if nothing more happens to it. */
export function expiryOf({ absoluteExpiresAt, idleExpiresAt }: Family): EpochMs {
  return Math.min(absoluteExpiresAt, idleExpiresAt);
}

/** Who presents what, and when. */
export type Presentation = {
  readonly secret: Uint8Array;
  readonly secretHash: Uint8Array;
  readonly clientId: string;
  readonly now: EpochMs;
  readonly retryWindowSeconds: number;
};

const CLOCK_SKEW_MS = 60_000;

/** What a presentation means. `newest`: the newest token of a living family, which rotates it. */
export type Verdict =
  | { readonly verdict: 'newest' }
  | { readonly verdict: 'retry'; readonly successor: Uint8Array }
  | { readonly verdict: 'reuse' }
  | { readonly verdict: 'refused'; readonly refusal: Refusal };

/**
 * Judges a refresh token. One question after the other: is the family dead or foreign? Then the token harms nobody.
 * Is it the newest? Is it the previous one, within the window? Then its answer was lost or another tab was faster, and
 * it gets the same successor. Anything else is a token that was
 * superseded long ago or never issued, in the hands of somebody who knows the family's secret address: reuse
 * (RFC 9700 §4.14.2), and the family must be revoked.
 */
export function judge(family: Family, presented: Presentation): Verdict {
  const dead = refusalOfDeadFamily(family, presented);
  if (dead !== null) return { verdict: 'refused', refusal: dead };
  if (Buffer.compare(family.currentHash, presented.secretHash) === 0) return { verdict: 'newest' };
  const { previousHash, successorKey, rotatedAt } = family;
  if (
    previousHash !== null &&
    successorKey !== null &&
    rotatedAt !== null &&
    Buffer.compare(previousHash, presented.secretHash) === 0 &&
    isWithinWindow(rotatedAt, presented)
  ) {
    return { verdict: 'retry', successor: successorOf(presented.secret, successorKey) };
  }
  return { verdict: 'reuse' };
}

function refusalOfDeadFamily(family: Family, { clientId, now }: Presentation): Refusal | null {
  if (family.clientId !== clientId) return { reason: 'refresh_token_of_another_client', sid: family.sid };
  return endOf(family, now);
}

/** Why a login is over; null while it lives. */
export function endOf(family: Family, now: EpochMs): Refusal | null {
  const { sid } = family;
  if (family.revokedAt !== null) return { reason: 'family_revoked', sid };
  if (family.endedWithUserOrClient) return { reason: 'family_ended_with_user_or_client', sid };
  if (expiryOf(family) <= now) return { reason: 'family_expired', sid };
  return null;
}

/**
 * Clocks of instances differ a little, so a rotation may seem to lie in the future. Up to a minute of that counts as just
 * now; more would let a clock that jumped back hold the window open.
 */
function isWithinWindow(rotatedAt: EpochMs, { now, retryWindowSeconds }: Presentation): boolean {
  const age = now - rotatedAt;
  return age > -CLOCK_SKEW_MS && Math.max(0, age) < retryWindowSeconds * 1000;
}
