import { checkLogin } from '../accounts/login.js';
import type { Target } from '../oauth/audience.js';
import { type Client, lifetimesOf } from '../oauth/client.js';
import { GRANT_PARAMETERS } from '../oauth/endpoint-parameters.js';
import { readParameters } from '../oauth/parameters.js';
import { formatRefreshToken, HANDLE_BYTES, SECRET_BYTES, sha256 } from '../oauth/refresh-token.js';
import { ok, type Result, refuse } from '../oauth/result.js';
import { uuidFrom } from '../oauth/uuid.js';
import type { User } from '../store/users.js';
import type { GrantDeps, TokenRequest } from './deps.js';
import { type Issued, issue } from './issue.js';
import { grantTarget } from './target.js';

/**
 * The resource owner password credentials grant (RFC 6749 §4.3): checks the password and starts a login. Its refresh
 * token is given to a client that may refresh.
 */
export async function password(deps: GrantDeps, request: TokenRequest): Promise<Result<Issued>> {
  const read = readParameters(GRANT_PARAMETERS.password, request.parameters);
  if (!read.ok) return read;
  const target = grantTarget(deps, request);
  if (!target.ok) return target;
  const { sender, now } = request;
  const { username, password: given } = read.value;
  const user = await checkLogin(deps.login, { username, password: given, sender, now });
  if (!user.ok) return user;
  return startLogin(deps, request, user.value, target.value);
}

async function startLogin(deps: GrantDeps, request: TokenRequest, user: User, target: Target): Promise<Result<Issued>> {
  const { client, now } = request;
  const subject = { userId: user.id, username: user.username, roles: user.roles, authTime: now };
  const { idleTtlSeconds, absoluteTtlSeconds } = lifetimeOfLogin(deps, client);
  const idleExpiresAt = now + idleTtlSeconds * 1000;
  const absoluteExpiresAt = now + absoluteTtlSeconds * 1000;
  const handle = deps.randomBytes(HANDLE_BYTES);
  const secret = deps.randomBytes(SECRET_BYTES);
  const sid = uuidFrom(deps.randomBytes(16));
  const began = await deps.families.begin({
    sid,
    handleHash: sha256(handle),
    secretHash: sha256(secret),
    userId: user.id,
    clientId: client.id,
    // The values the password was checked under: if all logins of the user or the client end meanwhile, so does this.
    loginEpoch: user.loginEpoch,
    clientEpoch: client.loginEpoch,
    ...target,
    device: request.device,
    now,
    idleExpiresAt,
    absoluteExpiresAt,
  });
  if (!began) return refuse({ reason: 'user_changed_meanwhile', userId: user.id });
  const expiresAt = Math.min(idleExpiresAt, absoluteExpiresAt);
  const mayRefresh = client.grants.includes('refresh_token');
  const refreshToken = mayRefresh ? { token: formatRefreshToken({ handle, secret }), expiresAt } : null;
  return ok(await issue(deps, request, { event: 'login', ...target, user: { ...subject, sid }, refreshToken }));
}

/**
 * A login lasts as long as it can be refreshed. Where it cannot be, that is as long as its access token: also such a
 * login is one that people see, and can end.
 */
function lifetimeOfLogin(
  { settings }: GrantDeps,
  client: Client,
): { idleTtlSeconds: number; absoluteTtlSeconds: number } {
  const own = lifetimesOf(client, settings);
  if (client.grants.includes('refresh_token')) {
    return { idleTtlSeconds: own.refreshIdleTtlSeconds, absoluteTtlSeconds: own.refreshAbsoluteTtlSeconds };
  }
  return { idleTtlSeconds: own.accessTokenTtlSeconds, absoluteTtlSeconds: own.accessTokenTtlSeconds };
}
