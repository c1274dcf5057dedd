import { planPrune } from '../oauth/key-removal.js';
import { firstRing, type KeyRing, type NewKey, type RingTiming, withTiming } from '../oauth/key-ring.js';
import {
  clockBehind,
  isRotationDue,
  planRotation,
  type RotationPlan,
  type RotationRefusal,
} from '../oauth/key-rotation.js';
import { type EpochMs, toRfc3339 } from '../oauth/time.js';
import { KeyRingFault } from './faults.js';
import { bitsOf, KEY_SIZES_BITS, type KeyPair, type KeySizeBits, makeKeyPair } from './rsa.js';
import type { KeyStore } from './store.js';

export type RotationOptions = {
  /** Only say what would happen. */
  readonly dryRun?: boolean;
  /** Sign with the standby at once, whoever does not know it yet. */
  readonly forced?: boolean;
  /** Size of the new standby; that of the newest key when left out. */
  readonly bits?: KeySizeBits;
};

/**
 * Rotates, or only says what a rotation would do.
 *
 * @param clock read when the plan is made and nobody else can change the ring
 */
export async function rotateKeys(
  store: KeyStore,
  { dryRun = false, forced = false, bits }: RotationOptions = {},
  clock: () => EpochMs = Date.now,
): Promise<RotationPlan | RotationRefusal> {
  // Everything is checked: a standby whose private half is not there must not be scheduled.
  const { ring: before } = await store.load(clock());
  const added = await makeKeyPair(bits ?? sizeOfNewest(before));
  if (dryRun) return planRotation(before, added.key, clock(), forced);
  return planned(store, (ring) => planPrunedRotation(ring, added.key, clock(), forced), [added]);
}

/**
 * Rotates if it is time to, and no other server has done so.
 *
 * @returns null when it was not time any more
 */
export async function rotateIfDue(
  store: KeyStore,
  intervalSeconds: number | null,
  clock: () => EpochMs = Date.now,
): Promise<RotationPlan | RotationRefusal | null> {
  const { ring: before } = await store.load(clock());
  if (!isRotationDue(before, intervalSeconds, clock())) return null;
  // Any key shows whether one is possible: making a new one takes long, and this is asked every few seconds.
  const [anyKey] = before.keys;
  const tried = anyKey === undefined ? null : planRotation(before, anyKey, clock());
  if (tried !== null && 'refused' in tried) return tried;
  const added = await makeKeyPair(sizeOfNewest(before));
  const outcome = await planned(store, (ring) => planDueRotation(ring, added.key, intervalSeconds, clock()), [added]);
  return 'refused' in outcome && outcome.refused === 'not_due' ? null : outcome;
}

function planDueRotation(ring: KeyRing, added: NewKey, intervalSeconds: number | null, now: EpochMs) {
  if (!isRotationDue(ring, intervalSeconds, now)) return { refused: 'not_due' } as const;
  return planPrunedRotation(ring, added, now, false);
}

/** A rotation that forgets what is over along with it, so that the ring stays small. */
function planPrunedRotation(ring: KeyRing, added: NewKey, now: EpochMs, forced: boolean) {
  const plan = planRotation(ring, added, now, forced);
  return 'refused' in plan ? plan : { ...plan, ring: planPrune(plan.ring, now).ring };
}

/**
 * Makes a plan while nobody else can change the ring, and carries it out unless it is a refusal.
 *
 * @param pairs private halves of the keys the plan may publish
 */
export async function planned<O extends { readonly ring: KeyRing } | { readonly refused: string }>(
  store: KeyStore,
  plan: (ring: KeyRing) => O,
  pairs: readonly KeyPair[] = [],
): Promise<O> {
  const refusals: O[] = [];
  const done = await store.change<O>((ring) => {
    const made = plan(ring);
    if ('refused' in made) {
      refusals.push(made);
      return null;
    }
    const added = pairs.filter(({ key }) => made.ring.keys.some(({ kid }) => kid === key.kid));
    return { ring: made.ring, added, value: made };
  });
  const outcome = done ?? refusals.at(-1);
  if (outcome === undefined) throw new Error('a plan was neither carried out nor refused');
  return outcome;
}

/**
 * Makes sure that this clock may change the ring.
 *
 * @throws KeyRingFault when the ring was changed later than this clock says it is
 */
export function assertClock({ place }: KeyStore, ring: KeyRing, now: EpochMs): void {
  const behind = clockBehind(ring, now);
  if (behind === null) return;
  throw new KeyRingFault(
    `${place}: the ring was changed at ${toRfc3339(behind.changedAt)}, but this machine's clock says ` +
      `${toRfc3339(now)}: set the clock right; if it is, \`mintd keys rotate --force\` mends the ring`,
  );
}

/** Sizes stay as they were asked for last. */
export function sizeOfNewest(ring: KeyRing): KeySizeBits {
  const own = ring.keys.filter(({ importedUntil }) => importedUntil === null);
  const newest = own.at(-1);
  const bits = newest === undefined ? 0 : bitsOf(newest.jwk);
  return KEY_SIZES_BITS.find((size) => size === bits) ?? KEY_SIZES_BITS[0];
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
    if (wasMade) throw new KeyRingFault(store.missing);
    const [first, standby] = [await makeKeyPair(), await makeKeyPair()];
    const ring = firstRing(first.key, standby.key, timing, clock());
    if (await store.create(ring, [first, standby])) return true;
  }
  const current = await store.read();
  assertClock(store, current, clock());
  if (withTiming(current, timing, clock()) === current) return false;
  await store.change((ring) => {
    const now = clock();
    const changed = withTiming(ring, timing, now);
    return changed === ring ? null : { ring: planPrune(changed, now).ring, added: [], value: true };
  });
  return false;
}
