import type { Device } from '../oauth/device.js';
import { expiryOf, type Family } from '../oauth/family.js';
import { joinList, splitList, type TokenList } from '../oauth/scope.js';
import type { EpochMs } from '../oauth/time.js';
import type { Database } from './database.js';
import { attempt, isDangling } from './outage.js';

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
  find(by: { readonly handleHash: Uint8Array<ArrayBuffer> } | { readonly sid: string }): Promise<FoundFamily | null>;
  /** Ends a family; committed when this returns. False when it had been revoked before. */
  revoke(sid: string, reason: RevocationReason, now: EpochMs): Promise<boolean>;
};

export type FoundFamily = { readonly family: Family; readonly login: Login };

export function openFamilies({ prisma }: Database): FamilyStore {
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

    rotate: (rotation) => attempt(() => rotate(prisma, rotation)),

    async find(by) {
      const row = await attempt(() => readWhole(prisma, 'sid' in by ? { id: by.sid } : by));
      return row === null ? null : fromRow(row);
    },

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
async function rotate(prisma: Database['prisma'], rotation: Rotation): Promise<Login | null> {
  const { handleHash, presentedHash, successorHash, successorKey, clientId, now, idleExpiresAt } = rotation;
  const at = new Date(now);
  const rows = await prisma.$queryRaw<LoginRow[]>`
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
      AND revoked_at IS NULL
      AND absolute_expires_at > ${at}
      AND idle_expires_at > ${at}
      AND EXISTS (SELECT 1 FROM clients WHERE clients.id = client_id
        AND clients.disabled_at IS NULL AND clients.login_epoch = families.client_epoch)
      AND EXISTS (SELECT 1 FROM users WHERE users.id = user_id
        AND users.disabled_at IS NULL AND users.login_epoch = families.login_epoch)
    RETURNING id, user_id, scope, audiences, created_at, idle_expires_at, absolute_expires_at,
      (SELECT username FROM users WHERE users.id = user_id) AS username,
      (SELECT roles FROM users WHERE users.id = user_id) AS roles`;
  return rows[0] === undefined ? null : toLogin(rows[0]);
}

/** A family with its user and client, as Prisma reads them together. */
type WholeRow = NonNullable<Awaited<ReturnType<typeof readWhole>>>;

function readWhole(prisma: Database['prisma'], where: { id: string } | { handleHash: Uint8Array<ArrayBuffer> }) {
  return prisma.family.findUnique({ where, include: { user: true, client: true } });
}

function fromRow(row: WholeRow): FoundFamily {
  const { user, client } = row;
  const family: Family = {
    sid: row.id,
    clientId: row.clientId,
    absoluteExpiresAt: row.absoluteExpiresAt.getTime(),
    idleExpiresAt: row.idleExpiresAt.getTime(),
    currentHash: row.currentHash,
    previousHash: row.previousHash,
    successorKey: row.successorKey,
    rotatedAt: row.rotatedAt?.getTime() ?? null,
    revokedAt: row.revokedAt?.getTime() ?? null,
    endedWithUserOrClient:
      user.disabledAt !== null ||
      user.loginEpoch !== row.loginEpoch ||
      client.disabledAt !== null ||
      client.loginEpoch !== row.clientEpoch,
  };
  const login: Login = {
    sid: row.id,
    userId: row.userId,
    username: user.username,
    roles: splitList(user.roles),
    scope: splitList(row.scope),
    audiences: splitList(row.audiences),
    authTime: row.createdAt.getTime(),
    expiresAt: expiryOf(family),
  };
  return { family, login };
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
