import { z } from 'zod';
import { about, KeyRingFault, privateKeyWayOut } from './faults.js';
import type { RingContent, RingMedium, RingWrite } from './medium.js';

/** One row of the database that holds a whole ring. Its version goes up by one with each change. */
export type RingRow = { readonly version: number; readonly ring: string; readonly privateKeys: string };

/** The table that row is in; handed in, because this folder knows keys and no databases. */
export type RingTable = {
  /** The version alone, or null where there is no row. */
  version(): Promise<number | null>;
  read(): Promise<RingRow | null>;
  /** False when there is a row already. */
  insert(row: Omit<RingRow, 'version'>): Promise<boolean>;
  /** Writes the row whatever is there, and gives it a version it did not have. */
  overwrite(row: Omit<RingRow, 'version'>): Promise<void>;
  /** Replaces the row of a version. False when somebody else has changed it since. */
  replace(version: number, row: Omit<RingRow, 'version'>): Promise<boolean>;
};

const ROW = 'table key_rings, row 1';
const MISSING =
  'there is no key ring in the database: restore its table key_rings from a backup, ' +
  'or bring one from files with `mintd keys copy --to database`';
/** Others change the ring rarely; so many times in a row means that something is wrong. */
const MOST_TRIES = 20;

/** The ring as one row: a change is one statement, and happens wholly or not at all. */
export function openKeyTable(table: RingTable): RingMedium {
  async function row(): Promise<RingRow> {
    const found = await table.read();
    if (found === null) throw new KeyRingFault(MISSING);
    return found;
  }

  return {
    place: 'the database',
    ringName: ROW,
    missing: MISSING,
    exists: async () => (await table.version()) !== null,
    async fingerprint() {
      const version = await table.version();
      if (version === null) throw new KeyRingFault(MISSING);
      return String(version);
    },
    read: async () => contentOf(await row()),
    async create({ ring, put, assertTimely }) {
      assertTimely();
      return table.insert({ ring, privateKeys: JSON.stringify(Object.fromEntries(put)) });
    },
    replace: ({ ring, put }) => table.overwrite({ ring, privateKeys: JSON.stringify(Object.fromEntries(put)) }),
    async change(work) {
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        const before = await row();
        const change = await work(await contentOf(before));
        if (change === null) return null;
        const after = await rowAfter(before, change.write);
        change.write.assertTimely();
        if (await table.replace(before.version, after)) return change.value;
      }
      throw new KeyRingFault(`${ROW}: others keep changing it`);
    },
    leftovers: async () => [],
  };
}

async function rowAfter(before: RingRow, { ring, put, drop }: RingWrite): Promise<Omit<RingRow, 'version'>> {
  const kept = new Map([...(await privateKeysOf(before)), ...put]);
  for (const kid of drop) kept.delete(kid);
  return { ring: ring ?? before.ring, privateKeys: JSON.stringify(Object.fromEntries(kept)) };
}

async function contentOf(row: RingRow): Promise<RingContent> {
  const kept = await privateKeysOf(row);
  return {
    ring: row.ring,
    kids: [...kept.keys()],
    async privateKey(kid) {
      const name = `${ROW}, private key of ${kid}`;
      const text = kept.get(kid);
      if (text === undefined) throw new KeyRingFault(`${name}: it is missing; ${privateKeyWayOut(kid)}`);
      return { name, text };
    },
  };
}

async function privateKeysOf({ privateKeys }: RingRow): Promise<ReadonlyMap<string, string>> {
  return about(`${ROW}, private keys`, async () => {
    const parsed = z.record(z.string(), z.string()).safeParse(parsedJson(privateKeys));
    if (!parsed.success) throw new Error('they cannot be read: they may have been cut or edited');
    return new Map(Object.entries(parsed.data));
  });
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
