import { remainingTarget } from '../oauth/audience.js';
import { type Client, lifetimesOf } from '../oauth/client.js';
import { expiryOf, judge } from '../oauth/family.js';
import { parseRefreshToken, type RefreshToken, sha256 } from '../oauth/refresh-token.js';
import { ok, type Result, refuse } from '../oauth/result.js';
import { joinList } from '../oauth/scope.js';
import { type EpochMs, toNumericDate } from '../oauth/time.js';
import { bearerOf } from './bearer.js';
import type { TokenDeps } from './deps.js';

/** An answer of RFC 7662 §2.2. Nothing is said of a token that is not active. */
export type Introspection =
  | { readonly active: false }
  | ({ readonly active: true } & Readonly<Record<string, unknown>>);

export type IntrospectionRequest = { readonly client: Client; readonly token: string; readonly now: EpochMs };

/** Why it is not active is for the log alone. */
export type Introspected = { readonly answer: Introspection; readonly inactive: string | null };

const SECRET: Introspection = { active: false };

/**
 * Says whether a token is good right now, with every check there is (RFC 7662 §4): unlike a local verifier it also
 * knows that a login was ended. Only a confidential client is told, and only of a token of its own or one that names
 * it as audience; of any other it learns nothing (RFC 7662 §2.2).
 */
export async function introspectToken(deps: TokenDeps, request: IntrospectionRequest): Promise<Result<Introspected>> {
  const { client, token, now } = request;
  if (client.kind !== 'confidential') return refuse({ reason: 'client_is_public', clientId: client.id });
  const parsed = parseRefreshToken(token);
  if (parsed !== null) return ok(await introspectRefreshToken(deps, parsed, request));
  const bearer = await bearerOf(deps, token, now);
  if (!bearer.ok) return ok({ answer: SECRET, inactive: bearer.refusal.reason });
  const { clientId, audiences, claims } = bearer.value.token;
  if (clientId !== client.id && !audiences.includes(client.id)) {
    return ok({ answer: SECRET, inactive: 'token_of_another_client' });
  }
  return ok({ answer: { active: true, token_type: 'Bearer', ...claims }, inactive: null });
}

/** Looking consumes nothing and ends nothing: a superseded token is merely not active. */
async function introspectRefreshToken(
  deps: TokenDeps,
  { handle, secret }: RefreshToken,
  { client, now }: IntrospectionRequest,
): Promise<Introspected> {
  const found = await deps.families.find({ handleHash: sha256(handle) });
  if (found === null) return { answer: SECRET, inactive: 'refresh_token_unknown' };
  const { family, login } = found;
  const { retryWindowSeconds } = lifetimesOf(client, deps.settings);
  const judged = judge(family, { secret, secretHash: sha256(secret), clientId: client.id, now, retryWindowSeconds });
  if (judged.verdict === 'refused') return { answer: SECRET, inactive: judged.refusal.reason };
  if (judged.verdict === 'reuse') return { answer: SECRET, inactive: 'refresh_token_superseded' };
  // What a refresh would give, also after something was taken from the client.
  const { scope, audiences } = remainingTarget(login, client, deps.settings.defaultAudience);
  if (audiences.length === 0) return { answer: SECRET, inactive: 'audience_not_allowed' };
  const answer = {
    active: true as const,
    iss: deps.settings.issuer,
    sub: login.userId,
    aud: audiences,
    client_id: client.id,
    username: login.username,
    scope: joinList(scope),
    sid: login.sid,
    auth_time: toNumericDate(login.authTime),
    iat: toNumericDate(family.rotatedAt ?? login.authTime),
    exp: toNumericDate(expiryOf(family)),
  };
  return { answer, inactive: null };
}
