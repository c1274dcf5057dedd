import type { Logger } from 'pino';
import type { Config } from './config.js';
import type { KeyAdmin } from './http/admin/keys.js';
import { record } from './http/record.js';
import { databaseStore, fileStore } from './key-store.js';
import { type Keeper, type KeeperLog, openKeeper } from './keys/keeper.js';
import { prepareRing, rotateKeys } from './keys/rotate.js';
import type { RingTiming } from './oauth/key-ring.js';
import { nextRotation } from './oauth/key-rotation.js';
import { toRfc3339 } from './oauth/time.js';
import type { Database } from './store/database.js';
import { openInstallation } from './store/installation.js';

/** Opens the key ring and looks after it; makes it first where this database never had one. */
export async function openRing(
  config: Config,
  logger: Logger,
  database: Database,
): Promise<{ readonly keeper: Keeper; readonly keyAdmin: KeyAdmin }> {
  const store = config.KEY_STORE === 'files' ? fileStore(config) : databaseStore(config, database);
  const installation = openInstallation(database);
  const timing = ringTiming(config);
  const madeAt = await installation.keyRingMadeAt();
  const isNew = await prepareRing(store, madeAt !== null, timing);
  if (isNew) record(logger, { event: 'key_ring_made', place: store.place });
  if (madeAt === null) await installation.rememberKeyRing(Date.now());
  const keyAdmin: KeyAdmin = {
    read: () => store.read(),
    rotate: (options) => rotateKeys(store, options),
    nextRotationAt: (ring, now) => nextRotation(ring, config.KEY_ROTATION_INTERVAL, now),
  };
  const keeper = await openKeeper(store, {
    log: keeperLog(logger),
    rotationIntervalSeconds: config.KEY_ROTATION_INTERVAL,
    timing,
    clock: Date.now,
    steadyMs: () => performance.now(),
  });
  return { keeper, keyAdmin };
}

function keeperLog(logger: Logger): KeeperLog {
  return {
    ringReloaded: (kids) => record(logger, { event: 'key_ring_reloaded', kids }),
    ringFault: (err) => record(logger, { event: 'key_ring_fault', err }),
    upkeepFailed: (err) => record(logger, { event: 'key_upkeep_failed', err }),
    rotated: ({ activates, publishes }) => {
      const at = activates.activatesAt === null ? null : toRfc3339(activates.activatesAt);
      const published = publishes?.kid ?? null;
      record(logger, { event: 'key_rotated', kid: activates.kid, activatesAt: at, published });
    },
    notRotated: ({ refused }) => record(logger, { event: 'key_rotation_refused', reason: refused }),
    destroyed: (kids) => record(logger, { event: 'private_keys_destroyed', kids }),
    clockJumped: (seconds) => record(logger, { event: 'clock_jumped', seconds }),
    leftovers: (names) => record(logger, { event: 'key_leftovers', names }),
    timingDiffers: (inForce) => record(logger, { event: 'key_timing_differs', inForce }),
  };
}

/** What the ring counts with, by this configuration. */
export function ringTiming(config: Config): RingTiming {
  return {
    jwksMaxAgeSeconds: config.JWKS_MAX_AGE,
    verifierCacheSeconds: config.VERIFIER_CACHE,
    accessTokenMaxTtlSeconds: config.ACCESS_TOKEN_MAX_TTL,
    clockSkewSeconds: config.CLOCK_SKEW,
  };
}
