import type { EpochMs } from '../oauth/time.js';
import type { Database } from './database.js';

/** What the database remembers of the installation as a whole. */
export type InstallationStore = {
  /** When the first key ring was made, or null if none ever was. */
  keyRingMadeAt(): Promise<EpochMs | null>;
  /** Remembers it; a time remembered before stays. */
  rememberKeyRing(now: EpochMs): Promise<void>;
};

const ID = 1;

export function openInstallation({ prisma, attempt }: Database): InstallationStore {
  return {
    async keyRingMadeAt() {
      const row = await attempt(() => prisma.installation.findUnique({ where: { id: ID } }));
      return row?.keyRingMadeAt?.getTime() ?? null;
    },
    async rememberKeyRing(now) {
      const at = new Date(now);
      await attempt(
        () => prisma.$executeRaw`
          INSERT INTO installation (id, key_ring_made_at) VALUES (${ID}, ${at})
          ON CONFLICT (id) DO UPDATE SET
            key_ring_made_at = COALESCE(installation.key_ring_made_at, excluded.key_ring_made_at)`,
      );
    },
  };
}
