import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { TokenList } from '../oauth/scope.js';
import type { ClientStore } from '../store/clients.js';
import { refuseMethod } from './errors.js';

/** How long a browser may remember a preflight, in seconds: so long may a new origin have to wait. */
const PREFLIGHT_MAX_AGE = '600';

/**
 * Lets pages of other origins read an answer (Fetch standard, CORS protocol), if their origin is one of these exactly.
 * Which origins those are is the client's business, and who the client is stands in the body or the token; so this is
 * called once that is known, and never before.
 */
export function allowOrigin(request: FastifyRequest, reply: FastifyReply, origins: TokenList): void {
  const { origin } = request.headers;
  reply.header('vary', 'Origin');
  if (origin === undefined || !origins.includes(origin)) return;
  reply.headers({
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': 'retry-after, www-authenticate',
  });
}

/** The same for an answer that names no client, an error: any client's page may read that. */
export async function allowAnyOrigin(
  request: FastifyRequest,
  reply: FastifyReply,
  clients: ClientStore,
): Promise<void> {
  allowOrigin(request, reply, request.headers.origin === undefined ? [] : await clients.origins());
}

/** Answers the question a browser asks first. It names no client, so the answer is what any client's page may send. */
export function answerPreflights(
  app: FastifyInstance,
  path: string,
  methods: readonly string[],
  clients: ClientStore,
): void {
  app.options(path, { schema: { hide: true } }, async (request, reply) => {
    const { origin, 'access-control-request-method': asked } = request.headers;
    if (origin === undefined || asked === undefined) return refuseMethod(reply, methods);
    await allowAnyOrigin(request, reply, clients);
    if (reply.hasHeader('access-control-allow-origin')) {
      reply.headers({
        'access-control-allow-methods': methods.join(', '),
        'access-control-allow-headers': 'authorization, content-type, x-requested-with',
        'access-control-max-age': PREFLIGHT_MAX_AGE,
      });
    }
    return reply.code(204).send();
  });
}
