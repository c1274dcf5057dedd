import { randomInt } from 'node:crypto';
import type { Database } from './database.js';

/** The row that holds a key ring, if it is kept in the database. What is in it is for src/keys to say. */
export type KeyRingRow = { readonly version: number; readonly ring: string; readonly privateKeys: string };

/** Each of these is one statement. All throw DatabaseUnavailable in an outage. */
export type KeyRingTable = {
  /** The version alone, or null where there is no row. */
  version(): Promise<number | null>;
  read(): Promise<KeyRingRow | null>;
  /** False when there is a row already. */
  insert(row: Omit<KeyRingRow, 'version'>): Promise<boolean>;
  /** Writes the row whatever is there, and gives it a version it did not have. */
  overwrite(row: Omit<KeyRingRow, 'version'>): Promise<void>;
  /** Replaces the row of a version. False when somebody else has changed it since. */
  replace(version: number, row: Omit<KeyRingRow, 'version'>): Promise<boolean>;
};

const ID = 1;

/** Not the same for a row that was deleted and made again: whoever knew the old one must see that this is another. */
function firstVersion(): number {
  return randomInt(1, 2 ** 30);
}

export function openKeyRings({ prisma, attempt }: Database): KeyRingTable {
  return {
    async version() {
      const row = await attempt(() => prisma.keyRing.findUnique({ where: { id: ID }, select: { version: true } }));
      return row?.version ?? null;
    },
    read: () =>
      attempt(() =>
        prisma.keyRing.findUnique({ where: { id: ID }, select: { version: true, ring: true, privateKeys: true } }),
      ),
    async insert({ ring, privateKeys }) {
      const inserted = await attempt(
        () => prisma.$executeRaw`
          INSERT INTO key_rings (id, version, ring, private_keys)
          VALUES (${ID}, ${firstVersion()}, ${ring}, ${privateKeys})
          ON CONFLICT (id) DO NOTHING`,
      );
      return inserted === 1;
    },
    async overwrite({ ring, privateKeys }) {
      await attempt(
        () => prisma.$executeRaw`
          INSERT INTO key_rings (id, version, ring, private_keys)
          VALUES (${ID}, ${firstVersion()}, ${ring}, ${privateKeys})
          ON CONFLICT (id) DO UPDATE SET
            version = key_rings.version + 1, ring = excluded.ring, private_keys = excluded.private_keys`,
      );
    },
    async replace(version, { ring, privateKeys }) {
      const { count } = await attempt(() =>
        prisma.keyRing.updateMany({
          where: { id: ID, version },
          data: { version: version + 1, ring, privateKeys },
        }),
      );
      return count === 1;
    },
  };
}
