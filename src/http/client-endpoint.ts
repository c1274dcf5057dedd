import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify';
import type { Client } from '../oauth/client.js';
import type { RequestParameters } from '../oauth/parameters.js';
import type { Refusal } from '../oauth/refusal.js';
import { ok, type Result } from '../oauth/result.js';
import type { EpochMs } from '../oauth/time.js';
import type { ClientStore } from '../store/clients.js';
import { parametersIn, parseOAuthBodies } from './body.js';
import { authenticate } from './client-auth.js';
import { allowAnyOrigin, allowOrigin, answerPreflights } from './cors.js';
import { NO_STORE, sendError } from './errors.js';
import { wireError } from './wire-errors.js';

/** What every endpoint needs at which clients authenticate. */
export type ClientEndpointDeps = { readonly clients: ClientStore; readonly clock: () => EpochMs };

/** A request whose client is known to be who it says. */
export type ClientRequest = { readonly client: Client; readonly parameters: RequestParameters; readonly now: EpochMs };

/** What the log is told: the name of what happened, ids and reasons, no secret. */
export type LogEvent = { readonly event: string } & Readonly<Record<string, unknown>>;

/** An answer: nothing to say is 204, and `empty` a 200 that says nothing. */
export type Answer = { readonly body: object | 'empty' | null; readonly event: LogEvent };

/** One endpoint: what it does with a request, and what the log should know of one whatever comes of it. */
export type ClientEndpoint = {
  readonly path: string;
  readonly schema: FastifySchema;
  readonly handle: (request: ClientRequest, raw: FastifyRequest, reply: FastifyReply) => Promise<Result<Answer>>;
  readonly describe?: (request: ClientRequest) => Readonly<Record<string, string>>;
};

/** An endpoint to which a client POSTs parameters and shows who it is (RFC 6749 §3.2.1): /token and its relatives. */
export function clientEndpoint(app: FastifyInstance, deps: ClientEndpointDeps, endpoint: ClientEndpoint): void {
  parseOAuthBodies(app);
  answerPreflights(app, endpoint.path, ['POST'], deps.clients);
  app.post(endpoint.path, { schema: endpoint.schema }, async (request, reply) => {
    const known = await identify(request, deps);
    if (!known.ok) {
      await allowAnyOrigin(request, reply, deps.clients);
      return refuse(request, reply, known.refusal, {});
    }
    allowOrigin(request, reply, known.value.client.origins);
    const context = { clientId: known.value.client.id, ...endpoint.describe?.(known.value) };
    const answered = await endpoint.handle(known.value, request, reply);
    if (!answered.ok) return refuse(request, reply, answered.refusal, context);
    const { body, event } = answered.value;
    request.log.info({ ...event, ...context }, event.event);
    reply.headers(NO_STORE);
    if (body === 'empty') return reply.send();
    return body === null ? reply.code(204).send() : reply.send(body);
  });
}

async function identify(
  request: FastifyRequest,
  { clients, clock }: ClientEndpointDeps,
): Promise<Result<ClientRequest>> {
  const parameters = parametersIn(request.body);
  if (!parameters.ok) return parameters;
  const client = await authenticate(clients, request.headers.authorization, parameters.value);
  return client.ok ? ok({ client: client.value, parameters: parameters.value, now: clock() }) : client;
}

/** Names the scheme that was tried, as RFC 6749 §5.2 asks. */
function refuse(request: FastifyRequest, reply: FastifyReply, refusal: Refusal, context: object): FastifyReply {
  const isAttack = refusal.reason === 'refresh_token_reused';
  const event = isAttack ? 'reuse' : 'refused';
  request.log[isAttack ? 'warn' : 'info']({ event, ...refusal, ...context }, event);
  const wire = wireError(refusal);
  if (wire.status === 401 && request.headers.authorization !== undefined) {
    reply.header('www-authenticate', 'Basic realm="mintd", charset="UTF-8"');
  }
  return sendError(reply, wire);
}
