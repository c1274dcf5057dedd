import { ok, type Result, refuse } from '../oauth/result.js';
import type { GrantDeps, TokenRequest } from './deps.js';
import { type Issued, issue } from './issue.js';
import { grantTarget } from './target.js';

/** The client credentials grant (RFC 6749 §4.4): nothing is stored, and no refresh token is made (§4.4.3). */
export async function clientCredentials(deps: GrantDeps, request: TokenRequest): Promise<Result<Issued>> {
  // RFC 6749 §4.4: confidential clients alone. No client is made otherwise, but the row may have come another way.
  if (request.client.kind === 'public') return refuse({ reason: 'grant_type_not_allowed' });
  const target = grantTarget(deps, request);
  if (!target.ok) return target;
  const { client, now } = request;
  const tokensPerMinute = client.tokensPerMinute ?? deps.settings.clientTokensPerMinute;
  const retryAfterSeconds = tokensPerMinute === null ? null : deps.tokenRate.take(client.id, tokensPerMinute, now);
  if (retryAfterSeconds !== null) return refuse({ reason: 'client_token_rate_exceeded', retryAfterSeconds });
  return ok(await issue(deps, request, { event: 'client_token', ...target.value, user: null, refreshToken: null }));
}
