import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { GrantDeps } from './grants/deps.js';
import { discoveryEndpoints } from './http/discovery.js';
import { handleError, sendError, wireError } from './http/errors.js';
import { guardAllRoutes } from './http/guards.js';
import { healthEndpoints, type Readiness } from './http/health.js';
import { tokenEndpoint } from './http/token.js';
import type { Signer } from './keys/signer.js';
import type { EpochMs } from './oauth/time.js';
import type { ClientStore } from './store/clients.js';

/** Everything the HTTP interface stands on, made elsewhere (src/serve.ts). */
export type AppDeps = {
  readonly clients: ClientStore;
  readonly grants: GrantDeps;
  readonly signer: Pick<Signer, 'jwks'>;
  readonly readiness: () => Promise<Readiness>;
  readonly jwksMaxAgeSeconds: number;
  readonly clock: () => EpochMs;
  readonly logger: FastifyBaseLogger;
};

const BODY_LIMIT_BYTES = 16 * 1024;
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const BAD_REQUEST = 'HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n';

/** The HTTP interface: every route, and what holds for all of them. It does not listen yet. */
export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: deps.logger,
    // URLs are never logged: somebody may have put a password there.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: { headersTimeout: HEADERS_TIMEOUT_MS },
    forceCloseConnections: 'idle',
    routerOptions: { querystringParser: () => ({}) },
    frameworkErrors: (_error, _request, reply) => sendError(reply, wireError({ reason: 'body_malformed' })),
    // A request that is not HTTP: its bytes may be anything, so they are neither logged nor answered at length.
    clientErrorHandler: (_error, socket) => {
      if (socket.writable) socket.end(BAD_REQUEST);
    },
  });
  app.setErrorHandler(handleError);
  guardAllRoutes(app);
  app.addHook('onResponse', async ({ method, routeOptions, log }, { statusCode, elapsedTime }) => {
    log.debug({ event: 'http', method, route: routeOptions.url, statusCode, ms: Math.round(elapsedTime) }, 'http');
  });

  const { clock, clients, grants, signer, jwksMaxAgeSeconds } = deps;
  await app.register(tokenEndpoint, { clients, grants, clock });
  await app.register(discoveryEndpoints, { issuer: grants.settings.issuer, signer, jwksMaxAgeSeconds, clock });
  await app.register(healthEndpoints, { readiness: deps.readiness });
  return app;
}
