import type { Logger } from 'pino';
import type { Config } from './config.js';
import type { KeyAdmin } from './http/admin/keys.js';
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
  if (isNew) logger.info({ event: 'key_ring_made', place: store.place }, 'made the first key ring');
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
    ringReloaded: (kids) => logger.info({ event: 'key_ring_reloaded', kids }, 'the key ring changed'),
    ringFault: (err) =>
      logger.error(
        { event: 'key_ring_fault', err },
        'the key ring cannot be read; the last good one is used for a while',
      ),
    upkeepFailed: (err) => logger.error({ event: 'key_upkeep_failed', err }, 'the key ring cannot be looked after'),
    rotated: ({ activates, publishes }) => {
      const at = activates.activatesAt === null ? null : toRfc3339(activates.activatesAt);
      const event = { event: 'key_rotated', kid: activates.kid, activatesAt: at, published: publishes?.kid ?? null };
      logger.info(event, 'planned the next signing key');
    },
    notRotated: ({ refused }) => logger.error({ event: 'key_rotation_refused', reason: refused }, 'no key was rotated'),
    destroyed: (kids) => logger.info({ event: 'private_keys_destroyed', kids }, 'destroyed private keys that are over'),
    clockJumped: (seconds) =>
      logger.warn({ event: 'clock_jumped', seconds }, 'the clock jumped ahead; no key is changed by it for a while'),
    leftovers: (names) =>
      logger.warn(
        { event: 'key_leftovers', names },
        'belong to no key of the ring; `mintd keys prune` deletes what mintd wrote',
      ),
    timingDiffers: (inForce) =>
      logger.warn({ event: 'key_timing_differs', inForce }, 'another server was started with another timing: it holds'),
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
