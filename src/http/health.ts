import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { KeyStatus } from '../keys/keeper.js';
import { PATHS } from '../oauth/metadata.js';
import { type EpochMs, toRfc3339 } from '../oauth/time.js';
import { answer, publicSchema } from './route-schema.js';

/** What readiness rests on; true is good. */
export type Readiness = { readonly database: boolean; readonly schema: boolean; readonly keys: boolean };

export type HealthOptions = {
  /** Asked at each request. */
  readonly readiness: () => Promise<Readiness>;
  readonly keyStatus: (now: EpochMs) => KeyStatus;
  readonly clock: () => EpochMs;
};

const LIVE = publicSchema(
  { summary: 'Does the process answer?' },
  { 200: answer('It does.', z.strictObject({ status: z.literal('live') })) },
);

const READINESS = z.strictObject({
  status: z.enum(['ready', 'degraded', 'not ready']),
  checks: z.strictObject({ database: z.boolean(), schema: z.boolean(), keys: z.boolean() }),
  key_ring: z.strictObject({
    kid: z.string().nullable().describe('The key that signs.'),
    age_seconds: z.int().nonnegative().nullable(),
    next_rotation_at: z.iso.datetime().nullable(),
    seen_seconds_ago: z.int().nonnegative(),
    faulty: z.boolean(),
  }),
});

const READY = publicSchema(
  { summary: 'Can it do its work?' },
  { 200: answer('It can; `degraded`: with the last good key ring.', READINESS), 503: answer('Not now.', READINESS) },
);

/**
 * GET /livez: the process answers. GET /readyz: it can do its work. `degraded` is ready as well: the key ring cannot be
 * read, and the last good one is in use.
 */
export async function healthEndpoints(app: FastifyInstance, options: HealthOptions): Promise<void> {
  const { readiness, keyStatus, clock } = options;
  const headers = { 'cache-control': 'no-store' };
  app.get(PATHS.livez, { schema: LIVE }, async (_request, reply) => reply.headers(headers).send({ status: 'live' }));
  app.get(PATHS.readyz, { schema: READY }, async (_request, reply) => {
    const checks = await readiness();
    const isReady = Object.values(checks).every(Boolean);
    const now = clock();
    const keys = keyStatus(now);
    const status = keys.isFaulty ? 'degraded' : 'ready';
    return reply
      .code(isReady ? 200 : 503)
      .headers(isReady ? headers : { ...headers, 'retry-after': '1' })
      .send({ status: isReady ? status : 'not ready', checks, key_ring: keyRingJson(keys, now) });
  });
}

/** However many requests ask at once, the database is asked once. */
export function oneAtATime<T>(ask: () => Promise<T>): () => Promise<T> {
  let asking: Promise<T> | null = null;
  return () => {
    asking ??= ask().finally(() => {
      asking = null;
    });
    return asking;
  };
}

/** Nothing in it that the JWKS does not say as well, but for the plan. */
function keyRingJson({ kid, activeSince, nextRotationAt, seenSecondsAgo, isFaulty }: KeyStatus, now: EpochMs): object {
  return {
    kid,
    age_seconds: activeSince === null ? null : Math.max(0, Math.floor((now - activeSince) / 1000)),
    next_rotation_at: nextRotationAt === null ? null : toRfc3339(nextRotationAt),
    seen_seconds_ago: Math.floor(seenSecondsAgo),
    faulty: isFaulty,
  };
}
