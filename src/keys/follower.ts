import { blindSeconds, type KeyRing, type RingKey } from '../oauth/key-ring.js';
import type { EpochMs } from '../oauth/time.js';
import { KeyRingFault } from './faults.js';
import { type ReplaceableSigner, signerOf } from './signer.js';
import type { KeyStore, LoadedRing } from './store.js';

/** The ring as it was last seen to be good, and the signer that goes by it. */
export type Follower = {
  readonly signer: ReplaceableSigner;
  readonly loaded: () => LoadedRing;
  /** Looks whether the ring has changed, and goes by the new one. Returns whether it had. Throws when it is bad. */
  follow(): Promise<boolean>;
  /** How long ago the ring was last seen to be good, in seconds, and whether the last look failed. */
  lastSeen(): { readonly secondsAgo: number; readonly isFaulty: boolean };
};

/**
 * Opens a ring and follows it. One that turns bad leaves the last good one in use, until the tokens it signs could be
 * refused; from then on nothing is signed.
 *
 * @param steadyMs a clock that is never set, in ms
 * @throws KeyRingFault when the ring is not fit to start with
 */
export async function openFollower(store: KeyStore, clock: () => EpochMs, steadyMs: () => number): Promise<Follower> {
  let seenAtMs = steadyMs();
  let fingerprint = await store.fingerprint().catch(() => '');
  let loaded = await store.load(clock());
  let isFaulty = false;
  const signer = signerOf(loaded);
  const isBlind = () => steadyMs() - seenAtMs > blindSeconds(loaded.ring) * 1000;

  async function follow(): Promise<boolean> {
    const askedAtMs = steadyMs();
    try {
      const found = await store.fingerprint();
      // A clock that was set back may want a key again whose private half was not loaded any more.
      const mustLoad = found !== fingerprint || !signer.isReady(clock());
      if (mustLoad) {
        loaded = await store.load(clock());
        signer.replace(loaded);
        fingerprint = found;
      }
      seenAtMs = askedAtMs;
      isFaulty = false;
      return mustLoad;
    } catch (error) {
      isFaulty = true;
      const ring = await store.read().catch(() => null);
      if (ring !== null) obeyRevocations(ring);
      throw error;
    }
  }

  /** A ring whose private halves cannot all be read is not followed, but a key that it revokes is out all the same. */
  function obeyRevocations(ring: KeyRing): void {
    const known = new Map(ring.keys.map((key) => [key.kid, key]));
    const isNews = ({ kid, revokedAt }: RingKey) => revokedAt === null && (known.get(kid)?.revokedAt ?? null) !== null;
    if (!loaded.ring.keys.some(isNews)) return;
    const keys = loaded.ring.keys.map((key) => {
      const { activatesAt, revokedAt, destroyedAt } = known.get(key.kid) ?? key;
      return { ...key, activatesAt, revokedAt, destroyedAt };
    });
    loaded = { ...loaded, ring: { keys, timings: loaded.ring.timings } };
    signer.replace(loaded);
  }

  return {
    signer: {
      ...signer,
      async sign(claims, now) {
        if (isBlind()) throw new KeyRingFault(`${store.place}: the ring could not be read for too long to sign by it`);
        return signer.sign(claims, now);
      },
      isReady: (now) => !isBlind() && signer.isReady(now),
    },
    loaded: () => loaded,
    follow,
    lastSeen: () => ({ secondsAgo: (steadyMs() - seenAtMs) / 1000, isFaulty }),
  };
}
