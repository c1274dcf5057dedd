import { ok, type Result } from '../oauth/result.js';
import type { GrantDeps, TokenRequest } from './deps.js';
import { type Issued, issue } from './issue.js';
import { grantTarget } from './target.js';

/** The client credentials grant (RFC 6749 §4.4): nothing is stored, and no refresh token is made (§4.4.3). */
export async function clientCredentials(deps: GrantDeps, request: TokenRequest): Promise<Result<Issued>> {
  const target = grantTarget(deps, request);
  if (!target.ok) return target;
  return ok(await issue(deps, request, { event: 'client_token', ...target.value, user: null, refreshToken: null }));
}
