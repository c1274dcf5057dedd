import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { EventMembers } from '../oauth/event-messages.js';
import type { EventName } from '../oauth/events.js';
import { type Refusal, refusalEvent } from '../oauth/refusal.js';
import { record } from './record.js';
import { addressOf } from './sender.js';
import { noteVerdict } from './verdict.js';
import { SERVER_ERROR, UNAVAILABLE, type WireError, wireError } from './wire-errors.js';

/** Sends an error as RFC 6749 §5.2 JSON that nobody keeps. */
export function sendError(reply: FastifyReply, wire: WireError): FastifyReply {
  if (wire.retryAfterSeconds !== undefined) reply.header('retry-after', String(wire.retryAfterSeconds));
  return reply.code(wire.status).headers(NO_STORE).send({ error: wire.error, error_description: wire.description });
}

/**
 * Says no, and writes down why.
 *
 * @param context what else the log should know: ids, no secrets
 */
export function refuseWith(
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: Refusal,
  context: EventMembers,
): FastifyReply {
  const event = refusalEvent(refusal);
  noteVerdict(request, event, refusal.reason);
  record(request.log, { event, ...refusal, ...context });
  return sendError(reply, wireError(refusal));
}

/** RFC 9110 §15.5.6. */
export function refuseMethod(reply: FastifyReply, allowed: readonly string[]): FastifyReply {
  return reply
    .code(405)
    .headers({ ...NO_STORE, allow: allowed.join(', ') })
    .send({ error: 'method_not_allowed', error_description: 'Use one of the methods in the Allow header.' });
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

/** Errors that say that something is missing for now, by name, and the event they are logged as. */
const OUTAGES: Readonly<Record<string, EventName>> = {
  DatabaseUnavailable: 'database_unavailable',
  KeyRingFault: 'signing_unavailable',
};

/**
 * The last resort: outages become 503, everything else 500. The client learns nothing of the cause; the log gets its
 * name, message and stack, none of which carries what the client sent.
 */
export function handleError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const refusal = refusalOf(error);
  if (refusal !== null) return refuseWith(request, reply, refusal, { address: addressOf(request) });
  return sendError(reply, failureOf(error, request));
}

/** Writes down what failed, and says what the client is told of it. */
export function failureOf(error: FastifyError, request: FastifyRequest): WireError {
  const outage = OUTAGES[error.name];
  const event = outage ?? 'failure';
  noteVerdict(request, event);
  record(request.log, { event, err: error });
  return outage === undefined ? SERVER_ERROR : UNAVAILABLE;
}
