import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Refusal } from '../../oauth/refusal.js';
import { addressOf } from '../sender.js';
import { wireError } from '../wire-errors.js';
import { sendProblem } from './problem.js';

/** What other parts refuse, as a problem. */
export function sendRefusal(request: FastifyRequest, reply: FastifyReply, refusal: Refusal): FastifyReply {
  request.log.info({ event: 'refused', ...refusal, address: addressOf(request) }, 'refused');
  const { status, error, description, retryAfterSeconds } = wireError(refusal);
  return sendProblem(reply, { status, code: error, detail: description, retryAfterSeconds });
}
