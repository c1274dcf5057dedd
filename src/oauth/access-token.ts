import { ok, type Result, refuse } from './result.js';
import { splitList, type TokenList } from './scope.js';
import type { EpochMs } from './time.js';

/** The claims of a JWT whose signature is known to be ours. */
export type Claims = Readonly<Record<string, unknown>>;

/** An access token that comes back to mintd, read. */
export type AccessToken = {
  readonly clientId: string;
  /** The `sub` of a user; null where the client itself is the subject. */
  readonly userId: string | null;
  /** The login it comes from; null where the client itself is the subject. */
  readonly sid: string | null;
  readonly audiences: TokenList;
  readonly scope: TokenList;
  /** All of it, as src/oauth/claims.ts wrote it. */
  readonly claims: Claims;
};

/**
 * Reads the claims of an access token (RFC 9068 §4) that mintd itself signed. Clocks of instances differ, but the one
 * that answers decides: expired is expired.
 */
export function readAccessToken(claims: Claims, issuer: string, now: EpochMs): Result<AccessToken> {
  const { iss, exp, sub, client_id: clientId, aud, scope } = claims;
  const sid = typeof claims['sid'] === 'string' ? claims['sid'] : null;
  const invalid = refuse({ reason: 'access_token_invalid' });
  if (iss !== issuer || typeof exp !== 'number' || typeof sub !== 'string' || typeof clientId !== 'string') {
    return invalid;
  }
  // A client cannot have the id of a user (src/oauth/client.ts), so equal means: the client speaks for itself.
  const userId = sub === clientId ? null : sub;
  if (userId !== null && sid === null) return invalid;
  if (exp * 1000 <= now) return refuse({ reason: 'access_token_expired' });
  return ok({
    clientId,
    userId,
    sid,
    audiences: [aud].flat().filter((one) => typeof one === 'string'),
    scope: typeof scope === 'string' ? splitList(scope) : [],
    claims,
  });
}
