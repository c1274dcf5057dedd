import type { Device } from '../oauth/device.js';
import type { Family } from '../oauth/family.js';
import { joinList, splitList, type TokenList } from '../oauth/scope.js';
import type { EpochMs } from '../oauth/time.js';
import type { Database } from './database.js';
import { Prisma } from './generated/sqlite/client.js';
import { CLIENT_LIVES, USER_LIVES } from './living.js';
import { isDangling } from './outage.js';

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

/** What a rotation replaces, and by what. */
export type Rotation = {
  readonly handleHash: Uint8Array<ArrayBuffer>;
  readonly presentedHash: Uint8Array<ArrayBuffer>;
  readonly successorHash: Uint8Array<ArrayBuffer>;
  readonly successorKey: Uint8Array<ArrayBuffer>;
  readonly clientId: string;
  /** The family must have one of these, else nothing is left for a token to be good for. Not empty. */
  readonly audiences: TokenList;
  readonly now: EpochMs;
  readonly idleExpiresAt: EpochMs;
};

/** What an access token says of the login it comes from. */
export type Login = {
  readonly sid: string;
  readonly userId: string;
  readonly username: string;
  readonly roles: TokenList;
  readonly scope: TokenList;
  readonly audiences: TokenList;
  readonly authTime: EpochMs;
  /** When it ends if it is not refreshed again. */
  readonly expiresAt: EpochMs;
};

/** Why a family was ended by itself, and not with its user or client. */
export type RevocationReason = 'reuse' | 'revoked' | 'logout' | 'ended_by_user' | 'ended_by_admin';

export type FamilyStore = {
  /** False when the user or the client is gone. */
  begin(family: NewFamily): Promise<boolean>;
  /** The one statement that decides: at most one presentation of a token rotates it. Null when this one did not. */
  rotate(rotation: Rotation): Promise<Login | null>;
  /** The family at a handle, or with a `sid`, for judging, and what its tokens say. */
  find(by: FamilyKey): Promise<FoundFamily | null>;
  /** Ends a family; committed when this returns. False when it had been revoked before. */
  revoke(sid: string, reason: RevocationReason, now: EpochMs): Promise<boolean>;
};

/** What a family is found by: the hash of the handle in its tokens, or its `sid`. */
export type FamilyKey = { readonly handleHash: Uint8Array<ArrayBuffer> } | { readonly sid: string };

export type FoundFamily = { readonly family: Family; readonly login: Login };

export function openFamilies({ prisma, attempt, direct }: Database): FamilyStore {
  return {
    async begin(family) {
      try {
        await attempt(() => prisma.family.createMany({ data: toRow(family) }));
        return true;
      } catch (error) {
        if (isDangling(error)) return false;
        throw error;
      }
    },

    rotate: (rotation) => attempt(() => rotate(direct, rotation)),

    find: (by) => attempt(() => find(prisma, by)),

    async revoke(sid, reason, now) {
      const data = { revokedAt: new Date(now), revokedReason: reason };
      return (await attempt(() => prisma.family.updateMany({ where: { id: sid, revokedAt: null }, data }))).count === 1;
    },
  };
}

type LoginRow = {
  id: string;
  user_id: string;
  scope: string;
  audiences: string;
  created_at: Date;
  idle_expires_at: Date;
  absolute_expires_at: Date;
  username: string;
  roles: string;
};

/** One statement, so that two who present the same token cannot both be the first. */
async function rotate(direct: Database['direct'], rotation: Rotation): Promise<Login | null> {
  const { handleHash, presentedHash, successorHash, successorKey, clientId, now, idleExpiresAt } = rotation;
  const at = new Date(now);
  const hasAudience = Prisma.join(rotation.audiences.map(hasIn), ' OR ');
  const rows = await direct<LoginRow>(Prisma.sql`
    UPDATE families SET
      previous_hash = current_hash,
      current_hash = ${successorHash},
      successor_key = ${successorKey},
      generation = generation + 1,
      rotated_at = ${at},
      idle_expires_at = ${new Date(idleExpiresAt)}
    WHERE handle_hash = ${handleHash}
      AND current_hash = ${presentedHash}
      AND client_id = ${clientId}
      AND (${hasAudience})
      AND revoked_at IS NULL
      AND absolute_expires_at > ${at}
      AND idle_expires_at > ${at}
      AND EXISTS (SELECT 1 FROM clients WHERE clients.id = client_id AND ${CLIENT_LIVES})
      AND EXISTS (SELECT 1 FROM users WHERE users.id = user_id AND ${USER_LIVES})
    RETURNING id, user_id, scope, audiences, created_at, idle_expires_at, absolute_expires_at,
      (SELECT username FROM users WHERE users.id = user_id) AS username,
      (SELECT roles FROM users WHERE users.id = user_id) AS roles`);
  return rows[0] === undefined ? null : toLogin(rows[0]);
}

/** SQL, true when an audience is in the family's list. What both databases have for that, and with case counted. */
function hasIn(audience: string): Prisma.Sql {
  return Prisma.sql`REPLACE(' ' || families.audiences || ' ', ${` ${audience} `}, '') <> ' ' || families.audiences || ' '`;
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

function toRow({ sid, device, now, secretHash, ...family }: NewFamily) {
  return {
    ...family,
    ...device,
    id: sid,
    currentHash: secretHash,
    scope: joinList(family.scope),
    audiences: joinList(family.audiences),
    createdAt: new Date(now),
    absoluteExpiresAt: new Date(family.absoluteExpiresAt),
    idleExpiresAt: new Date(family.idleExpiresAt),
  };
}

function toLogin(row: LoginRow): Login {
  return {
    sid: row.id,
    userId: row.user_id,
    username: row.username,
    roles: splitList(row.roles),
    scope: splitList(row.scope),
    audiences: splitList(row.audiences),
    authTime: row.created_at.getTime(),
    expiresAt: Math.min(row.idle_expires_at.getTime(), row.absolute_expires_at.getTime()),
  };
}
