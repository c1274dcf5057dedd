import type { KeyObject } from 'node:crypto';
import { type KeyRing, RING_POLL_SECONDS } from '../oauth/key-ring.js';
import type { EpochMs } from '../oauth/time.js';
import { about, KeyRingFault } from './faults.js';
import type { LeftoverOptions, RingMedium } from './medium.js';
import { ringReader } from './reading.js';
import { formatRing, parseRing } from './ring-format.js';
import type { KeyPair } from './rsa.js';
import type { Wrapping } from './wrapping.js';

/** A ring that was read and checked, with the private halves that may still be needed. */
export type LoadedRing = {
  readonly ring: KeyRing;
  readonly privateKeys: ReadonlyMap<string, KeyObject>;
  /** Whose private halves are there although the ring says they were destroyed: somebody was killed in between. */
  readonly undestroyed: readonly string[];
};

/** A new ring, and the private halves of its new keys. */
export type RingChange<T> = { readonly ring: KeyRing; readonly added: readonly KeyPair[]; readonly value: T };

/** A key ring with its private halves: the same rules wherever it is kept. */
export type KeyStore = {
  /** For messages: where it is. */
  readonly place: string;
  /** What to say when no ring is there. */
  readonly missing: string;
  /** Whether a ring is there, even if it is broken. */
  exists(): Promise<boolean>;
  /** Changes whenever the ring may have changed; cheap. */
  fingerprint(): Promise<string>;
  /** Reads and checks everything. Throws KeyRingFault. */
  load(now: EpochMs): Promise<LoadedRing>;
  /** Reads the ring alone, for showing it. Throws KeyRingFault. */
  read(): Promise<KeyRing>;
  /** Every private half that is kept, for taking the ring elsewhere. Throws KeyRingFault. */
  readPairs(): Promise<readonly KeyPair[]>;
  /** Writes the first ring. False when there is one already. */
  create(ring: KeyRing, pairs: readonly KeyPair[]): Promise<boolean>;
  /** Writes a ring in the place of whatever is there, be it broken. */
  replace(ring: KeyRing, pairs: readonly KeyPair[]): Promise<void>;
  /**
   * Changes the ring; nobody else can meanwhile. The decision returns null to leave it as it is, and may be asked again
   * when somebody was quicker. Private halves of keys that are destroyed or gone in the new ring are deleted.
   */
  change<T>(decide: (ring: KeyRing) => RingChange<T> | null): Promise<T | null>;
  /** Writes every private half anew under the present secret. Returns their kids. */
  rewrap(): Promise<readonly string[]>;
  /** Names of what lies there and belongs to no key; deleted when asked. */
  leftovers(options?: LeftoverOptions): Promise<readonly string[]>;
};

/** How often a reading is tried again when the ring changed while it was read. */
const MOST_READINGS = 3;

/**
 * @param steadyMs a clock that is never set, in ms: tells how long a change took
 */
export function openKeyStore(medium: RingMedium, wrapping: Wrapping, steadyMs = () => performance.now()): KeyStore {
  const reader = ringReader(medium, wrapping);
  const timely = () => assertTimely(medium.ringName, steadyMs);

  async function wrapped(pairs: readonly KeyPair[]): Promise<ReadonlyMap<string, string>> {
    const texts = new Map<string, string>();
    for (const { key, privatePem } of pairs) texts.set(key.kid, await wrapping.wrap(privatePem));
    return texts;
  }

  return {
    place: medium.place,
    missing: medium.missing,
    exists: medium.exists,
    fingerprint: medium.fingerprint,
    load: (now) => readSteadily(medium, () => reader.load(now)),
    read: async () => (await reader.read()).ring,
    readPairs: () => readSteadily(medium, async () => reader.pairsOf(await reader.read())),
    async create(ring, pairs) {
      const put = await wrapped(pairs);
      return medium.create({ ring: formatRing(ring), put, drop: [], assertTimely: timely() });
    },
    async replace(ring, pairs) {
      await medium.replace({ ring: formatRing(ring), put: await wrapped(pairs), drop: [], assertTimely: timely() });
    },
    change: (decide) =>
      medium.change(async (content) => {
        const ring = await reader.parse(content);
        const inTime = timely();
        const change = decide(ring);
        if (change === null) return null;
        const [put, drop] = [await wrapped(change.added), droppedBy(ring, change.ring)];
        const staying = content.kids.filter((kid) => !drop.includes(kid));
        if (put.size > 0) await reader.assertSecret(content, staying);
        return { write: { ring: formatRing(change.ring), put, drop, assertTimely: inTime }, value: change.value };
      }),
    async rewrap() {
      const kids = await medium.change(async (content) => {
        const pairs = await reader.pairsOf({ content, ring: await reader.parse(content) });
        const write = { ring: null, put: await wrapped(pairs), drop: [], assertTimely: () => undefined };
        return { write, value: pairs.map(({ key }) => key.kid) };
      });
      return kids ?? [];
    },
    leftovers: (options = {}) =>
      about(medium.ringName, () => medium.leftovers((ring) => parseRing(ring).keys.map(({ kid }) => kid), options)),
  };
}

/** Reads again what changed while it was read. */
async function readSteadily<T>(medium: RingMedium, read: () => Promise<T>): Promise<T> {
  for (let readings = 1; ; readings++) {
    const before = await medium.fingerprint().catch(() => null);
    try {
      return await read();
    } catch (error) {
      const isSame = before === (await medium.fingerprint().catch(() => null));
      if (isSame || readings === MOST_READINGS) throw error;
    }
  }
}

/** The ring's times are true only when it is there soon after they were decided: says so from now on. */
function assertTimely(ringName: string, steadyMs: () => number): () => void {
  const decidedAtMs = steadyMs();
  return () => {
    const tookMs = steadyMs() - decidedAtMs;
    if (tookMs <= RING_POLL_SECONDS * 1000) return;
    throw new KeyRingFault(
      `${ringName}: writing took ${Math.ceil(tookMs / 1000)} s, so nothing was changed: try again`,
    );
  };
}

/** The keys whose private halves a new ring no longer needs: destroyed in it, or forgotten by it. */
function droppedBy(before: KeyRing, after: KeyRing): readonly string[] {
  const needed = new Set(after.keys.filter(({ destroyedAt }) => destroyedAt === null).map(({ kid }) => kid));
  const own = [...before.keys, ...after.keys].filter(({ importedUntil }) => importedUntil === null);
  return [...new Set(own.map(({ kid }) => kid))].filter((kid) => !needed.has(kid));
}
