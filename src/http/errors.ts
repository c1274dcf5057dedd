import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { Refusal } from '../oauth/refusal.js';

/** What a client is told: an error code of RFC 6749 §5.2 (or RFC 8707 §2), and a text that gives nothing away. */
export type WireError = {
  readonly status: number;
  readonly error: string;
  readonly description: string;
  readonly retryAfterSeconds?: number;
};

/** The only mapping from reasons to answers. A new reason without an answer does not compile. */
export function wireError(refusal: Refusal): WireError {
  switch (refusal.reason) {
    case 'body_malformed':
      return invalidRequest('The body cannot be read: send a form, or a flat JSON object of strings.');
    case 'body_too_large':
      return { ...invalidRequest('The body is larger than 16 KiB.'), status: 413 };
    case 'content_type_unsupported':
      return invalidRequest('Send application/x-www-form-urlencoded or application/json.');
    case 'credential_in_url':
      return invalidRequest('Credentials do not belong in a URL: send them in the body.');
    case 'url_malformed':
      return invalidRequest('The URL cannot be read.');
    case 'header_repeated':
      return invalidRequest('A header was sent more than once.');
    case 'parameter_repeated':
      return invalidRequest('A parameter was sent more than once.');
    case 'parameter_missing':
      return invalidRequest(`The parameter ${refusal.parameter} is missing.`);
    case 'client_authentication_twice':
      return invalidRequest('Use one way of client authentication, not two.');
    case 'client_not_named':
    case 'client_unknown':
    case 'client_disabled':
    case 'client_secret_missing':
    case 'client_secret_wrong':
    case 'client_is_public':
    case 'authorization_header_malformed':
      return { status: 401, error: 'invalid_client', description: 'Client authentication failed.' };
    case 'grant_type_unknown':
      return badRequest('unsupported_grant_type', 'This grant type is not supported.');
    case 'grant_type_not_allowed':
      return badRequest('unauthorized_client', 'The client may not use this grant type.');
    case 'scope_malformed':
    case 'scope_not_allowed':
      return badRequest('invalid_scope', 'The scope is malformed or exceeds what may be granted.');
    case 'resource_malformed':
    case 'audience_not_allowed':
      return badRequest('invalid_target', 'The resource or audience is malformed or may not be asked for.');
    case 'user_unknown':
    case 'user_disabled':
    case 'password_wrong':
    case 'user_changed_meanwhile':
      return badRequest('invalid_grant', 'The user name or the password is wrong.');
    case 'refresh_token_malformed':
    case 'refresh_token_unknown':
    case 'refresh_token_of_another_client':
    case 'refresh_token_reused':
    case 'family_expired':
    case 'family_revoked':
    case 'family_ended_with_user_or_client':
      return badRequest('invalid_grant', 'The refresh token is invalid, expired or revoked.');
    case 'password_queue_full':
    case 'family_changed_meanwhile':
      return UNAVAILABLE;
  }
}

/** RFC 6749 has no code for it at the token endpoint; this is the one of its §4.1.2.1. */
export const UNAVAILABLE: WireError = {
  status: 503,
  error: 'temporarily_unavailable',
  description: 'Try again in a moment.',
  retryAfterSeconds: 1,
};

const SERVER_ERROR: WireError = { status: 500, error: 'server_error', description: 'Something went wrong here.' };

function badRequest(error: string, description: string): WireError {
  return { status: 400, error, description };
}

function invalidRequest(description: string): WireError {
  return badRequest('invalid_request', description);
}

/** Sends an error as RFC 6749 §5.2 JSON that nobody keeps. */
export function sendError(reply: FastifyReply, wire: WireError): FastifyReply {
  if (wire.retryAfterSeconds !== undefined) reply.header('retry-after', String(wire.retryAfterSeconds));
  return reply.code(wire.status).headers(NO_STORE).send({ error: wire.error, error_description: wire.description });
}

/** RFC 6749 §5.1. */
export const NO_STORE = { 'cache-control': 'no-store', pragma: 'no-cache' };

/** What Fastify itself refuses, in our words. */
function refusalOf(error: FastifyError): Refusal | null {
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return { reason: 'body_too_large' };
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return { reason: 'content_type_unsupported' };
  const isFastifys = typeof error.code === 'string' && error.code.startsWith('FST_');
  return isFastifys && (error.statusCode ?? 500) < 500 ? { reason: 'body_malformed' } : null;
}

/**
 * The last resort: outages become 503, everything else 500. The client learns nothing of the cause; the log gets its
 * name, message and stack, none of which carries what the client sent.
 */
export function handleError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const refusal = refusalOf(error);
  if (refusal !== null) {
    request.log.info({ event: 'refused', reason: refusal.reason }, 'refused');
    return sendError(reply, wireError(refusal));
  }
  const unavailable = error.name === 'DatabaseUnavailable';
  request.log.error({ event: unavailable ? 'database_unavailable' : 'failure', err: error }, error.name);
  return sendError(reply, unavailable ? UNAVAILABLE : SERVER_ERROR);
}
