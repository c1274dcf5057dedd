import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Counter, Histogram, type Registry } from 'prom-client';
import { GRANT_TYPES, type GrantType } from '../../oauth/client.js';
import type { EventName } from '../../oauth/events.js';
import { PATHS } from '../../oauth/metadata.js';
import { optional } from '../../oauth/parameters.js';
import { parametersIn } from '../body.js';
import { verdictOf } from '../verdict.js';

/** Is told of each request when it has been answered. */
export type RequestCounter = (request: FastifyRequest, reply: FastifyReply) => void;

const BUCKETS = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/** HTTP has others, and anybody may send them. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const KINDS: Partial<Readonly<Record<EventName, string>>> = {
  refresh: 'rotated',
  refresh_retry: 'retry',
  reuse: 'reuse',
};

/** Counts each answer. */
export function countRequests(app: FastifyInstance, count: RequestCounter): void {
  app.addHook('onResponse', (request, reply, done) => {
    count(request, reply);
    done();
  });
}

/**
 * All requests by route, and those for tokens by what became of them. No label has a word that a request brought: a route is
 * its pattern, and grants and reasons are ours.
 */
export function requestCounter(registry: Registry): RequestCounter {
  const duration = new Histogram({
    name: 'mintd_http_request_duration_seconds',
    help: 'How long requests took, by the pattern of their path (none: nothing is there), method and class of status.',
    labelNames: ['route', 'method', 'status'],
    buckets: BUCKETS,
    registers: [registry],
  });
  const countToken = tokenCounter(registry);
  return (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    const method = METHODS.has(request.method) ? request.method : 'other';
    const status = `${Math.floor(reply.statusCode / 100)}xx`;
    duration.observe({ route, method, status }, reply.elapsedTime / 1000);
    if (route === PATHS.token && method === 'POST') countToken(request, reply.statusCode);
  };
}

function tokenCounter(registry: Registry): (request: FastifyRequest, statusCode: number) => void {
  const registers = [registry];
  const requests = new Counter({
    name: 'mintd_token_requests_total',
    help: 'Requests for tokens, by grant (none: no grant of ours was named), result (ok, refused, unavailable, failed) and reason.',
    labelNames: ['grant', 'result', 'reason'],
    registers,
  });
  const refreshes = new Counter({
    name: 'mintd_refreshes_total',
    help: 'Refresh tokens: rotated, retry (sent again soon, the same successor), reuse (a copy; the login was ended).',
    labelNames: ['kind'],
    registers,
  });
  // From the start, so that a first one is an increase.
  for (const grant of GRANT_TYPES) requests.inc({ grant, result: 'ok', reason: 'none' }, 0);
  for (const kind of Object.values(KINDS)) refreshes.inc({ kind }, 0);
  return (request, statusCode) => {
    const verdict = verdictOf(request);
    const result = resultOf(statusCode);
    const reason = verdict?.reason ?? (result === 'unavailable' ? 'unavailable' : 'none');
    requests.inc({ grant: grantOf(request.body), result, reason });
    const kind = verdict === null ? undefined : KINDS[verdict.event];
    if (kind !== undefined) refreshes.inc({ kind });
  };
}

function resultOf(statusCode: number): 'ok' | 'refused' | 'unavailable' | 'failed' {
  if (statusCode < 400) return 'ok';
  if (statusCode < 500) return 'refused';
  return statusCode === 503 ? 'unavailable' : 'failed';
}

/** What was asked for, if it is one of ours, whoever asked. */
function grantOf(body: unknown): GrantType | 'none' {
  const parameters = parametersIn(body ?? undefined);
  if (!parameters.ok) return 'none';
  const named = optional(parameters.value, 'grant_type');
  return GRANT_TYPES.find((known) => known === named) ?? 'none';
}
