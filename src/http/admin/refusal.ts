import type { FastifyReply, FastifyRequest } from 'fastify';
import type { EventMembers } from '../../oauth/event-messages.js';
import type { Refusal } from '../../oauth/refusal.js';
import { record } from '../record.js';
import { addressOf } from '../sender.js';
import { wireError } from '../wire-errors.js';
import { sendProblem } from './problem.js';

/**
 * What other parts refuse, as a problem.
 *
 * @param who whom the log should name
 */
export function sendRefusal(
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: Refusal,
  who: EventMembers = {},
): FastifyReply {
  record(request.log, { event: 'refused', ...refusal, ...who, address: addressOf(request) });
  const { status, error, description, retryAfterSeconds } = wireError(refusal);
  return sendProblem(reply, { status, code: error, detail: description, retryAfterSeconds });
}
