import type { AccessToken } from './access-token.js';
import type { Client } from './client.js';
import { ok, type Result, refuse } from './result.js';
import type { TokenList } from './scope.js';

/** The scope of those who administer, and the role of a person who does. */
export const ADMIN = 'mintd.admin';

/**
 * Whether the bearer of a token may administer: the token must have been asked for that (its scope), for mintd alone (its
 * audience, else any service it was sent to could use it here), and the client must still be one that may. A person must
 * have the role as well: else everybody who logs in at such a client would be an administrator.
 */
export function mayAdminister(
  { scope, audiences }: Pick<AccessToken, 'scope' | 'audiences'>,
  client: Client,
  user: { readonly roles: TokenList } | null,
  issuer: string,
): Result<null> {
  if (audiences.length !== 1 || audiences[0] !== issuer) return refuse({ reason: 'admin_audience_missing' });
  if (!scope.includes(ADMIN) || !client.scopes.includes(ADMIN)) return refuse({ reason: 'admin_scope_missing' });
  if (user !== null && !user.roles.includes(ADMIN)) return refuse({ reason: 'admin_role_missing' });
  return ok(null);
}
