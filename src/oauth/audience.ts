import { namedAudience } from './named.js';
import type { Refusal } from './refusal.js';
import { ok, type Result, refuse } from './result.js';
import type { TokenList } from './scope.js';

/** The audiences a token may be asked for, and those it gets when none is asked. */
export type AudienceChoice = { readonly allowed: TokenList; readonly defaults: TokenList };

/**
 * Which audiences a token gets: those named by `resource` (RFC 8707 §2) and `audience`, which must be allowed; the
 * defaults when none is named. On a refresh, allowed = defaults = the family's own (RFC 8707 §2.2).
 */
export function grantAudience(
  resources: readonly string[],
  audiences: readonly string[],
  choice: AudienceChoice,
): Result<TokenList> {
  if (!resources.every(isResourceIndicator)) return refuse({ reason: 'resource_malformed' });
  const asked = [...new Set([...resources, ...audiences])];
  // Without an audience a token would be good nowhere, or to a lax verifier everywhere.
  if (asked.length === 0 && choice.defaults.length > 0) return ok(choice.defaults);
  if (asked.length === 0) return refuse({ reason: 'audience_not_allowed' });
  const excess = asked.find((audience) => !choice.allowed.includes(audience));
  return excess === undefined ? ok(asked) : refuse(notAllowed(excess));
}

/** A refusal that names the audience as far as the log may. */
function notAllowed(asked: string): Refusal {
  const audience = namedAudience(asked);
  return { reason: 'audience_not_allowed', ...(audience !== null && { audience }) };
}

/** An absolute URI without a fragment (RFC 8707 §2). */
function isResourceIndicator(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:[^#\s]+$/i.test(text);
}

/**
 * What a client may choose among. A client without audiences of its own gets the server's `DEFAULT_AUDIENCE`; one
 * without defaults gets all it has.
 */
export function audienceChoice(
  client: { readonly audiences: TokenList; readonly defaultAudiences: TokenList },
  serverDefault: string,
): AudienceChoice {
  const allowed = client.audiences.length > 0 ? client.audiences : [serverDefault];
  return { allowed, defaults: client.defaultAudiences.length > 0 ? client.defaultAudiences : allowed };
}

/** What a token may do, and where. */
export type Target = { readonly scope: TokenList; readonly audiences: TokenList };

/**
 * What is left to a login: what it was given, as far as its client may still have it. So what is taken from a client is gone
 * with the next refresh, and what it gets is for new logins. Without an audience nothing is left.
 */
export function remainingTarget(
  login: Target,
  client: { readonly scopes: TokenList; readonly audiences: TokenList; readonly defaultAudiences: TokenList },
  serverDefault: string,
): Target {
  const { allowed } = audienceChoice(client, serverDefault);
  return {
    scope: login.scope.filter((scope) => client.scopes.includes(scope)),
    audiences: login.audiences.filter((audience) => allowed.includes(audience)),
  };
}
