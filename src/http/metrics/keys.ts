import { Gauge, type Registry } from 'prom-client';
import type { KeyStatus } from '../../keys/keeper.js';
import type { EpochMs } from '../../oauth/time.js';

/** How the key ring is. */
export type KeySource = { readonly keyStatus: (now: EpochMs) => KeyStatus; readonly clock: () => EpochMs };

/** The keys: how old, until when, and whether the ring can be read. */
export function keyMetrics(registry: Registry, { keyStatus, clock }: KeySource): void {
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
