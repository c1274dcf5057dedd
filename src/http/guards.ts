import type { FastifyInstance, RouteOptions } from 'fastify';
import { carriesCredential } from '../oauth/parameters.js';
import { NO_STORE, sendError, wireError } from './errors.js';

/** What holds for every request: no credential in a URL, 404 for what is not there, 405 with Allow for a wrong method. */
export function guardAllRoutes(app: FastifyInstance): void {
  const methods = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }: RouteOptions) => {
    const known = methods.get(url) ?? new Set();
    for (const one of [method].flat()) known.add(one);
    methods.set(url, known);
  });

  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-content-type-options', 'nosniff');
    const [, query] = request.url.split('?', 2);
    if (query !== undefined && carriesCredential(query)) {
      request.log.info({ event: 'refused', reason: 'credential_in_url' }, 'refused');
      return sendError(reply, wireError({ reason: 'credential_in_url' }));
    }
  });

  app.setNotFoundHandler(async (request, reply) => {
    const allowed = methods.get(request.url.split('?', 1)[0] ?? '');
    reply.headers(NO_STORE);
    if (allowed === undefined)
      return reply.code(404).send({ error: 'not_found', error_description: 'Nothing is here.' });
    return reply
      .code(405)
      .header('allow', [...allowed].sort().join(', '))
      .send({ error: 'method_not_allowed', error_description: 'Use one of the methods in the Allow header.' });
  });
}
