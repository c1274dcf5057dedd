import type { Refusal } from '../oauth/refusal.js';

/** What a client is told: an error code of RFC 6749 §5.2 or its relatives, and a text that gives nothing away. */
export type WireError = {
  readonly status: number;
  readonly error: string;
  readonly description: string;
  readonly retryAfterSeconds?: number;
};

/** RFC 6749 has no code for it at the token endpoint; this is the one of its §4.1.2.1. */
export const UNAVAILABLE: WireError = {
  status: 503,
  error: 'temporarily_unavailable',
  description: 'Try again in a moment.',
  retryAfterSeconds: 1,
};

export const SERVER_ERROR: WireError = {
  status: 500,
  error: 'server_error',
  description: 'Something went wrong here.',
};

const TOO_MANY = wire(429, 'temporarily_unavailable', 'Too many attempts: try again later.');
const BAD_CLIENT = wire(401, 'invalid_client', 'Client authentication failed.');
const BAD_PASSWORD = wire(400, 'invalid_grant', 'The user name or the password is wrong.');
const BAD_REFRESH_TOKEN = wire(400, 'invalid_grant', 'The refresh token is invalid, expired or revoked.');
const BAD_ACCESS_TOKEN = wire(401, 'invalid_token', 'The access token is invalid, expired or revoked.');
const BAD_SCOPE = wire(400, 'invalid_scope', 'The scope is malformed or exceeds what may be granted.');
const BAD_TARGET = wire(400, 'invalid_target', 'The resource or audience is malformed or may not be asked for.');
const FOREIGN_PAGE = wire(403, 'access_denied', 'This page may not use the client, or did not say that it asks.');

/** The only mapping from reasons to answers. A new reason without an answer does not compile. */
const ANSWERS: Readonly<Record<Exclude<Refusal['reason'], 'parameter_missing' | 'account_unfit'>, WireError>> = {
  body_malformed: invalidRequest('The body cannot be read: send a form, or a flat JSON object of strings.'),
  body_too_large: wire(413, 'invalid_request', 'The body is larger than 16 KiB.'),
  content_type_unsupported: invalidRequest('Send application/x-www-form-urlencoded or application/json.'),
  credential_in_url: invalidRequest('Credentials do not belong in a URL: send them in the body.'),
  url_malformed: invalidRequest('The URL cannot be read.'),
  header_repeated: invalidRequest('A header was sent more than once.'),
  parameter_repeated: invalidRequest('A parameter was sent more than once.'),
  client_authentication_twice: invalidRequest('Use one way of client authentication, not two.'),

  client_not_named: BAD_CLIENT,
  client_unknown: BAD_CLIENT,
  client_disabled: BAD_CLIENT,
  client_secret_missing: BAD_CLIENT,
  client_secret_wrong: BAD_CLIENT,
  client_secret_expired: BAD_CLIENT,
  client_is_public: BAD_CLIENT,
  authorization_header_malformed: BAD_CLIENT,
  client_authentication_method_wrong: BAD_CLIENT,
  client_assertion_type_unknown: BAD_CLIENT,
  client_assertion_malformed: BAD_CLIENT,
  client_assertion_header_not_allowed: BAD_CLIENT,
  client_assertion_missing: BAD_CLIENT,
  client_assertion_of_another: BAD_CLIENT,
  client_assertion_audience: BAD_CLIENT,
  client_assertion_times_malformed: BAD_CLIENT,
  client_assertion_expired: BAD_CLIENT,
  client_assertion_too_long: BAD_CLIENT,
  client_assertion_too_early: BAD_CLIENT,
  client_assertion_without_jti: BAD_CLIENT,
  client_assertion_signature_wrong: BAD_CLIENT,
  client_assertion_replayed: BAD_CLIENT,

  grant_type_unknown: wire(400, 'unsupported_grant_type', 'This grant type is not supported.'),
  grant_type_not_allowed: wire(400, 'unauthorized_client', 'The client may not use this grant type.'),
  scope_malformed: BAD_SCOPE,
  scope_not_allowed: BAD_SCOPE,
  resource_malformed: BAD_TARGET,
  audience_not_allowed: BAD_TARGET,

  user_unknown: BAD_PASSWORD,
  user_disabled: BAD_PASSWORD,
  password_wrong: BAD_PASSWORD,
  user_changed_meanwhile: BAD_PASSWORD,

  refresh_token_malformed: BAD_REFRESH_TOKEN,
  refresh_token_unknown: BAD_REFRESH_TOKEN,
  refresh_token_of_another_client: BAD_REFRESH_TOKEN,
  refresh_token_reused: BAD_REFRESH_TOKEN,
  family_expired: BAD_REFRESH_TOKEN,
  family_revoked: BAD_REFRESH_TOKEN,
  family_ended_with_user_or_client: BAD_REFRESH_TOKEN,

  origin_not_allowed: FOREIGN_PAGE,
  cross_site: FOREIGN_PAGE,
  requested_with_missing: FOREIGN_PAGE,
  cookie_repeated: invalidRequest('The cookie was sent more than once.'),
  refresh_token_in_body: invalidRequest('This client keeps its refresh token in a cookie, not in the body.'),
  // To a page it is all one whether its login ran out or the browser dropped the cookie when it did.
  refresh_cookie_missing: BAD_REFRESH_TOKEN,
  client_without_cookies: wire(400, 'unauthorized_client', 'The client keeps its refresh token in no cookie.'),

  token_of_another_client: wire(400, 'invalid_grant', 'The token is not one of this client.'),
  access_token_without_login: wire(400, 'unsupported_token_type', 'This access token has no login to be ended.'),

  bearer_missing: wire(401, 'invalid_token', 'Send an access token in the Authorization header.'),
  bearer_malformed: invalidRequest('The Authorization header is malformed.'),
  access_token_invalid: BAD_ACCESS_TOKEN,
  access_token_expired: BAD_ACCESS_TOKEN,
  access_token_of_nobody: BAD_ACCESS_TOKEN,
  login_ended: BAD_ACCESS_TOKEN,
  access_token_without_user: wire(403, 'insufficient_scope', 'This is for the access token of a user.'),
  admin_audience_missing: wire(
    401,
    'invalid_token',
    'The access token is not for this issuer alone: ask for it as the only audience.',
  ),
  admin_scope_missing: wire(403, 'insufficient_scope', 'This takes the scope mintd.admin.'),
  admin_role_missing: wire(403, 'insufficient_scope', 'This takes the role mintd.admin.'),
  session_unknown: wire(404, 'not_found', 'There is no such session of yours.'),

  current_password_wrong: wire(400, 'invalid_grant', 'The current password is wrong.'),

  login_blocked: TOO_MANY,
  registration_blocked: TOO_MANY,
  password_queue_full: UNAVAILABLE,
  password_wait_too_long: UNAVAILABLE,
  request_abandoned: UNAVAILABLE,
  client_token_rate_exceeded: wire(429, 'temporarily_unavailable', 'Too many tokens in this minute: try again later.'),
  family_changed_meanwhile: UNAVAILABLE,
};

/** What a client is told of a refusal. */
export function wireError(refusal: Refusal): WireError {
  if (refusal.reason === 'parameter_missing') return invalidRequest(`The parameter ${refusal.parameter} is missing.`);
  if (refusal.reason === 'account_unfit') return invalidRequest(refusal.fault);
  const answer = ANSWERS[refusal.reason];
  return 'retryAfterSeconds' in refusal ? { ...answer, retryAfterSeconds: refusal.retryAfterSeconds } : answer;
}

function wire(status: number, error: string, description: string): WireError {
  return { status, error, description };
}

function invalidRequest(description: string): WireError {
  return wire(400, 'invalid_request', description);
}
