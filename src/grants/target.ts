import { audienceChoice, grantAudience, remainingTarget, type Target } from '../oauth/audience.js';
import { optional, type RequestParameters } from '../oauth/parameters.js';
import { ok, type Result } from '../oauth/result.js';
import { grantScope, type TokenList } from '../oauth/scope.js';
import type { GrantDeps, TokenRequest } from './deps.js';

/** Scope and audience of a new grant: what the request asks of what the client may have. */
export function grantTarget({ settings }: GrantDeps, { client, parameters }: TokenRequest): Result<Target> {
  return choose(parameters, client.scopes, client.defaultScope, audienceChoice(client, settings.defaultAudience));
}

/** Scope and audience of a refresh: what the request asks of what is left to the login, all of it by default. */
export function narrowTarget(
  { settings }: Pick<GrantDeps, 'settings'>,
  { client, parameters }: TokenRequest,
  login: Target,
): Result<Target> {
  const { scope, audiences } = remainingTarget(login, client, settings.defaultAudience);
  return choose(parameters, scope, scope, { allowed: audiences, defaults: audiences });
}

/** Whether a request asks for anything but the defaults. */
export function asksForTarget(parameters: RequestParameters): boolean {
  return parameters.has('scope') || parameters.has('resource') || parameters.has('audience');
}

function choose(
  parameters: RequestParameters,
  allowedScope: TokenList,
  defaultScope: TokenList,
  audience: { readonly allowed: TokenList; readonly defaults: TokenList },
): Result<Target> {
  const scope = grantScope(optional(parameters, 'scope'), allowedScope, defaultScope);
  if (!scope.ok) return scope;
  const audiences = grantAudience(parameters.get('resource') ?? [], parameters.get('audience') ?? [], audience);
  return audiences.ok ? ok({ scope: scope.value, audiences: audiences.value }) : audiences;
}
