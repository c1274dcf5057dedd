import type { EventName } from './events.js';

/**
 * Every reason for which mintd says no, as one tagged union. The reason is for the log; what the client is told is
 * decided in one place, src/http/wire-errors.ts, which does not compile while a reason has no answer there.
 */
export type Refusal =
  // The request itself (RFC 6749 §5.2 invalid_request)
  | { readonly reason: 'body_malformed' }
  | { readonly reason: 'body_too_large' }
  | { readonly reason: 'content_type_unsupported' }
  | { readonly reason: 'url_malformed' }
  | { readonly reason: 'header_repeated' }
  | { readonly reason: 'credential_in_url' }
  | { readonly reason: 'parameter_repeated' }
  | { readonly reason: 'parameter_missing'; readonly parameter: string }
  | { readonly reason: 'client_authentication_twice' }
  // Who is asking (RFC 6749 §5.2 invalid_client)
  | { readonly reason: 'client_not_named' }
  | { readonly reason: 'client_unknown' }
  | { readonly reason: 'client_disabled'; readonly clientId: string }
  | { readonly reason: 'client_secret_missing'; readonly clientId: string }
  | { readonly reason: 'client_secret_wrong'; readonly clientId: string }
  | { readonly reason: 'client_secret_expired'; readonly clientId: string }
  | { readonly reason: 'client_is_public'; readonly clientId: string }
  | { readonly reason: 'authorization_header_malformed' }
  | { readonly reason: 'client_authentication_method_wrong'; readonly clientId: string }
  // The assertion with which a client shows who it is (RFC 7523 §3.1)
  | { readonly reason: 'client_assertion_type_unknown' }
  | { readonly reason: 'client_assertion_malformed' }
  | { readonly reason: 'client_assertion_header_not_allowed' }
  | { readonly reason: 'client_assertion_missing'; readonly clientId: string }
  | { readonly reason: 'client_assertion_of_another'; readonly clientId: string }
  | { readonly reason: 'client_assertion_audience'; readonly clientId: string }
  | { readonly reason: 'client_assertion_times_malformed'; readonly clientId: string }
  | { readonly reason: 'client_assertion_expired'; readonly clientId: string }
  | { readonly reason: 'client_assertion_too_long'; readonly clientId: string }
  | { readonly reason: 'client_assertion_too_early'; readonly clientId: string }
  | { readonly reason: 'client_assertion_without_jti'; readonly clientId: string }
  | { readonly reason: 'client_assertion_signature_wrong'; readonly clientId: string }
  | { readonly reason: 'client_assertion_replayed'; readonly clientId: string }
  // What is asked for
  | { readonly reason: 'grant_type_unknown' }
  | { readonly reason: 'grant_type_not_allowed' }
  | { readonly reason: 'scope_malformed' }
  | { readonly reason: 'scope_not_allowed'; readonly scope: string }
  | { readonly reason: 'resource_malformed' }
  | { readonly reason: 'audience_not_allowed'; readonly audience?: string }
  // The user's credentials (RFC 6749 §5.2 invalid_grant)
  | { readonly reason: 'user_unknown' }
  | { readonly reason: 'user_disabled'; readonly userId: string }
  | { readonly reason: 'password_wrong'; readonly userId: string }
  | { readonly reason: 'user_changed_meanwhile'; readonly userId: string }
  // An account somebody makes or changes; the fault is a sentence for that person
  | { readonly reason: 'account_unfit'; readonly fault: string }
  | { readonly reason: 'current_password_wrong'; readonly userId: string }
  | { readonly reason: 'registration_blocked'; readonly retryAfterSeconds: number }
  // The refresh token (RFC 6749 §5.2 invalid_grant)
  | { readonly reason: 'refresh_token_malformed' }
  | { readonly reason: 'refresh_token_unknown' }
  | { readonly reason: 'refresh_token_of_another_client'; readonly sid: string }
  | { readonly reason: 'refresh_token_reused'; readonly sid: string; readonly userId: string }
  | { readonly reason: 'family_expired'; readonly sid: string }
  | { readonly reason: 'family_revoked'; readonly sid: string }
  | { readonly reason: 'family_ended_with_user_or_client'; readonly sid: string }
  // A browser, and the page in it
  | { readonly reason: 'origin_not_allowed' }
  | { readonly reason: 'cross_site' }
  | { readonly reason: 'requested_with_missing' }
  | { readonly reason: 'cookie_repeated' }
  | { readonly reason: 'refresh_token_in_body' }
  | { readonly reason: 'refresh_cookie_missing' }
  | { readonly reason: 'client_without_cookies' }
  // A token that is to be ended or looked at (RFC 7009 §2.2.1, RFC 7662 §2.3)
  | { readonly reason: 'token_of_another_client' }
  | { readonly reason: 'access_token_without_login' }
  // The bearer of an access token (RFC 6750 §3.1)
  | { readonly reason: 'bearer_missing' }
  | { readonly reason: 'bearer_malformed' }
  | { readonly reason: 'access_token_invalid' }
  | { readonly reason: 'access_token_expired' }
  | { readonly reason: 'access_token_of_nobody' }
  | { readonly reason: 'login_ended'; readonly sid: string; readonly because: string }
  | { readonly reason: 'access_token_without_user' }
  | { readonly reason: 'session_unknown' }
  | { readonly reason: 'admin_audience_missing' }
  | { readonly reason: 'admin_scope_missing' }
  | { readonly reason: 'admin_role_missing' }
  // Not now (RFC 6749 has no code for it; `temporarily_unavailable` is that of its §4.1.2.1)
  | { readonly reason: 'password_queue_full' }
  | { readonly reason: 'password_wait_too_long' }
  | { readonly reason: 'request_abandoned' }
  | { readonly reason: 'login_blocked'; readonly limit: 'account' | 'address'; readonly retryAfterSeconds: number }
  | { readonly reason: 'client_token_rate_exceeded'; readonly retryAfterSeconds: number }
  | { readonly reason: 'family_changed_meanwhile'; readonly sid: string };

/** What a refusal is called in the log. */
export function refusalEvent({ reason }: Refusal): EventName {
  if (reason === 'refresh_token_reused') return 'reuse';
  return LOGIN_FAILURES.has(reason) ? 'login_failed' : 'refused';
}

const LOGIN_FAILURES: ReadonlySet<Refusal['reason']> = new Set([
  'user_unknown',
  'user_disabled',
  'password_wrong',
  'user_changed_meanwhile',
  'login_blocked',
  'current_password_wrong',
]);
