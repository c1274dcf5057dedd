import {
  firstRing,
  planRotation,
  type RingTiming,
  type RotationPlan,
  type RotationRefusal,
  withTiming,
} from '../oauth/key-ring.js';
import type { EpochMs } from '../oauth/time.js';
import { type KeyStore, missingRing } from './directory.js';
import { makeKeyPair } from './rsa.js';

/**
 * Rotates, or only says what a rotation would do.
 *
 * @param clock read once, when the plan is made and nobody else can change the ring
 */
export async function rotateKeys(
  store: KeyStore,
  dryRun: boolean,
  clock: () => EpochMs = Date.now,
): Promise<RotationPlan | RotationRefusal> {
  const added = await makeKeyPair();
  if (dryRun) return planRotation(await store.read(), added.key, clock());
  let refusal: RotationRefusal | undefined;
  const plan = await store.change((ring) => {
    const planned = planRotation(ring, added.key, clock());
    if ('refused' in planned) {
      refusal = planned;
      return null;
    }
    return { ring: planned.ring, added: [added], value: planned };
  });
  if (plan !== null) return plan;
  if (refusal === undefined) throw new Error('the rotation neither happened nor was refused');
  return refusal;
}

/**
 * Makes the first ring where none ever was, and brings an existing one up to the configuration's timing.
 *
 * @param wasMade whether a ring was made for this database before: then a missing one was lost, and making another
 *   would silently turn away every token that is out
 * @returns whether the ring is new
 */
export async function prepareRing(
  store: KeyStore,
  wasMade: boolean,
  timing: RingTiming,
  clock: () => EpochMs = Date.now,
): Promise<boolean> {
  if (!(await store.exists())) {
    if (wasMade) throw missingRing(store.place);
    const [first, standby] = [await makeKeyPair(), await makeKeyPair()];
    const ring = firstRing(first.key, standby.key, timing, clock());
    if (await store.create(ring, [first, standby])) return true;
  }
  const current = await store.read();
  if (withTiming(current, timing, clock()) === current) return false;
  await store.change((ring) => {
    const changed = withTiming(ring, timing, clock());
    return changed === ring ? null : { ring: changed, added: [], value: true };
  });
  return false;
}
