import type { Client } from '../oauth/client.js';
import { parseRefreshToken, sha256 } from '../oauth/refresh-token.js';
import { ok, type Result, refuse } from '../oauth/result.js';
import type { EpochMs } from '../oauth/time.js';
import type { RevocationReason } from '../store/families.js';
import { readToken } from './bearer.js';
import type { TokenDeps } from './deps.js';

/** The login that was ended; null when the token led to none, which RFC 7009 §2.2 calls a success. */
export type Revoked = { readonly userId: string | null; readonly sid: string } | null;

/**
 * Ends the login of a token (RFC 7009 §2.1), committed when this returns. Any refresh token of the family will do, also
 * one that was superseded; of an access token, its login ends, and with it the refreshing. A token of another client is
 * refused and harms nobody. The hint is not needed: the two kinds of token cannot be mistaken for each other.
 */
export async function endLoginOf(
  deps: TokenDeps,
  request: { readonly client: Client; readonly token: string; readonly now: EpochMs },
  reason: RevocationReason,
): Promise<Result<Revoked>> {
  const { client, now } = request;
  const named = await loginOf(deps, request);
  if (named === null) return ok(null);
  const { clientId, userId, sid } = named;
  if (clientId !== client.id) return refuse({ reason: 'token_of_another_client' });
  if (sid === null) return refuse({ reason: 'access_token_without_login' });
  await deps.families.revoke(sid, reason, now);
  return ok({ userId, sid });
}

type Named = { readonly clientId: string; readonly userId: string | null; readonly sid: string | null };

async function loginOf(
  deps: TokenDeps,
  { token, now }: { readonly token: string; readonly now: EpochMs },
): Promise<Named | null> {
  const parsed = parseRefreshToken(token);
  if (parsed !== null) {
    const found = await deps.families.find({ handleHash: sha256(parsed.handle) });
    return found === null ? null : { ...found.family, userId: found.login.userId };
  }
  const read = await readToken(deps, token, now);
  return read.ok ? read.value : null;
}
