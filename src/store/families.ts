import type { Device } from '../oauth/device.js';
import type { Family } from '../oauth/family.js';
import { joinList, type TokenList } from '../oauth/scope.js';
import type { EpochMs } from '../oauth/time.js';
import type { Database } from './database.js';
import { Prisma } from './generated/sqlite/client.js';
import { CLIENT_LIVES, USER_LIVES } from './living.js';
import { isDangling } from './outage.js';
import { type Login, type LoginRow, openRotations, type Rotate, toLogin } from './rotations.js';

/** A login that begins. Hashes are SHA-256, 32 bytes. */
export type NewFamily = {
  readonly sid: string;
  readonly handleHash: Uint8Array<ArrayBuffer>;
  readonly secretHash: Uint8Array<ArrayBuffer>;
  readonly userId: string;
  readonly clientId: string;
  /** Of the user and of the client, as they were when both were found good. */
  readonly loginEpoch: number;
  readonly clientEpoch: number;
  readonly scope: TokenList;
  readonly audiences: TokenList;
  readonly device: Device;
  readonly now: EpochMs;
  readonly idleExpiresAt: EpochMs;
  readonly absoluteExpiresAt: EpochMs;
};

/** Why a family was ended by itself, and not with its user or client. */
export type RevocationReason = 'reuse' | 'revoked' | 'logout' | 'ended_by_user' | 'ended_by_admin';

export type FamilyStore = {
  /** False when the user or the client is gone. */
  begin(family: NewFamily): Promise<boolean>;
  readonly rotate: Rotate;
  /** The family at a handle, or with a `sid`, for judging, and what its tokens say. */
  find(by: FamilyKey): Promise<FoundFamily | null>;
  /** Ends a family; committed when this returns. False when it had been revoked before. */
  revoke(sid: string, reason: RevocationReason, now: EpochMs): Promise<boolean>;
};

/** What a family is found by: the hash of the handle in its tokens, or its `sid`. */
export type FamilyKey = { readonly handleHash: Uint8Array<ArrayBuffer> } | { readonly sid: string };

export type FoundFamily = { readonly family: Family; readonly login: Login };

export function openFamilies(database: Database): FamilyStore {
  const { prisma, attempt, direct } = database;
  return {
    async begin(family) {
      try {
        await attempt(() => direct(insertion(family)));
        return true;
      } catch (error) {
        if (isDangling(error)) return false;
        throw error;
      }
    },

    rotate: openRotations(database),

    find: (by) => attempt(() => find(prisma, by)),

    async revoke(sid, reason, now) {
      const data = { revokedAt: new Date(now), revokedReason: reason };
      return (await attempt(() => prisma.family.updateMany({ where: { id: sid, revokedAt: null }, data }))).count === 1;
    },
  };
}

/** A family with what it takes from its user and client. */
type WholeRow = LoginRow & {
  client_id: string;
  current_hash: Uint8Array;
  previous_hash: Uint8Array | null;
  successor_key: Uint8Array | null;
  rotated_at: Date | null;
  revoked_at: Date | null;
  ended: number;
};

/** One statement, so that all of it was true at one moment, whoever changes or removes a user meanwhile. */
async function find(prisma: Database['prisma'], by: FamilyKey): Promise<FoundFamily | null> {
  const key = 'sid' in by ? Prisma.sql`families.id = ${by.sid}` : Prisma.sql`handle_hash = ${by.handleHash}`;
  const rows = await prisma.$queryRaw<WholeRow[]>`
    SELECT families.id, user_id, client_id, scope, families.audiences, families.created_at, idle_expires_at,
      absolute_expires_at, current_hash, previous_hash, successor_key, rotated_at, revoked_at, username, roles,
      CASE WHEN ${USER_LIVES} AND ${CLIENT_LIVES} THEN 0 ELSE 1 END AS ended
    FROM families JOIN users ON users.id = user_id JOIN clients ON clients.id = client_id
    WHERE ${key}`;
  return rows[0] === undefined ? null : fromRow(rows[0]);
}

function fromRow(row: WholeRow): FoundFamily {
  const family: Family = {
    sid: row.id,
    clientId: row.client_id,
    absoluteExpiresAt: row.absolute_expires_at.getTime(),
    idleExpiresAt: row.idle_expires_at.getTime(),
    currentHash: row.current_hash,
    previousHash: row.previous_hash,
    successorKey: row.successor_key,
    rotatedAt: row.rotated_at?.getTime() ?? null,
    revokedAt: row.revoked_at?.getTime() ?? null,
    // SQLite's adapter gives a number that no column declares as a bigint.
    endedWithUserOrClient: Number(row.ended) === 1,
  };
  return { family, login: toLogin(row) };
}

function insertion(family: NewFamily): Prisma.Sql {
  const { sid, handleHash, secretHash, userId, clientId, loginEpoch, clientEpoch, device, now } = family;
  return Prisma.sql`
    INSERT INTO families (id, handle_hash, current_hash, user_id, client_id, login_epoch, client_epoch, scope, audiences,
      user_agent, address, created_at, idle_expires_at, absolute_expires_at)
    VALUES (${sid}, ${handleHash}, ${secretHash}, ${userId}, ${clientId}, ${loginEpoch}, ${clientEpoch},
      ${joinList(family.scope)}, ${joinList(family.audiences)}, ${device.userAgent}, ${device.address},
      ${new Date(now)}, ${new Date(family.idleExpiresAt)}, ${new Date(family.absoluteExpiresAt)})`;
}
