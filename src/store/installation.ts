import type { EpochMs } from '../oauth/time.js';
import type { Database } from './database.js';
import { attempt } from './outage.js';

/** What the database remembers of the installation as a whole. */
export type InstallationStore = {
  /** When the first key ring was made, or null if none ever was. */
  keyRingMadeAt(): Promise<EpochMs | null>;
  /** Remembers it; a time remembered before stays. */
  rememberKeyRing(now: EpochMs): Promise<void>;
};

const ID = 1;

export function openInstallation({ prisma }: Database): InstallationStore {
  return {
    async keyRingMadeAt() {
      const row = await attempt(() => prisma.installation.findUnique({ where: { id: ID } }));
      return row?.keyRingMadeAt?.getTime() ?? null;
    },
    async rememberKeyRing(now) {
      const keyRingMadeAt = new Date(now);
      await attempt(() =>
        prisma.installation.upsert({ where: { id: ID }, create: { id: ID, keyRingMadeAt }, update: {} }),
      );
    },
  };
}
