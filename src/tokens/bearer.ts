import { type AccessToken, readAccessToken } from '../oauth/access-token.js';
import type { Client } from '../oauth/client.js';
import { endOf } from '../oauth/family.js';
import { ok, type Result, refuse } from '../oauth/result.js';
import type { EpochMs } from '../oauth/time.js';
import type { User } from '../store/users.js';
import type { TokenDeps } from './deps.js';

/** An access token that mintd itself would honour, and those it rests on. */
export type Bearer = {
  readonly token: AccessToken;
  readonly client: Client;
  /** Null where the client speaks for itself. */
  readonly user: User | null;
};

/** The access token of a text, if mintd signed it for itself and it has not run out. Asks no database. */
export async function readToken(
  { signer, settings }: TokenDeps,
  text: string,
  now: EpochMs,
): Promise<Result<AccessToken>> {
  const claims = await signer.verify(text, now);
  return claims === null ? refuse({ reason: 'access_token_invalid' }) : readAccessToken(claims, settings.issuer, now);
}

/**
 * Whose an access token is, checked as far as only the issuer can: besides what every verifier checks, its login must
 * live, and its user and client must be there and not disabled.
 */
export async function bearerOf(deps: TokenDeps, text: string, now: EpochMs): Promise<Result<Bearer>> {
  const read = await readToken(deps, text, now);
  if (!read.ok) return read;
  const token = read.value;
  const client = await deps.clients.find(token.clientId);
  const user = token.userId === null ? null : await deps.users.find(token.userId);
  const isUserGone = token.userId !== null && (user === null || user.disabledAt !== null);
  if (client === null || client.disabledAt !== null || isUserGone) return refuse({ reason: 'access_token_of_nobody' });
  if (token.sid === null) return ok({ token, client, user });
  const found = await deps.families.find({ sid: token.sid });
  const end = found === null ? 'removed' : endOf(found.family, now)?.reason;
  if (end !== undefined) return refuse({ reason: 'login_ended', sid: token.sid, because: end });
  return ok({ token, client, user });
}
