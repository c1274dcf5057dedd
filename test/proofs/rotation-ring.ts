import type { Test } from 'tap';
import { parseRing } from '../../src/keys/ring-format.js';
import type { KeyRing, RingKey } from '../../src/oauth/key-ring.js';
import type { Database } from '../../src/store/database.js';
import { openKeyRings } from '../../src/store/key-rings.js';

/** From one key that signs to the next. */
export type Rotation = {
  readonly retires: string;
  readonly activates: string;
  /** From when the new one signs. */
  readonly at: number;
};

/** What the database's row said over time. */
export type RingWatch = {
  /** Every key that ever stood in it, as it did last. */
  readonly keys: ReadonlyMap<string, RingKey>;
  /** When it was first seen that the private half of a key was gone. */
  readonly goneAt: ReadonlyMap<string, number>;
  /** The ring as it is now. */
  ring(): KeyRing;
  /** All that were planned so far, in their order. */
  rotations(): readonly Rotation[];
  stop(): Promise<void>;
};

const EVERY_MS = 100;

/** Looks at the row again and again, and writes down what was ever there. */
export async function watchRing(t: Test, database: Database): Promise<RingWatch> {
  const table = openKeyRings(database);
  const keys = new Map<string, RingKey>();
  const goneAt = new Map<string, number>();
  const held = new Set<string>();
  let latest: KeyRing = { keys: [], timings: [] };
  let isOver = false;

  async function look(): Promise<void> {
    const row = await table.read();
    if (row === null) throw new Error('there is no ring');
    latest = parseRing(row.ring);
    for (const key of latest.keys) keys.set(key.kid, key);
    const there = Object.keys(JSON.parse(row.privateKeys));
    for (const kid of there) held.add(kid);
    for (const kid of held) if (!there.includes(kid) && !goneAt.has(kid)) goneAt.set(kid, Date.now());
  }

  async function goOn(): Promise<void> {
    while (!isOver) {
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
      await look();
    }
  }

  await look();
  const running = goOn();
  // Whoever waits for something in the row fails by its deadline; stop() says why.
  running.catch(() => undefined);
  const stop = () => {
    isOver = true;
    return running;
  };
  t.teardown(() => stop().catch(() => undefined));
  return {
    keys,
    goneAt,
    ring: () => latest,
    rotations() {
      const signers = [...keys.values()]
        .flatMap(({ kid, activatesAt }) => (activatesAt === null ? [] : [{ kid, activatesAt }]))
        .sort((a, b) => a.activatesAt - b.activatesAt);
      return signers.slice(1).map(({ kid, activatesAt }, i) => {
        return { retires: signers[i]?.kid ?? '', activates: kid, at: activatesAt };
      });
    },
    stop,
  };
}
