import { type Finding, failed, fine, type Look, warning } from '../oauth/check.js';
import { isSameTiming, type KeyRing, type RingTiming } from '../oauth/key-ring.js';
import { clockBehind, isRotationDue, nextRotation, standbys } from '../oauth/key-rotation.js';
import { activeKey } from '../oauth/key-states.js';
import { type EpochMs, formatDuration, toRfc3339 } from '../oauth/time.js';
import type { KeyStore } from './store.js';

export type RingLookSettings = {
  /** What this configuration says; another server may have been started with another. */
  readonly timing: RingTiming;
  readonly rotationIntervalSeconds: number | null;
  readonly clock: () => EpochMs;
};

/**
 * Whether a server could start with the ring: every file or row is there, private to its owner, and every key that may
 * still sign does.
 *
 * @param wasMade whether this installation ever had a ring; null when nobody can tell
 */
export async function lookAtRing(store: KeyStore, wasMade: boolean | null, now: EpochMs): Promise<Finding> {
  if (wasMade === false && !(await store.exists())) {
    return warning(`there is no key ring in ${store.place} yet`, 'the first `mintd serve` makes one');
  }
  if (wasMade === null && !(await store.exists())) {
    const found = `there is no key ring in ${store.place}, and the database cannot say whether there ever was one`;
    return failed(found, 'see to the database first');
  }
  const { ring, privateKeys } = await store.load(now);
  const active = activeKey(ring, now);
  if (active === null || !privateKeys.has(active.kid)) {
    return failed(`${store.place}: no key in the ring can sign`, 'restore the ring from a backup');
  }
  const [next] = standbys(ring, now);
  if (next === undefined) return failed(`${store.place}: no key stands by`, 'restore the ring from a backup');
  return fine(`${store.place}: ${active.kid} signs, ${next.kid} stands by; every private half is there and signs`);
}

/** What else there is to look at, in a ring that can be read. */
export function ringLooks(store: KeyStore, ring: KeyRing, settings: RingLookSettings): readonly Look[] {
  const { timing, rotationIntervalSeconds, clock } = settings;
  return [
    { name: 'key rotation', take: async () => judgeRotation(ring, rotationIntervalSeconds, clock()) },
    { name: 'key timings', take: async () => judgeTiming(ring, timing) },
    { name: 'key leftovers', take: async () => judgeLeftovers(await store.leftovers({ foreignToo: true })) },
  ];
}

/** A server plans a rotation within seconds; one that is late by so much is not planned by anybody. */
const LATE_SECONDS = 3600;

function judgeRotation(ring: KeyRing, intervalSeconds: number | null, now: EpochMs): Finding {
  const behind = clockBehind(ring, now);
  if (behind !== null) {
    return failed(
      `the ring was changed at ${toRfc3339(behind.changedAt)}, which is in the future: no server starts with it`,
      "set this machine's clock right; if it is, `mintd keys rotate --force`",
    );
  }
  const next = nextRotation(ring, intervalSeconds, now);
  if (next === null) return fine('the next is yours to make: KEY_ROTATION_INTERVAL=off');
  if (isRotationDue(ring, intervalSeconds, now - LATE_SECONDS * 1000)) {
    return warning(`one was due at ${toRfc3339(next)}`, 'start a server, or `mintd keys rotate`');
  }
  return fine(`the next at ${toRfc3339(next)}`);
}

const SETTINGS: readonly (readonly [setting: string, member: keyof RingTiming])[] = [
  ['JWKS_MAX_AGE', 'jwksMaxAgeSeconds'],
  ['VERIFIER_CACHE', 'verifierCacheSeconds'],
  ['ACCESS_TOKEN_MAX_TTL', 'accessTokenMaxTtlSeconds'],
  ['CLOCK_SKEW', 'clockSkewSeconds'],
];

function judgeTiming(ring: KeyRing, configured: RingTiming): Finding {
  const inForce = ring.timings.at(-1);
  if (inForce === undefined || isSameTiming(inForce, configured)) return fine('the ring counts with these settings');
  const differing = SETTINGS.filter(([, member]) => inForce[member] !== configured[member]);
  const shown = (timing: RingTiming) =>
    differing.map(([setting, member]) => `${setting}=${formatDuration(timing[member])}`).join(' ');
  return warning(
    `the ring counts with ${shown(inForce)}, this configuration says ${shown(configured)}`,
    'give all servers and commands the same settings; a server that starts brings its own into force',
  );
}

function judgeLeftovers(names: readonly string[]): Finding {
  if (names.length === 0) return fine('none');
  return warning(
    `these belong to no key of the ring: ${names.join(', ')}`,
    '`mintd keys prune` deletes what mintd wrote; look at the rest',
  );
}
