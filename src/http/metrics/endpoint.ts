import type { FastifyInstance } from 'fastify';
import { Registry } from 'prom-client';
import { z } from 'zod';
import type { KeyStatus } from '../../keys/keeper.js';
import { PATHS } from '../../oauth/metadata.js';
import type { EpochMs } from '../../oauth/time.js';
import type { QueueStatus } from '../../passwords/queue.js';
import { answer, publicSchema } from '../route-schema.js';
import { keyMetrics } from './keys.js';
import type { Meter } from './meter.js';
import { passwordMetrics } from './passwords.js';

export type MetricsOptions = {
  readonly meter: Pick<Meter, 'registry'>;
  readonly keyStatus: (now: EpochMs) => KeyStatus;
  readonly passwordStatus: () => QueueStatus;
  readonly clock: () => EpochMs;
};

const SCHEMA = publicSchema(
  { summary: 'What a monitor wants to know' },
  { 200: answer('In the text format of Prometheus.', z.string(), 'text/plain') },
);

/** GET /metrics: what a monitor wants to know, in the text format of Prometheus. Nothing is asked of the database for it. */
export async function metricsEndpoint(app: FastifyInstance, options: MetricsOptions): Promise<void> {
  const { meter } = options;
  // Of this interface, while the meter may belong to a whole process.
  const registry = new Registry();
  keyMetrics(registry, options);
  passwordMetrics(registry, options);
  app.get(PATHS.metrics, { schema: SCHEMA }, async (_request, reply) =>
    reply
      .header('cache-control', 'no-store')
      .type(registry.contentType)
      .send(`${await registry.metrics()}\n${await meter.registry.metrics()}`),
  );
}
