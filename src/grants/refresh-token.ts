import { audienceChoice } from '../oauth/audience.js';
import { lifetimesOf } from '../oauth/client.js';
import { GRANT_PARAMETERS } from '../oauth/endpoint-parameters.js';
import { judge, type Presentation } from '../oauth/family.js';
import { readParameters } from '../oauth/parameters.js';
import {
  formatRefreshToken,
  parseRefreshToken,
  type RefreshToken,
  SUCCESSOR_KEY_BYTES,
  sha256,
  successorOf,
} from '../oauth/refresh-token.js';
import { ok, type Result, refuse } from '../oauth/result.js';
import type { Login } from '../store/rotations.js';
import type { GrantDeps, TokenRequest } from './deps.js';
import { type Issued, issue } from './issue.js';
import { asksForTarget, narrowTarget } from './target.js';

/** What a presented token led to: a login that goes on, with the secret of its newest token. */
type Continued = { readonly event: 'refresh' | 'refresh_retry'; readonly login: Login; readonly secret: Uint8Array };

/**
 * The refresh token grant (RFC 6749 §6) with rotation, retry and reuse detection: one conditional statement decides,
 * and only what it did not rotate is read and judged (src/oauth/family.ts).
 */
export async function refreshToken(deps: GrantDeps, request: TokenRequest): Promise<Result<Issued>> {
  const read = readParameters(GRANT_PARAMETERS.refresh_token, request.parameters);
  if (!read.ok) return read;
  const token = parseRefreshToken(read.value.refresh_token);
  if (token === null) return refuse({ reason: 'refresh_token_malformed' });

  if (asksForTarget(request.parameters)) {
    const narrowed = await checkTarget(deps, request, token);
    if (!narrowed.ok) return narrowed;
  }
  const continued = (await rotate(deps, request, token)) ?? (await judgeUnrotated(deps, request, token));
  if (!continued.ok) return continued;

  const { event, login, secret } = continued.value;
  const target = narrowTarget(deps, request, login);
  if (!target.ok) return target;
  const refreshed = formatRefreshToken({ handle: token.handle, secret });
  const renewed = { token: refreshed, expiresAt: login.expiresAt };
  return ok(await issue(deps, request, { event, ...target.value, user: login, refreshToken: renewed }));
}

/**
 * The one statement that decides. Null when the token was not the newest of a living family of this client, or when nothing
 * is left of its audiences: that is refused, and must consume nothing.
 */
async function rotate(
  { families, settings, randomBytes }: GrantDeps,
  { client, now }: TokenRequest,
  token: RefreshToken,
): Promise<Result<Continued> | null> {
  const successorKey = randomBytes(SUCCESSOR_KEY_BYTES);
  const secret = successorOf(token.secret, successorKey);
  const login = await families.rotate({
    handleHash: sha256(token.handle),
    presentedHash: sha256(token.secret),
    successorHash: sha256(secret),
    successorKey,
    clientId: client.id,
    audiences: audienceChoice(client, settings.defaultAudience).allowed,
    now,
    idleExpiresAt: now + lifetimesOf(client, settings).refreshIdleTtlSeconds * 1000,
  });
  return login === null ? null : ok({ event: 'refresh', login, secret });
}

/** A token that rotated nothing: retried, reused, or of a family that is over. A reuse is revoked before the answer. */
async function judgeUnrotated(deps: GrantDeps, request: TokenRequest, token: RefreshToken): Promise<Result<Continued>> {
  const { families, settings } = deps;
  const found = await families.find({ handleHash: sha256(token.handle) });
  if (found === null) return refuse({ reason: 'refresh_token_unknown' });
  const { family, login } = found;
  const judged = judge(family, presentation(request, token, settings));
  switch (judged.verdict) {
    case 'newest': {
      const target = narrowTarget(deps, request, login);
      if (!target.ok) return target;
      // Whatever kept it from rotating is over (a user enabled again, say). Nothing was consumed: it can be sent again.
      return refuse({ reason: 'family_changed_meanwhile', sid: family.sid });
    }
    case 'retry':
      return ok({ event: 'refresh_retry', login, secret: judged.successor });
    case 'refused':
      return refuse(judged.refusal);
    case 'reuse':
      await families.revoke(family.sid, 'reuse', request.now);
      return refuse({ reason: 'refresh_token_reused', sid: family.sid, userId: login.userId });
  }
}

/**
 * Refuses a scope or audience outside the login's before anything is consumed. Only for a token that would be
 * honoured: any other goes on to its own verdict.
 */
async function checkTarget(deps: GrantDeps, request: TokenRequest, token: RefreshToken): Promise<Result<unknown>> {
  const { families, settings } = deps;
  const found = await families.find({ handleHash: sha256(token.handle) });
  if (found === null) return ok(null);
  const { verdict } = judge(found.family, presentation(request, token, settings));
  const honoured = verdict === 'newest' || verdict === 'retry';
  return honoured ? narrowTarget(deps, request, found.login) : ok(null);
}

function presentation(
  { client, now }: TokenRequest,
  { secret }: RefreshToken,
  settings: GrantDeps['settings'],
): Presentation {
  const { retryWindowSeconds } = lifetimesOf(client, settings);
  return { secret, secretHash: sha256(secret), clientId: client.id, now, retryWindowSeconds };
}
