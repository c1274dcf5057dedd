import {
  type ImportPlan,
  type ImportRefusal,
  keysToDestroy,
  type PrunePlan,
  planImport,
  planPrune,
  planRevocation,
  type RevocationPlan,
  type RevocationRefusal,
  withDestroyed,
} from '../oauth/key-removal.js';
import type { NewKey } from '../oauth/key-ring.js';
import type { EpochMs } from '../oauth/time.js';
import { KeyRingFault } from './faults.js';
import { planned, sizeOfNewest } from './rotate.js';
import { makeKeyPair } from './rsa.js';
import type { KeyStore } from './store.js';

/** Takes a key out of the JWKS now, and destroys its private half. */
export async function revokeKey(
  store: KeyStore,
  kid: string,
  clock: () => EpochMs = Date.now,
): Promise<RevocationPlan | RevocationRefusal> {
  const bits = sizeOfNewest(await store.read());
  const [spare, standby] = [await makeKeyPair(bits), await makeKeyPair(bits)];
  const fresh = [spare.key, standby.key] as const;
  return planned(store, (ring) => planRevocation(ring, kid, fresh, clock()), [spare, standby]);
}

/** Publishes the key of another issuer for a while; see planImport. */
export async function importKey(
  store: KeyStore,
  key: NewKey,
  until: EpochMs,
  clock: () => EpochMs = Date.now,
): Promise<ImportPlan | ImportRefusal> {
  return planned(store, (ring) => planImport(ring, key, until, clock()));
}

/** Forgets what is over. */
export async function pruneKeys(store: KeyStore, clock: () => EpochMs = Date.now): Promise<PrunePlan> {
  const plan = await store.change<PrunePlan>((ring) => {
    const made = planPrune(ring, clock());
    const isSame = made.forgets.length === 0 && made.ring.timings.length === ring.timings.length;
    return isSame ? null : { ring: made.ring, added: [], value: made };
  });
  return plan ?? { ring: await store.read(), forgets: [] };
}

/**
 * Destroys the private halves that have nothing left to do: the ring says so first, then they are deleted.
 *
 * @param undestroyed those which the ring says are destroyed, and which are there all the same: they are deleted as well
 * @returns the kids whose private halves were destroyed; another server may have been quicker
 */
export async function destroyRetired(
  store: KeyStore,
  undestroyed: readonly string[],
  clock: () => EpochMs = Date.now,
): Promise<readonly string[]> {
  const kids = await store.change<readonly string[]>((ring) => {
    const now = clock();
    const over = keysToDestroy(ring, now);
    if (over.length === 0 && undestroyed.length === 0) return null;
    return { ring: withDestroyed(ring, over, now), added: [], value: [...undestroyed, ...over] };
  });
  return kids ?? [];
}

/**
 * Takes a whole ring, private halves and all, to another store.
 *
 * @param replace whether to put it in the place of the one that is there
 * @returns the kids
 * @throws KeyRingFault when there is a ring already, or this one changed meanwhile
 */
export async function copyRing(
  from: KeyStore,
  to: KeyStore,
  replace: boolean,
  clock: () => EpochMs = Date.now,
): Promise<readonly string[]> {
  const before = await from.fingerprint();
  const { ring, undestroyed } = await from.load(clock());
  const pairs = (await from.readPairs()).filter(({ key }) => !undestroyed.includes(key.kid));
  if (before !== (await from.fingerprint())) {
    throw new KeyRingFault(`${from.place}: the ring changed just now: try again`);
  }
  if (replace) await to.replace(ring, pairs);
  else if (!(await to.create(ring, pairs))) {
    throw new KeyRingFault(`${to.place}: there is a key ring already; --replace puts this one in its place`);
  }
  return ring.keys.map(({ kid }) => kid);
}
