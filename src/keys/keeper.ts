import { keysToDestroy } from '../oauth/key-removal.js';
import { isSameTiming, RING_POLL_SECONDS, type RingTiming } from '../oauth/key-ring.js';
import { isRotationDue, nextRotation, type RotationPlan, type RotationRefusal } from '../oauth/key-rotation.js';
import { activeKey, type KeyState, nextChange, viewRing } from '../oauth/key-states.js';
import type { EpochMs } from '../oauth/time.js';
import { destroyRetired } from './changes.js';
import { clockWatch } from './clock-watch.js';
import { KeyRingFault } from './faults.js';
import { type Follower, openFollower } from './follower.js';
import { assertClock, rotateIfDue } from './rotate.js';
import type { Signer } from './signer.js';
import type { KeyStore } from './store.js';

/** How the ring is, for people and machines that watch. */
export type KeyStatus = {
  readonly kid: string | null;
  /** From when that key signs. */
  readonly activeSince: EpochMs | null;
  /** When the next one will; null where none is planned. */
  readonly nextRotationAt: EpochMs | null;
  /** How long ago the ring was last seen to be good, in seconds. */
  readonly seenSecondsAgo: number;
  /** Whether it cannot be read now, so that the last good one is in use. */
  readonly isFaulty: boolean;
  /** How many keys are in each state. */
  readonly states: Readonly<Record<KeyState, number>>;
};

/** A signer that keeps its ring: follows it, rotates it, and destroys what is over. */
export type Keeper = Signer & {
  status(now: EpochMs): KeyStatus;
  /** Looks after the ring once, as a timer does otherwise. Never rejects. */
  tick(): Promise<void>;
  /** Stops looking after it; what is being done is finished. */
  close(): Promise<void>;
};

/** What the keeper tells the log. */
export type KeeperLog = {
  readonly ringReloaded: (kids: readonly string[]) => void;
  /** The ring cannot be read; the last good one is in use. Said at each try. */
  readonly ringFault: (error: unknown) => void;
  /** The ring is good, but cannot be rotated or rid of private keys that are over. Said at each try. */
  readonly upkeepFailed: (error: unknown) => void;
  readonly rotated: (plan: RotationPlan) => void;
  readonly notRotated: (refusal: RotationRefusal) => void;
  readonly destroyed: (kids: readonly string[]) => void;
  readonly clockJumped: (seconds: number) => void;
  readonly leftovers: (names: readonly string[]) => void;
  /** Another server was started with another timing, which holds for all. */
  readonly timingDiffers: (inForce: RingTiming) => void;
};

export type KeeperOptions = {
  readonly log: KeeperLog;
  /** How long a key signs before it is rotated; null for never by itself. */
  readonly rotationIntervalSeconds: number | null;
  /** What this server is configured with. */
  readonly timing: RingTiming;
  readonly clock: () => EpochMs;
  /** A clock that is never set, in ms. */
  readonly steadyMs: () => number;
};

/**
 * Opens the ring and looks after it while the server runs.
 *
 * @throws KeyRingFault when the ring is not fit to start with
 */
export async function openKeeper(store: KeyStore, options: KeeperOptions): Promise<Keeper> {
  const { log, clock, steadyMs, rotationIntervalSeconds } = options;
  const follower = await openFollower(store, clock, steadyMs);
  assertFit(store, follower, clock());
  const leftovers = await store.leftovers({ foreignToo: true });
  if (leftovers.length > 0) log.leftovers(leftovers);
  const tick = upkeep(store, follower, options);
  const ring = () => follower.loaded().ring;
  const timer = everySoOften(tick, () => untilNext(nextChange(ring(), clock()), clock()));
  return {
    ...follower.signer,
    status(now) {
      const active = activeKey(ring(), now);
      const { secondsAgo, isFaulty } = follower.lastSeen();
      return {
        kid: active?.kid ?? null,
        activeSince: active?.activatesAt ?? null,
        nextRotationAt: nextRotation(ring(), rotationIntervalSeconds, now),
        seenSecondsAgo: secondsAgo,
        isFaulty,
        states: countStates(viewRing(ring(), now).map(({ state }) => state)),
      };
    },
    tick,
    close: timer.stop,
  };
}

/** What must hold at the start; while running, a server goes on. */
function assertFit(store: KeyStore, { signer, loaded }: Follower, now: EpochMs): void {
  signer.jwks(now);
  assertClock(store, loaded().ring, now);
  if (!signer.isReady(now)) throw new KeyRingFault(`${store.place}: no key in the ring can sign`);
}

/** Looks after the ring once: what changed, what is over, what is due. */
function upkeep(store: KeyStore, follower: Follower, options: KeeperOptions): () => Promise<void> {
  const { log, clock, steadyMs, rotationIntervalSeconds, timing } = options;
  const lookAtClock = clockWatch(clock, steadyMs);
  const ring = () => follower.loaded().ring;

  async function follow(): Promise<void> {
    if (!(await follower.follow())) return;
    log.ringReloaded(ring().keys.map(({ kid }) => kid));
    const inForce = ring().timings.at(-1);
    if (inForce !== undefined && !isSameTiming(inForce, timing)) log.timingDiffers(inForce);
  }

  async function destroy(): Promise<void> {
    const { undestroyed } = follower.loaded();
    if (undestroyed.length === 0 && keysToDestroy(ring(), clock()).length === 0) return;
    const kids = await destroyRetired(store, undestroyed, clock);
    if (kids.length > 0) log.destroyed(kids);
    await follow();
  }

  async function rotate(): Promise<void> {
    if (!isRotationDue(ring(), rotationIntervalSeconds, clock())) return;
    const outcome = await rotateIfDue(store, rotationIntervalSeconds, clock);
    if (outcome !== null && 'refused' in outcome) return log.notRotated(outcome);
    if (outcome !== null) log.rotated(outcome);
    await follow();
  }

  return async () => {
    await follow().catch(log.ringFault);
    if (follower.lastSeen().isFaulty) return;
    const { jumpedSeconds, isTrusted } = lookAtClock(ring().timings.at(-1)?.clockSkewSeconds ?? 0);
    if (jumpedSeconds > 0) log.clockJumped(jumpedSeconds);
    // What cannot be taken back is not done by a clock that has just jumped.
    if (!isTrusted) return;
    await destroy().catch(log.upkeepFailed);
    await rotate().catch(log.upkeepFailed);
  };
}

/** At the next change, at the latest after the poll interval. */
function untilNext(change: EpochMs | null, now: EpochMs): number {
  return Math.min(RING_POLL_SECONDS * 1000, change === null ? Number.POSITIVE_INFINITY : change - now + 1);
}

/** Runs work again and again, never twice at once. */
function everySoOften(work: () => Promise<void>, pauseMs: () => number): { stop(): Promise<void> } {
  let isStopped = false;
  let running = Promise.resolve();
  let timer: NodeJS.Timeout;
  const schedule = () => {
    timer = setTimeout(() => {
      running = work().then(() => {
        if (!isStopped) schedule();
      });
    }, pauseMs());
    timer.unref();
  };
  schedule();
  return {
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}

function countStates(states: readonly KeyState[]): Readonly<Record<KeyState, number>> {
  const counts = { published: 0, active: 0, retiring: 0, removed: 0, revoked: 0 };
  for (const state of states) counts[state]++;
  return counts;
}
