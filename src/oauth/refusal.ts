/**
 * Every reason for which mintd says no, as one tagged union. The reason is for the log; what the client is told is
 * decided in one place, src/http/errors.ts, which does not compile while a reason has no answer there.
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
  | { readonly reason: 'client_disabled' }
  | { readonly reason: 'client_secret_missing' }
  | { readonly reason: 'client_secret_wrong' }
  | { readonly reason: 'client_is_public' }
  | { readonly reason: 'authorization_header_malformed' }
  // What is asked for
  | { readonly reason: 'grant_type_unknown' }
  | { readonly reason: 'grant_type_not_allowed' }
  | { readonly reason: 'scope_malformed' }
  | { readonly reason: 'scope_not_allowed' }
  | { readonly reason: 'resource_malformed' }
  | { readonly reason: 'audience_not_allowed' }
  // The user's credentials (RFC 6749 §5.2 invalid_grant)
  | { readonly reason: 'user_unknown' }
  | { readonly reason: 'user_disabled'; readonly userId: string }
  | { readonly reason: 'password_wrong'; readonly userId: string }
  | { readonly reason: 'user_changed_meanwhile'; readonly userId: string }
  // The refresh token (RFC 6749 §5.2 invalid_grant)
  | { readonly reason: 'refresh_token_malformed' }
  | { readonly reason: 'refresh_token_unknown' }
  | { readonly reason: 'refresh_token_of_another_client'; readonly sid: string }
  | { readonly reason: 'refresh_token_reused'; readonly sid: string }
  | { readonly reason: 'family_expired'; readonly sid: string }
  | { readonly reason: 'family_revoked'; readonly sid: string }
  | { readonly reason: 'family_ended_with_user_or_client'; readonly sid: string }
  // Not now (RFC 6749 has no code for it; `temporarily_unavailable` is that of its §4.1.2.1)
  | { readonly reason: 'password_queue_full' }
  | { readonly reason: 'family_changed_meanwhile'; readonly sid: string };
