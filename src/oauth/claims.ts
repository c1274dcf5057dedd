import type { TokenList } from './scope.js';
import { joinList } from './scope.js';
import { type EpochMs, toNumericDate } from './time.js';

/** Whom an access token speaks of when that is a person. */
export type UserSubject = {
  readonly userId: string;
  readonly username: string;
  readonly roles: TokenList;
  readonly authTime: EpochMs;
  readonly sid: string;
};

/** Everything an access token says. */
export type AccessTokenContent = {
  readonly issuer: string;
  readonly clientId: string;
  readonly scope: TokenList;
  readonly audiences: TokenList;
  readonly issuedAt: EpochMs;
  readonly ttlSeconds: number;
  readonly jti: string;
  /** Null for client_credentials: the client itself is the subject. */
  readonly user: UserSubject | null;
};

/**
 * The claims of an access token (RFC 9068 §2.2). No `nbf`: a verifier whose clock is a little behind would refuse
 * good tokens. No e-mail address, no secret.
 */
export function accessTokenClaims(content: AccessTokenContent): Record<string, unknown> {
  const { user, audiences } = content;
  const iat = toNumericDate(content.issuedAt);
  return {
    iss: content.issuer,
    sub: user === null ? content.clientId : user.userId,
    aud: audiences.length === 1 ? audiences[0] : audiences,
    exp: iat + content.ttlSeconds,
    iat,
    jti: content.jti,
    client_id: content.clientId,
    ...(content.scope.length === 0 ? {} : { scope: joinList(content.scope) }),
    ...(user === null
      ? {}
      : {
          sid: user.sid,
          auth_time: toNumericDate(user.authTime),
          username: user.username,
          roles: user.roles,
        }),
  };
}
