import type { EpochMs } from '../oauth/time.js';
import type { Database } from './database.js';

/** Some of the families, in the order of their ids. */
export type FamilySlice = {
  /** How many of them are neither revoked nor expired. */
  readonly alive: number;
  /** After which the next slice begins; null when this was the last. */
  readonly last: string | null;
};

/** Counts the families of one slice, `limit` rows at most. One statement by the primary key, however many there are. */
export type CountSlice = (after: string, limit: number, now: EpochMs) => Promise<FamilySlice>;

type Row = { rows: number | bigint; last: string | null; alive: number | bigint | null };

/**
 * Counts families slice by slice. All at once would be a scan of the table: with a million families half a second during
 * which SQLite lets nothing else happen, and PostgreSQL may give it up.
 */
export function openFamilyCount({ prisma, attempt }: Database): CountSlice {
  return async (after, limit, now) => {
    const at = new Date(now);
    const rows = await attempt(
      () => prisma.$queryRaw<Row[]>`
        SELECT COUNT(*) AS rows, MAX(id) AS last,
          SUM(CASE WHEN revoked_at IS NULL AND idle_expires_at > ${at} AND absolute_expires_at > ${at} THEN 1 ELSE 0 END) AS alive
        FROM (
          SELECT id, revoked_at, idle_expires_at, absolute_expires_at FROM families
          WHERE id > ${after} ORDER BY id LIMIT ${limit}
        ) AS slice`,
    );
    const [slice] = rows;
    const isLast = slice === undefined || Number(slice.rows) < limit;
    return { alive: Number(slice?.alive ?? 0), last: isLast ? null : slice.last };
  };
}
