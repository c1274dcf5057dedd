import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify';
import type { Client } from '../oauth/client.js';
import type { EventMembers, LogEvent } from '../oauth/event-messages.js';
import type { RequestParameters } from '../oauth/parameters.js';
import type { Refusal } from '../oauth/refusal.js';
import { ok, type Result } from '../oauth/result.js';
import type { EpochMs } from '../oauth/time.js';
import { parametersIn, parseOAuthBodies } from './body.js';
import { authenticate, type ClientAuthDeps } from './client-auth.js';
import { allowAnyOrigin, allowOrigin, answerPreflights } from './cors.js';
import { NO_STORE, refuseWith } from './errors.js';
import { record } from './record.js';
import { addressOf } from './sender.js';
import { noteVerdict } from './verdict.js';
import { wireError } from './wire-errors.js';

/** What every endpoint needs at which clients authenticate. */
export type ClientEndpointDeps = ClientAuthDeps & { readonly clock: () => EpochMs };

/** A request whose client is known to be who it says. */
export type ClientRequest = { readonly client: Client; readonly parameters: RequestParameters; readonly now: EpochMs };

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
      return refuse(request, reply, known.refusal, { address: addressOf(request) });
    }
    allowOrigin(request, reply, known.value.client.origins);
    const context = {
      clientId: known.value.client.id,
      address: addressOf(request),
      ...endpoint.describe?.(known.value),
    };
    const answered = await endpoint.handle(known.value, request, reply);
    if (!answered.ok) return refuse(request, reply, answered.refusal, context);
    const { body, event } = answered.value;
    noteVerdict(request, event.event);
    record(request.log, { ...event, ...context });
    reply.headers(NO_STORE);
    if (body === 'empty') return reply.send();
    return body === null ? reply.code(204).send() : reply.send(body);
  });
}

async function identify(request: FastifyRequest, deps: ClientEndpointDeps): Promise<Result<ClientRequest>> {
  const parameters = parametersIn(request.body);
  if (!parameters.ok) return parameters;
  const now = deps.clock();
  const client = await authenticate(deps, request.headers.authorization, parameters.value, now);
  return client.ok ? ok({ client: client.value, parameters: parameters.value, now }) : client;
}

/** Names the scheme that was tried, as RFC 6749 §5.2 asks. */
function refuse(request: FastifyRequest, reply: FastifyReply, refusal: Refusal, context: EventMembers): FastifyReply {
  if (wireError(refusal).status === 401 && request.headers.authorization !== undefined) {
    reply.header('www-authenticate', 'Basic realm="mintd", charset="UTF-8"');
  }
  return refuseWith(request, reply, refusal, context);
}
