import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { AccountDeps } from './accounts/own-password.js';
import type { GrantDeps } from './grants/deps.js';
import { adminClients } from './http/admin/clients.js';
import { adminKeys, type KeyAdmin } from './http/admin/keys.js';
import { adminSessions } from './http/admin/sessions.js';
import { adminUsers } from './http/admin/users.js';
import { discoveryEndpoints } from './http/discovery.js';
import type { DocsOptions } from './http/docs.js';
import { handleError, sendError } from './http/errors.js';
import { guardAllRoutes } from './http/guards.js';
import { healthEndpoints, oneAtATime, type Readiness } from './http/health.js';
import { introspectEndpoint } from './http/introspect.js';
import { logoutEndpoint } from './http/logout.js';
import { metricsEndpoint } from './http/metrics/endpoint.js';
import type { Meter } from './http/metrics/meter.js';
import { countRequests } from './http/metrics/requests.js';
import { boundWork } from './http/overload.js';
import { ownPasswordEndpoint } from './http/own-password.js';
import { record } from './http/record.js';
import { registerEndpoint } from './http/register.js';
import { requestIds, sayRequestIds } from './http/request-id.js';
import { revokeEndpoint } from './http/revoke.js';
import { leaveSchemasToEndpoints } from './http/route-schema.js';
import { addressOf, proxyTest, warnOfProxies } from './http/sender.js';
import { boundConnections, serverOptions } from './http/server-options.js';
import { sessionEndpoint, sessionsEndpoints } from './http/sessions.js';
import { type StartPageOptions, startPage } from './http/start-page.js';
import { tokenEndpoint } from './http/token.js';
import { userinfoEndpoint } from './http/userinfo.js';
import { wireError } from './http/wire-errors.js';
import { isSignedByClient } from './keys/client-assertion.js';
import { readClientJwks } from './keys/client-jwks.js';
import { type CachedDocument, cachedDocument } from './keys/jwks.js';
import type { Keeper } from './keys/keeper.js';
import { DEMO } from './oauth/first-steps.js';
import { metadata } from './oauth/metadata.js';
import { ok } from './oauth/result.js';
import type { EpochMs } from './oauth/time.js';
import type { TrustedProxies } from './oauth/trusted-proxies.js';
import type { ClientAssertionStore } from './store/client-assertions.js';
import type { ClientStore } from './store/clients.js';
import type { SessionStore } from './store/sessions.js';
import type { TokenDeps } from './tokens/deps.js';
import type { Tracing } from './tracing.js';

/** Everything the HTTP interface stands on, made elsewhere (src/serve.ts). */
export type AppDeps = {
  readonly clients: ClientStore;
  readonly usedAssertions: Pick<ClientAssertionStore, 'use'>;
  readonly grants: GrantDeps;
  readonly accounts: AccountDeps;
  /** Whether anybody may make an account. */
  readonly isRegistrationOpen: boolean;
  readonly trustedProxies: TrustedProxies;
  /** So many are kept at once. */
  readonly maxConnections: number;
  readonly sessions: SessionStore;
  readonly keyAdmin: KeyAdmin;
  readonly keeper: Pick<Keeper, 'jwks' | 'jwksMaxAgeSeconds' | 'verify' | 'status'>;
  readonly readiness: () => Promise<Readiness>;
  readonly clock: () => EpochMs;
  readonly logger: FastifyBaseLogger;
  readonly meter: Meter;
  /** Null where nobody wants traces. */
  readonly tracing: Pick<Tracing, 'install'> | null;
  /** The description of the API and the page to try it on, for this version of the program; null: there is neither. */
  readonly apiDocs: ({ readonly version: string } & Pick<DocsOptions, 'swaggerUi' | 'hasDemo'>) | null;
  /** The page at `/`; null: there is none. */
  readonly startPage: Pick<StartPageOptions, 'version' | 'command'> | null;
};

/** The HTTP interface: every route, and what holds for all of them. It does not listen yet. */
export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: deps.logger,
    // URLs are never logged: somebody may have put a password there.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    genReqId: requestIds(deps.trustedProxies),
    ...serverOptions(deps.trustedProxies),
    routerOptions: { querystringParser: () => ({}) },
    frameworkErrors: refuseUrl,
  });
  await deps.tracing?.install(app, proxyTest(deps.trustedProxies));
  app.setErrorHandler(handleError);
  leaveSchemasToEndpoints(app);
  sayRequestIds(app);
  boundConnections(app, deps.maxConnections);
  guardAllRoutes(app);
  const { capacity, giveWay } = deps.accounts.hasher;
  const overloadStatus = boundWork(app, { passwords: capacity, onOther: giveWay });
  if (deps.trustedProxies === 0) warnOfProxies(app);
  app.addHook('onResponse', ({ method, routeOptions, log }, { statusCode, elapsedTime }, done) => {
    const ms = Math.round(elapsedTime);
    record(log, { event: 'http', method, route: routeOptions.url, statusCode, ms });
    done();
  });
  countRequests(app, deps.meter.requests);

  const { clock, clients, grants, accounts, sessions, keeper, meter } = deps;
  const keyStatus = (now: EpochMs) => keeper.status(now);
  const passwordStatus = accounts.hasher.status;
  const { settings, families } = grants;
  const { users } = accounts;
  const { issuer, clockSkewSeconds } = settings;
  const assertions = { issuer, clockSkewSeconds, isSignedByClient, used: deps.usedAssertions };
  const isSecure = issuer.startsWith('https:');
  await addApiDocs(app, deps);
  const tokens = { users, clients, families, signer: keeper, settings };
  await app.register(tokenEndpoint, { clients, assertions, grants, isSecure, clock });
  await app.register(revokeEndpoint, { clients, assertions, tokens, clock });
  await app.register(introspectEndpoint, { clients, assertions, tokens, clock });
  await app.register(logoutEndpoint, { clients, assertions, tokens, isSecure, clock });
  await app.register(userinfoEndpoint, { tokens, clock });
  await app.register(sessionsEndpoints, { tokens, sessions, clock });
  await app.register(sessionEndpoint, { tokens, sessions, clock });
  await app.register(ownPasswordEndpoint, { tokens, accounts, clock });
  if (deps.isRegistrationOpen) {
    const { randomBytes } = grants;
    await app.register(registerEndpoint, { clients, accounts: { ...accounts, randomBytes }, clock });
  }
  await addAdministration(app, deps, tokens);
  await app.register(discoveryEndpoints, { metadata: metadataDocument(issuer), signer: keeper, clock });
  const readiness = oneAtATime(deps.readiness);
  await app.register(healthEndpoints, { readiness, keyStatus, clock });
  await app.register(metricsEndpoint, { meter, keyStatus, passwordStatus, overloadStatus, clock });
  if (deps.startPage !== null) {
    const hasDemo = async () => (await clients.find(DEMO)) !== null;
    const seen = { hasDocs: deps.apiDocs !== null, hasDemo, readiness, keyStatus, clock };
    await app.register(startPage, { ...deps.startPage, issuer, ...seen });
  }
  return app;
}

function metadataDocument(issuer: string): CachedDocument {
  return cachedDocument(JSON.stringify(metadata(issuer)));
}

/** What administrators do over HTTP. */
async function addAdministration(app: FastifyInstance, deps: AppDeps, tokens: TokenDeps): Promise<void> {
  const { clock, clients, grants, accounts, sessions, keyAdmin } = deps;
  const { randomBytes, settings, families } = grants;
  const hash = (password: string, signal: AbortSignal) =>
    accounts.hasher.inTurn({ account: 'administration', signal }, async (bcrypt) => ok(await bcrypt.hash(password)));
  await app.register(adminUsers, { tokens, clock, accounts: { ...accounts, randomBytes }, hash });
  const managing = { clients, randomBytes, accessTokenMaxTtlSeconds: settings.accessTokenMaxTtlSeconds };
  await app.register(adminClients, { tokens, clock, managing, readJwks: readClientJwks });
  await app.register(adminSessions, { tokens, clock, sessions, families });
  await app.register(adminKeys, { tokens, clock, keys: keyAdmin });
}

/** Packages that no other part needs are only loaded where they are wanted. Goes before the routes it describes. */
async function addApiDocs(app: FastifyInstance, { apiDocs, grants, keeper }: AppDeps): Promise<void> {
  if (apiDocs === null) return;
  const { issuer } = grants.settings;
  const { describeRoutes } = await import('./http/openapi.js');
  const { docsPage } = await import('./http/docs.js');
  const maxAgeSeconds = () => keeper.jwksMaxAgeSeconds();
  await describeRoutes(app, { issuer, version: apiDocs.version, maxAgeSeconds, toDocument: cachedDocument });
  await app.register(docsPage, { issuer, ...apiDocs });
}

/** A URL the router cannot decode gets here past all hooks. It is not logged. */
function refuseUrl(_error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const refusal = { reason: 'url_malformed' } as const;
  record(request.log, { event: 'refused', ...refusal, address: addressOf(request) });
  sendError(reply.headers({ 'x-content-type-options': 'nosniff', 'x-request-id': request.id }), wireError(refusal));
}
