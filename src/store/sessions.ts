import type { Session } from '../oauth/session.js';
import type { EpochMs } from '../oauth/time.js';
import type { Database } from './database.js';
import { deleteExpired } from './expired.js';
import { Prisma } from './generated/sqlite/client.js';
import { CLIENT_LIVES, USER_LIVES } from './living.js';

/** Whose sessions to list; without a member: everybody's. */
export type SessionFilter = {
  readonly userId?: string;
  readonly clientId?: string;
  /** Where it was begun. */
  readonly address?: string;
  /** Those behind this one in the list. */
  readonly after?: Pick<Session, 'createdAt' | 'sid'> | undefined;
  /** Those that ended, too, until their absolute expiry. */
  readonly withEnded?: boolean;
};

export type SessionStore = {
  /** Whether the user has a living session that was begun at this address. */
  livesAt(userId: string, address: string, now: EpochMs): Promise<boolean>;
  /** The newest first, `limit` at most. */
  list(filter: SessionFilter, now: EpochMs, limit: number): Promise<readonly Session[]>;
  /** How many of a user go on. */
  countLiving(userId: string, now: EpochMs): Promise<number>;
  /**
   * Deletes families past their absolute expiry, `limit` at most, so that nobody waits for it. Several instances may do
   * it at once.
   *
   * @returns how many it deleted
   */
  removeExpired(now: EpochMs, limit: number): Promise<number>;
};

export function openSessions(database: Database): SessionStore {
  const { prisma, attempt } = database;
  return {
    async livesAt(userId, address, now) {
      const where = conditionsOf({ userId, address }, now);
      const found = await attempt(
        () => prisma.$queryRaw<unknown[]>`SELECT families.id FROM ${WITH_OWNERS} WHERE ${where} LIMIT 1`,
      );
      return found.length > 0;
    },
    async list(filter, now, limit) {
      const rows = await attempt(() => prisma.$queryRaw<Row[]>(listStatement(filter, now, limit)));
      return rows.map((row) => toSession(row, now));
    },
    async countLiving(userId, now) {
      const where = conditionsOf({ userId }, now);
      const rows = await attempt(
        () => prisma.$queryRaw<{ count: bigint }[]>`SELECT COUNT(*) AS count FROM ${WITH_OWNERS} WHERE ${where}`,
      );
      return Number(rows[0]?.count);
    },
    removeExpired: (now, limit) => deleteExpired(database, 'families', 'absolute_expires_at', now, limit),
  };
}

type Row = {
  id: string;
  user_id: string;
  username: string;
  client_id: string;
  user_agent: string | null;
  address: string | null;
  created_at: Date;
  rotated_at: Date | null;
  idle_expires_at: Date;
  absolute_expires_at: Date;
  revoked_at: Date | null;
  revoked_reason: string | null;
  with_user: number;
  with_client: number;
};

/** In the order of the list: the newest first. */
function isBehind({ createdAt, sid }: Pick<Session, 'createdAt' | 'sid'>): Prisma.Sql {
  const at = new Date(createdAt);
  return Prisma.sql`(families.created_at < ${at} OR (families.created_at = ${at} AND families.id > ${sid}))`;
}

function livesOn(at: Date): Prisma.Sql {
  return Prisma.sql`revoked_at IS NULL AND idle_expires_at > ${at} AND absolute_expires_at > ${at}
    AND ${USER_LIVES} AND ${CLIENT_LIVES}`;
}

const WITH_OWNERS = Prisma.sql`families JOIN users ON users.id = user_id JOIN clients ON clients.id = client_id`;

function conditionsOf(filter: SessionFilter, now: EpochMs): Prisma.Sql {
  const { userId, clientId, address, after, withEnded = false } = filter;
  const at = new Date(now);
  const conditions = [
    withEnded ? Prisma.sql`absolute_expires_at > ${at}` : livesOn(at),
    ...(userId === undefined ? [] : [Prisma.sql`user_id = ${userId}`]),
    ...(clientId === undefined ? [] : [Prisma.sql`client_id = ${clientId}`]),
    ...(address === undefined ? [] : [Prisma.sql`address = ${address}`]),
    ...(after === undefined ? [] : [isBehind(after)]),
  ];
  return Prisma.join(conditions, ' AND ');
}

function listStatement(filter: SessionFilter, now: EpochMs, limit: number) {
  return Prisma.sql`
    SELECT families.id, user_id, username, client_id, user_agent, address, families.created_at, rotated_at,
      idle_expires_at, absolute_expires_at, revoked_at, revoked_reason,
      CASE WHEN ${USER_LIVES} THEN 0 ELSE 1 END AS with_user,
      CASE WHEN ${CLIENT_LIVES} THEN 0 ELSE 1 END AS with_client
    FROM ${WITH_OWNERS}
    WHERE ${conditionsOf(filter, now)}
    ORDER BY families.created_at DESC, families.id LIMIT ${limit}`;
}

function toSession(row: Row, now: EpochMs): Session {
  const expiresAt = Math.min(row.idle_expires_at.getTime(), row.absolute_expires_at.getTime());
  return {
    sid: row.id,
    userId: row.user_id,
    username: row.username,
    clientId: row.client_id,
    device: { userAgent: row.user_agent, address: row.address },
    createdAt: row.created_at.getTime(),
    lastUsedAt: (row.rotated_at ?? row.created_at).getTime(),
    expiresAt,
    ended: endOf(row, expiresAt, now),
  };
}

function endOf(row: Row, expiresAt: EpochMs, now: EpochMs): string | null {
  if (row.revoked_at !== null) return row.revoked_reason ?? 'revoked';
  if (Number(row.with_user) === 1) return 'ended_with_user';
  if (Number(row.with_client) === 1) return 'ended_with_client';
  return expiresAt <= now ? 'expired' : null;
}
