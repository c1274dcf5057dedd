import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, Registry } from 'prom-client';
import { z } from 'zod';
import type { KeyStatus } from '../keys/keeper.js';
import { PATHS } from '../oauth/metadata.js';
import type { EpochMs } from '../oauth/time.js';
import type { QueueStatus } from '../passwords/queue.js';
import { answer, publicSchema } from './route-schema.js';

export type MetricsOptions = {
  readonly keyStatus: (now: EpochMs) => KeyStatus;
  readonly passwordStatus: () => QueueStatus;
  readonly clock: () => EpochMs;
};

const SCHEMA = publicSchema(
  { summary: 'What a monitor wants to know' },
  { 200: answer('In the text format of Prometheus.', z.string(), 'text/plain') },
);

/** GET /metrics: what a monitor wants to know, in the text format of Prometheus. */
export async function metricsEndpoint(app: FastifyInstance, options: MetricsOptions): Promise<void> {
  const registry = new Registry();
  keyMetrics(registry, options);
  passwordMetrics(registry, options);
  app.get(PATHS.metrics, { schema: SCHEMA }, async (_request, reply) =>
    reply
      .header('cache-control', 'no-store')
      .type(registry.contentType)
      .send(await registry.metrics()),
  );
}

function keyMetrics(registry: Registry, { keyStatus, clock }: MetricsOptions): void {
  const gauge = (name: string, help: string, value: (status: KeyStatus, now: EpochMs) => number | null) => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        const now = clock();
        const measured = value(keyStatus(now), now);
        // Nothing to measure is no sample: 0 would be taken for a measurement.
        if (measured === null) this.remove();
        else this.set(measured);
      },
    });
  };
  const seconds = (from: EpochMs, to: EpochMs) => (to - from) / 1000;
  gauge('mintd_signing_key_age_seconds', 'How long the present key has been signing.', (keys, now) =>
    keys.activeSince === null ? null : Math.max(0, seconds(keys.activeSince, now)),
  );
  gauge('mintd_signing_key_seconds_to_rotation', 'Until the next key signs, as planned or due.', (keys, now) =>
    keys.nextRotationAt === null ? null : seconds(now, keys.nextRotationAt),
  );
  gauge('mintd_key_ring_unseen_seconds', 'Since the key ring was last seen to be good.', (keys) => keys.seenSecondsAgo);
  gauge('mintd_key_ring_faulty', '1 while the key ring cannot be read and the last good one is in use.', (keys) =>
    Number(keys.isFaulty),
  );
  new Gauge({
    name: 'mintd_keys',
    help: 'Keys in the ring, by state.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      for (const [state, count] of Object.entries(keyStatus(clock()).states)) this.set({ state }, count);
    },
  });
}

/** Passwords that are hashed, wait for it, or were sent away. */
function passwordMetrics(registry: Registry, { passwordStatus }: MetricsOptions): void {
  const registers = [registry];
  const gauge = (name: string, help: string, value: (status: QueueStatus) => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value(passwordStatus()));
      },
    });
  const counter = (name: string, help: string, value: (status: QueueStatus) => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(value(passwordStatus()));
      },
    });
  gauge('mintd_password_turns_running', 'Requests that are hashing a password.', ({ running }) => running);
  gauge('mintd_password_turns_waiting', 'Requests that wait until they may hash one.', ({ waiting }) => waiting);
  counter('mintd_password_turns_total', 'Requests that got their turn to hash a password.', ({ turns }) => turns);
  counter('mintd_password_wait_seconds_total', 'How long those waited, together.', (status) => status.waitedSeconds);
  new Counter({
    name: 'mintd_password_turns_refused_total',
    help: 'Requests that were sent away without a turn, by reason.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      for (const [reason, count] of Object.entries(passwordStatus().refused)) this.inc({ reason }, count);
    },
  });
}
