import type { Family } from '../oauth/family.js';
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
  readonly loginEpoch: number;
  readonly scope: TokenList;
  readonly audiences: TokenList;
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
};

export type RevocationReason = 'reuse' | 'revoked';

export type FamilyStore = {
  /** False when the user or the client is gone. */
  begin(family: NewFamily): Promise<boolean>;
  /** The one statement that decides: at most one presentation of a token rotates it. Null when this one did not. */
  rotate(rotation: Rotation): Promise<Login | null>;
  /** The family at a handle, for judging what did not rotate, and what its tokens say. */
  find(handleHash: Uint8Array<ArrayBuffer>): Promise<{ family: Family; login: Login } | null>;
  /** Ends a family; committed when this returns. False when it had ended before. */
  revoke(sid: string, reason: RevocationReason, now: EpochMs): Promise<boolean>;
};

type LoginRow = {
  id: string;
  user_id: string;
  scope: string;
  audiences: string;
  created_at: Date;
  username: string;
  roles: string;
};

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

    async rotate({ handleHash, presentedHash, successorHash, successorKey, clientId, now, idleExpiresAt }) {
      const at = new Date(now);
      const rows = await attempt(
        () => prisma.$queryRaw<LoginRow[]>`
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
            AND EXISTS (SELECT 1 FROM clients WHERE clients.id = client_id AND clients.disabled_at IS NULL)
            AND EXISTS (SELECT 1 FROM users WHERE users.id = user_id
              AND users.disabled_at IS NULL AND users.login_epoch = families.login_epoch)
          RETURNING id, user_id, scope, audiences, created_at,
            (SELECT username FROM users WHERE users.id = user_id) AS username,
            (SELECT roles FROM users WHERE users.id = user_id) AS roles`,
      );
      return rows[0] === undefined ? null : toLogin(rows[0]);
    },

    async find(handleHash) {
      const row = await attempt(() =>
        prisma.family.findUnique({ where: { handleHash }, include: { user: true, client: true } }),
      );
      if (row === null) return null;
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
          user.disabledAt !== null || client.disabledAt !== null || user.loginEpoch !== row.loginEpoch,
      };
      const login = toLogin({
        id: row.id,
        user_id: row.userId,
        scope: row.scope,
        audiences: row.audiences,
        created_at: row.createdAt,
        username: user.username,
        roles: user.roles,
      });
      return { family, login };
    },

    async revoke(sid, reason, now) {
      const data = { revokedAt: new Date(now), revokedReason: reason };
      return (await attempt(() => prisma.family.updateMany({ where: { id: sid, revokedAt: null }, data }))).count === 1;
    },
  };
}

function toRow(family: NewFamily) {
  return {
    id: family.sid,
    handleHash: family.handleHash,
    userId: family.userId,
    clientId: family.clientId,
    loginEpoch: family.loginEpoch,
    scope: joinList(family.scope),
    audiences: joinList(family.audiences),
    createdAt: new Date(family.now),
    absoluteExpiresAt: new Date(family.absoluteExpiresAt),
    currentHash: family.secretHash,
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
  };
}
