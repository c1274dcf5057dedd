import type { EpochMs } from '../oauth/time.js';
import type { Database } from './database.js';
import { Prisma } from './generated/sqlite/client.js';

/**
 * Deletes rows of a table whose time is over, the oldest first, `limit` at most, so that nobody waits for it. Several
 * instances may do it at once.
 *
 * @param table with the column `id`
 * @param column the time from which on a row is over
 * @returns how many it deleted
 */
export function deleteExpired(
  { prisma, provider, attempt }: Database,
  table: 'families' | 'client_assertions',
  column: 'absolute_expires_at' | 'expires_at',
  now: EpochMs,
  limit: number,
): Promise<number> {
  const [rows, time] = [Prisma.raw(table), Prisma.raw(column)];
  const oldest = Prisma.sql`SELECT id FROM ${rows} WHERE ${time} <= ${new Date(now)} ORDER BY ${time} LIMIT ${limit}`;
  // PostgreSQL: what another instance is deleting is left to it. As an array the choice is made once, by the index.
  const chosen =
    provider === 'postgres' ? Prisma.sql`= ANY(ARRAY(${oldest} FOR UPDATE SKIP LOCKED))` : Prisma.sql`IN (${oldest})`;
  return attempt(() => prisma.$executeRaw`DELETE FROM ${rows} WHERE id ${chosen}`);
}
