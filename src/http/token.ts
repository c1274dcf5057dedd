import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { GrantDeps } from '../grants/deps.js';
import { grant } from '../grants/index.js';
import type { Issued } from '../grants/issue.js';
import { PATHS } from '../oauth/metadata.js';
import { optional } from '../oauth/parameters.js';
import type { Refusal } from '../oauth/refusal.js';
import type { Result } from '../oauth/result.js';
import type { EpochMs } from '../oauth/time.js';
import type { ClientStore } from '../store/clients.js';
import { parametersIn, parseOAuthBodies } from './body.js';
import { authenticate } from './client-auth.js';
import { NO_STORE, sendError, wireError } from './errors.js';

export type TokenOptions = {
  readonly clients: ClientStore;
  readonly grants: GrantDeps;
  readonly clock: () => EpochMs;
};

/** What is known about a request by the time it is answered. */
type Context = { clientId?: string; grantType?: string };

/** POST /token (RFC 6749 §3.2). */
export async function tokenEndpoint(app: FastifyInstance, options: TokenOptions): Promise<void> {
  parseOAuthBodies(app);
  app.post(PATHS.token, async (request, reply) => {
    const context: Context = {};
    const result = await answer(request, options, context);
    return result.ok
      ? sendTokens(request, reply, context, result.value)
      : refuse(request, reply, context, result.refusal);
  });
}

async function answer(request: FastifyRequest, options: TokenOptions, context: Context): Promise<Result<Issued>> {
  const parameters = parametersIn(request.body);
  if (!parameters.ok) return parameters;
  const { authorization } = request.headers;
  const client = await authenticate(options.clients, authorization, parameters.value);
  if (!client.ok) return client;
  context.clientId = client.value.id;
  const grantType = optional(parameters.value, 'grant_type');
  const known = client.value.grants.find((grant) => grant === grantType);
  if (known !== undefined) context.grantType = known;
  return grant(options.grants, { client: client.value, parameters: parameters.value, now: options.clock() });
}

function sendTokens(request: FastifyRequest, reply: FastifyReply, context: Context, { response, event }: Issued) {
  request.log.info({ ...event, ...context }, event.event);
  return reply.headers(NO_STORE).send(response);
}

/** Names the scheme that was tried, as RFC 6749 §5.2 asks. */
function refuse(request: FastifyRequest, reply: FastifyReply, context: Context, refusal: Refusal) {
  const level = refusal.reason === 'refresh_token_reused' ? 'warn' : 'info';
  request.log[level]({ event: 'refused', ...refusal, ...context }, 'refused');
  const wire = wireError(refusal);
  if (wire.status === 401 && request.headers.authorization !== undefined) {
    reply.header('www-authenticate', 'Basic realm="mintd", charset="UTF-8"');
  }
  return sendError(reply, wire);
}
