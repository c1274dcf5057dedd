import { accessTokenClaims, type UserSubject } from '../oauth/claims.js';
import { lifetimesOf } from '../oauth/client.js';
import { joinList, type TokenList } from '../oauth/scope.js';
import type { EpochMs } from '../oauth/time.js';
import { uuidFrom } from '../oauth/uuid.js';
import type { GrantDeps, TokenRequest } from './deps.js';

/** A successful answer of the token endpoint (RFC 6749 §5.1). */
export type TokenResponse = {
  readonly access_token: string;
  readonly token_type: 'Bearer';
  readonly expires_in: number;
  readonly scope?: string;
  readonly refresh_token?: string;
};

/** What happened, for the log: no token, no secret. */
export type TokenEvent = {
  readonly event: 'login' | 'refresh' | 'refresh_retry' | 'client_token';
  readonly jti: string;
  readonly userId?: string;
  readonly sid?: string;
};

/** An answer and what is to be written down about it. */
export type Issued = {
  readonly response: TokenResponse;
  readonly event: TokenEvent;
  /** When the refresh token ends if it is not used; null where there is none. */
  readonly refreshExpiresAt: EpochMs | null;
};

/** What the access token is to say, and the refresh token that goes with it, if any. */
export type Issue = {
  readonly event: TokenEvent['event'];
  readonly scope: TokenList;
  readonly audiences: TokenList;
  readonly user: UserSubject | null;
  readonly refreshToken: { readonly token: string; readonly expiresAt: EpochMs } | null;
};

/** Signs the access token and puts the answer together. Everything that had to be stored is committed by now. */
export async function issue(deps: GrantDeps, { client, now }: TokenRequest, what: Issue): Promise<Issued> {
  const jti = uuidFrom(deps.randomBytes(16));
  const { accessTokenTtlSeconds } = lifetimesOf(client, deps.settings);
  // Keys stay published for as long as the ring says, which another server's configuration may just have changed.
  const ttlSeconds = Math.min(accessTokenTtlSeconds, deps.signer.longestTtlSeconds());
  const claims = accessTokenClaims({
    issuer: deps.settings.issuer,
    clientId: client.id,
    scope: what.scope,
    audiences: what.audiences,
    issuedAt: now,
    ttlSeconds,
    jti,
    user: what.user,
  });
  const response: TokenResponse = {
    access_token: await deps.signer.sign(claims, now),
    token_type: 'Bearer',
    expires_in: ttlSeconds,
    ...(what.scope.length > 0 && { scope: joinList(what.scope) }),
    ...(what.refreshToken !== null && { refresh_token: what.refreshToken.token }),
  };
  const { user } = what;
  const who = user === null ? {} : { userId: user.userId, sid: user.sid };
  return {
    response,
    event: { event: what.event, jti, ...who },
    refreshExpiresAt: what.refreshToken?.expiresAt ?? null,
  };
}
