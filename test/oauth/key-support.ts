import type { ImportPlan, ImportRefusal, RevocationPlan, RevocationRefusal } from '../../src/oauth/key-removal.js';
import {
  type KeyRing,
  publishedKey,
  type RingKey,
  type RingTiming,
  type TimingEntry,
} from '../../src/oauth/key-ring.js';
import type { RotationPlan, RotationRefusal } from '../../src/oauth/key-rotation.js';
import { type KeyState, viewRing } from '../../src/oauth/key-states.js';

export const T = Date.UTC(2026, 0, 1);

/** So many seconds after the beginning. */
export const s = (seconds: number) => T + seconds * 1000;

/** The defaults: a key waits 300 + 600 + 60 + 5 = 965 s, and stays 3600 + 60 + 5 = 3665 s. */
export const TIMING: RingTiming = {
  jwksMaxAgeSeconds: 300,
  verifierCacheSeconds: 600,
  accessTokenMaxTtlSeconds: 3600,
  clockSkewSeconds: 60,
};

/** A key pair's name and public half; the name is as long as a thumbprint, so that rings can be written. */
export const named = (kid: string) => ({ kid, jwk: { kty: 'RSA', n: `n-${kid}`, e: 'AQAB' } }) as const;

/** A key that has been published since the beginning, but for what is said. */
export function key(kid: string, facts: Partial<RingKey> = {}): RingKey {
  return { ...publishedKey(named(kid), T), ...facts };
}

/** A key that signs from a moment on. */
export function signing(kid: string, activatesAt: number, facts: Partial<RingKey> = {}): RingKey {
  return key(kid, { activatesAt, ...facts });
}

/** The default timing with some durations changed, in force since a moment. */
export function timingSince(since: number, change: Partial<RingTiming> = {}): TimingEntry {
  return { ...TIMING, ...change, since };
}

export function ringOf(...keys: readonly RingKey[]): KeyRing {
  return { keys, timings: [timingSince(T)] };
}

export const kidsOf = (keys: readonly { readonly kid: string }[]): readonly string[] => keys.map(({ kid }) => kid);

export const statesOf = (ring: KeyRing, now: number): readonly KeyState[] => {
  return viewRing(ring, now).map(({ state }) => state);
};

/** Each key's kid and state, as `a:active`, in the order of the ring. */
export function glance(ring: KeyRing, now: number): string {
  return viewRing(ring, now)
    .map(({ kid, state }) => `${kid}:${state}`)
    .join(' ');
}

/** A plan that must not be a refusal. */
export function carriedOut(plan: RotationPlan | RotationRefusal): RotationPlan;
export function carriedOut(plan: RevocationPlan | RevocationRefusal): RevocationPlan;
export function carriedOut(plan: ImportPlan | ImportRefusal): ImportPlan;
export function carriedOut(plan: object): object {
  if ('refused' in plan) throw new Error(`refused: ${plan.refused}`);
  return plan;
}

/** What a revocation may need. */
export const FRESH = [named('f1'), named('f2')] as const;
