import { RING_POLL_SECONDS } from '../../src/oauth/key-ring.js';
import { type KeyView, viewRing } from '../../src/oauth/key-states.js';
import type { History, Version } from './key-ring.history.js';

/** What a server sees of a ring from a moment of true time on, until the next of its sightings. */
export type Sighting = {
  readonly fromMs: number;
  readonly untilMs: number;
  /** What the server's clock shows. */
  readonly now: number;
  readonly version: Version;
  readonly index: number;
  readonly keys: readonly KeyView[];
};

const POLL_MS = RING_POLL_SECONDS * 1000;

/**
 * All that servers see whose clocks are so far ahead of true time: each ring from when it was written until one poll
 * after the next was, just before, at and just after every moment at which a key may change its state.
 */
export function sightings({ versions }: History, clocksAheadMs: readonly number[]): readonly Sighting[] {
  return versions.flatMap((version, index) => {
    const next = versions[index + 1];
    const endMs = next === undefined ? Number.POSITIVE_INFINITY : next.fromMs + POLL_MS;
    return clocksAheadMs.flatMap((aheadMs) => {
      const times = momentsOf(version, version.fromMs + aheadMs).map((time) => time - aheadMs);
      const starts = [...new Set([version.fromMs, ...times])].filter((ms) => ms >= version.fromMs && ms < endMs);
      starts.sort((a, b) => a - b);
      return starts.map((fromMs, i) => {
        const now = fromMs + aheadMs;
        return { fromMs, untilMs: starts[i + 1] ?? endMs, now, version, index, keys: viewRing(version.ring, now) };
      });
    });
  });
}

function momentsOf({ ring }: Version, now: number): readonly number[] {
  const times = viewRing(ring, now).flatMap((key) => [key.activatesAt, key.deactivatesAt, key.removesAt]);
  return times.flatMap((time) => (time === null ? [] : [time - 1, time, time + 1]));
}

/** The kids a verifier would find. */
export function published(keys: readonly KeyView[]): ReadonlySet<string> {
  const states = ['published', 'active', 'retiring'];
  return new Set(keys.filter(({ state }) => states.includes(state)).map(({ kid }) => kid));
}

export function activeOf(keys: readonly KeyView[]): KeyView | undefined {
  return keys.find(({ state }) => state === 'active');
}
