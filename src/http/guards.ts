import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, RouteOptions } from 'fastify';
import { carriesCredential } from '../oauth/parameters.js';
import type { Refusal } from '../oauth/refusal.js';
import { NO_STORE, refuseMethod, refuseWith } from './errors.js';
import { addressOf } from './sender.js';

/** Of these a request has one. Node would keep the first and drop the rest in silence; a proxy may keep the last. */
const SINGLE_HEADERS: ReadonlySet<string> = new Set(['authorization', 'content-type', 'content-length', 'host']);

/**
 * What holds for every request: no credential in a URL, no header twice that says who asks, 404 for what is not there,
 * 405 with Allow for a wrong method, and no connection kept open while the server stops.
 */
export function guardAllRoutes(app: FastifyInstance): void {
  // With callbacks rather than promises: every request goes through here.
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-content-type-options', 'nosniff');
    const refusal = refusalOf(request.raw);
    if (refusal === null) return done();
    refuseWith(request, reply, refusal, { address: addressOf(request) });
  });
  answerUnknownRoutes(app);
  closeConnectionsWhenStopping(app);
}

function refusalOf({ url = '', rawHeaders }: IncomingMessage): Refusal | null {
  // The router ends a path at either of the two.
  const beyondPath = /[?#](.*)$/s.exec(url)?.[1];
  if (beyondPath !== undefined && carriesCredential(beyondPath.replace(/[?#]/g, '&'))) {
    return { reason: 'credential_in_url' };
  }
  return repeatsHeader(rawHeaders) ? { reason: 'header_repeated' } : null;
}

/** Of names and values in turn. */
function repeatsHeader(rawHeaders: readonly string[]): boolean {
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase() ?? '';
    if (!SINGLE_HEADERS.has(name)) continue;
    if (seen.has(name)) return true;
    seen.add(name);
  }
  return false;
}

function answerUnknownRoutes(app: FastifyInstance): void {
  const routes = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>();
  app.addHook('onRoute', ({ url, method }: RouteOptions) => {
    const known = routes.get(url) ?? { pattern: patternOf(url), methods: new Set() };
    // OPTIONS answers preflights and nothing else (src/http/cors.ts).
    for (const one of [method].flat()) if (one !== 'OPTIONS') known.methods.add(one);
    // A prefix is a path with and without a slash at its end; of the second, Fastify tells the HEAD alone.
    if (known.methods.has('HEAD')) known.methods.add('GET');
    routes.set(url, known);
  });
  // Here, and not in a not-found handler, so that a body nobody asked for is not looked at.
  app.addHook('onRequest', (request, reply, done) => {
    if (!request.is404) return done();
    const path = decodedPath(request.url);
    const allowed = [...routes.values()].find(({ pattern }) => pattern.test(path))?.methods;
    if (allowed === undefined) sendNotFound(reply);
    else refuseMethod(reply, [...allowed].sort());
  });
  // For a route that finds only by itself that nothing is there: one of files (src/http/docs.ts).
  app.setNotFoundHandler(async (_request, reply) => sendNotFound(reply));
}

function sendNotFound(reply: FastifyReply): FastifyReply {
  return reply.code(404).headers(NO_STORE).send({ error: 'not_found', error_description: 'Nothing is here.' });
}

/** The paths of a route: `:name` stands for any one part, and `*` for all that follows. */
function patternOf(url: string): RegExp {
  return new RegExp(
    `^${url
      .replaceAll('.', '\\.')
      .replaceAll('*', '.*')
      .replace(/:[^/]+/g, '[^/]+')}$`,
  );
}

/** As the router reads it, which has decoded it without an error by now. */
function decodedPath(url: string): string {
  return decodeURIComponent(url.replace(/[?#].*$/s, ''));
}

/** A connection that is kept open would hold up a stop until it times out. */
function closeConnectionsWhenStopping(app: FastifyInstance): void {
  let isStopping = false;
  app.addHook('preClose', async () => {
    isStopping = true;
  });
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (isStopping) reply.header('connection', 'close');
    done();
  });
}
