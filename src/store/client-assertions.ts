import type { EpochMs } from '../oauth/time.js';
import type { Database } from './database.js';
import { deleteExpired } from './expired.js';
import { isTaken } from './outage.js';

/** The client assertions that were used (RFC 7523 §3, `jti`), on whichever instance. */
export type ClientAssertionStore = {
  /**
   * Notes that an assertion is used now, in one statement, so that of several at once one is the first. False when it was
   * used before.
   *
   * @param id SHA-256 of the client and the `jti` (src/oauth/client-assertion.ts)
   * @param expiresAt from when on it would be refused by its own times, so that it may be forgotten
   */
  use(id: Uint8Array<ArrayBuffer>, expiresAt: EpochMs): Promise<boolean>;
  /**
   * Forgets those past their expiry, `limit` at most, so that nobody waits for it. Several instances may do it at once.
   *
   * @returns how many it forgot
   */
  removeExpired(now: EpochMs, limit: number): Promise<number>;
};

export function openClientAssertions(database: Database): ClientAssertionStore {
  const { prisma, attempt } = database;
  return {
    async use(id, expiresAt) {
      try {
        await attempt(() => prisma.clientAssertion.createMany({ data: { id, expiresAt: new Date(expiresAt) } }));
        return true;
      } catch (error) {
        if (isTaken(error)) return false;
        throw error;
      }
    },
    removeExpired: (now, limit) => deleteExpired(database, 'client_assertions', 'expires_at', now, limit),
  };
}
