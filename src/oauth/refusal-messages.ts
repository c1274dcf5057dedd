import type { Refusal } from './refusal.js';

/** Why a request was refused, as the end of a sentence for the log. A reason without one does not compile. */
const WHY: Readonly<Record<Refusal['reason'], string>> = {
  body_malformed: 'the body is neither a form nor a flat JSON object of strings',
  body_too_large: 'the body is larger than 16 KiB',
  content_type_unsupported: 'the body is neither a form nor JSON',
  url_malformed: 'the URL cannot be read',
  header_repeated: 'a header was sent more than once',
  credential_in_url: 'a credential was in the URL',
  parameter_repeated: 'a parameter was sent more than once',
  parameter_missing: 'a parameter is missing',
  client_authentication_twice: 'the client authenticated in two ways at once',

  client_not_named: 'the request names no client',
  client_unknown: 'there is no such client',
  client_disabled: 'the client is disabled',
  client_secret_missing: 'the client sent no secret',
  client_secret_wrong: 'the client secret is wrong',
  client_secret_expired: 'the client secret is the former one, and its overlap has ended',
  client_is_public: 'a public client sent a secret',
  authorization_header_malformed: 'the Authorization header cannot be read',
  client_authentication_method_wrong: 'the client has to authenticate in another way',
  client_assertion_type_unknown: 'the type of the client assertion is unknown',
  client_assertion_malformed: 'the client assertion cannot be read',
  client_assertion_header_not_allowed: 'the header of the client assertion is not allowed',
  client_assertion_missing: 'the client sent no assertion',
  client_assertion_of_another: 'the client assertion is not by and about the client itself',
  client_assertion_audience: 'the client assertion is not for this issuer alone',
  client_assertion_times_malformed: 'the times of the client assertion cannot be read',
  client_assertion_expired: 'the client assertion has expired',
  client_assertion_too_long: 'the client assertion is valid for too long',
  client_assertion_too_early: 'the client assertion is not valid yet',
  client_assertion_without_jti: 'the client assertion has no jti',
  client_assertion_signature_wrong: 'no key of the client made the signature of the assertion',
  client_assertion_replayed: 'the client assertion was used before',

  grant_type_unknown: 'there is no such grant type',
  grant_type_not_allowed: 'the client may not use this grant type',
  scope_malformed: 'the scope does not follow RFC 6749',
  scope_not_allowed: 'this scope may not be granted',
  resource_malformed: 'a resource is no absolute URI without a fragment',
  audience_not_allowed: 'this audience may not be granted',

  user_unknown: 'no user has that name',
  user_disabled: 'the user is disabled',
  password_wrong: 'the password is wrong',
  user_changed_meanwhile: 'the user was changed in the same moment',
  account_unfit: 'the account cannot be like that',
  current_password_wrong: 'the current password is wrong',
  registration_blocked: 'too many accounts were asked for from this address',

  refresh_token_malformed: 'the refresh token is none of mintd',
  refresh_token_unknown: 'there is no session with this refresh token',
  refresh_token_of_another_client: 'the refresh token is that of another client',
  refresh_token_reused: 'the refresh token was superseded',
  family_expired: 'the session has expired',
  family_revoked: 'the session was ended',
  family_ended_with_user_or_client: 'all sessions of the user or the client were ended',

  origin_not_allowed: 'the origin of the page is not one of the client',
  cross_site: 'the page is on another site',
  requested_with_missing: 'the header X-Requested-With is missing',
  cookie_repeated: 'the cookie was sent more than once',
  refresh_token_in_body: 'the client keeps its refresh token in a cookie, and sent one in the body',
  refresh_cookie_missing: 'the cookie with the refresh token is missing',
  client_without_cookies: 'the client does not deliver refresh tokens in cookies',

  token_of_another_client: 'the token is that of another client',
  access_token_without_login: 'the access token has no session that could be ended',

  bearer_missing: 'there is no access token',
  bearer_malformed: 'the Authorization header is no bearer token',
  access_token_invalid: 'the access token is none of this issuer',
  access_token_expired: 'the access token has expired',
  access_token_of_nobody: 'the user or the client of the access token is gone',
  login_ended: 'the session of the access token has ended',
  access_token_without_user: 'the access token is that of a client, not of a user',
  session_unknown: 'the user has no such session',
  admin_audience_missing: 'the access token is not for this issuer alone',
  admin_scope_missing: 'the access token lacks the scope mintd.admin',
  admin_role_missing: 'the user lacks the role mintd.admin',

  password_queue_full: 'too many passwords wait to be hashed',
  password_wait_too_long: 'the password waited too long to be hashed',
  request_abandoned: 'the client hung up',
  login_blocked: 'too many logins failed',
  client_token_rate_exceeded: 'the client asks for too many tokens a minute',
  family_changed_meanwhile: 'the session was changed in the same moment',
};

/** Why a request was refused; a reason that the table does not have (src/http/admin/problem.ts) in its own words. */
export function why(reason: unknown): string {
  const text = String(reason);
  return Object.hasOwn(WHY, text) ? WHY[text as Refusal['reason']] : text.replaceAll('_', ' ');
}
