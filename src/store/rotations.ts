import { joinList, splitList, type TokenList } from '../oauth/scope.js';
import type { EpochMs } from '../oauth/time.js';
import type { Database } from './database.js';
import type { Direct } from './direct.js';
import { Prisma } from './generated/sqlite/client.js';
import { CLIENT_LIVES, USER_LIVES } from './living.js';
import { isOfTheDatabase } from './outage.js';

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

export type LoginRow = {
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

export function toLogin(row: LoginRow): Login {
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

/** At most one presentation of a token rotates it. Null when this one did not. */
export type Rotate = (rotation: Rotation) => Promise<Login | null>;

/**
 * The statement that decides. On PostgreSQL, rotations that come while others are at work are one statement and one
 * commit; whatever that passes over is decided by itself.
 */
export function openRotations({ attempt, direct, gather }: Database): Rotate {
  const decide = (rotation: Rotation) => attempt(() => rotate(direct, rotation));
  if (gather === null) return decide;
  const all = (rotations: readonly Rotation[]) =>
    rotateAll(direct, rotations).catch((error: unknown): readonly Rotated[] => {
      if (isOfTheDatabase(error)) throw error;
      // Somebody's own fault: each by itself, so that nobody else pays for it.
      return rotations.map(() => UNDECIDED);
    });
  const gathered = gather(all, (rotated) => rotated !== null && rotated !== UNDECIDED);
  return async (rotation) => {
    const rotated = await gathered(rotation);
    return rotated === UNDECIDED ? decide(rotation) : rotated;
  };
}

/** SQL, true where a family, its client and its user live at a time. */
function lives(at: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`revoked_at IS NULL
      AND absolute_expires_at > ${at}
      AND idle_expires_at > ${at}
      AND EXISTS (SELECT 1 FROM clients WHERE clients.id = families.client_id AND ${CLIENT_LIVES})
      AND EXISTS (SELECT 1 FROM users WHERE users.id = families.user_id AND ${USER_LIVES})`;
}

const LOGIN = Prisma.sql`families.id, user_id, scope, families.audiences, created_at, families.idle_expires_at, absolute_expires_at,
      (SELECT username FROM users WHERE users.id = families.user_id) AS username,
      (SELECT roles FROM users WHERE users.id = families.user_id) AS roles`;

/** One statement, so that two who present the same token cannot both be the first. */
async function rotate(direct: Direct, rotation: Rotation): Promise<Login | null> {
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
      AND ${lives(Prisma.sql`${at}`)}
    RETURNING ${LOGIN}`);
  return rows[0] === undefined ? null : toLogin(rows[0]);
}

/** SQL, true when an audience is in the family's list. What both databases have for that, and with case counted. */
function hasIn(audience: string): Prisma.Sql {
  return Prisma.sql`REPLACE(' ' || families.audiences || ' ', ${` ${audience} `}, '') <> ' ' || families.audiences || ' '`;
}

/** It is not known whether this one may rotate: somebody else has the family, or it may not. */
const UNDECIDED = 'undecided';

type Rotated = Login | null | typeof UNDECIDED;

/**
 * Several at once, of PostgreSQL alone. A family that somebody else is changing is passed over (SKIP LOCKED) rather than
 * waited for: nobody waits for another's family, and two statements never wait for each other.
 */
async function rotateAll(direct: Direct, rotations: readonly Rotation[]): Promise<readonly Rotated[]> {
  const [first] = rotations;
  if (first !== undefined && rotations.length === 1) return [await rotate(direct, first)];
  const all = <Value>(of: (rotation: Rotation) => Value) => rotations.map(of);
  const wanted = Prisma.sql`unnest(
      ${all(({ handleHash }) => handleHash)}::bytea[], ${all(({ presentedHash }) => presentedHash)}::bytea[],
      ${all(({ successorHash }) => successorHash)}::bytea[], ${all(({ successorKey }) => successorKey)}::bytea[],
      ${all(({ clientId }) => clientId)}::text[], ${all(({ audiences }) => joinList(audiences))}::text[],
      ${all(({ now }) => new Date(now))}::timestamp[], ${all((one) => new Date(one.idleExpiresAt))}::timestamp[])
    WITH ORDINALITY AS wanted (handle_hash, presented, successor, successor_key, client_id, audiences, at, idle_until, place)`;
  const rows = await direct<LoginRow & { place: string }>(Prisma.sql`
    WITH free AS (
      SELECT families.id, wanted.* FROM ${wanted}
      JOIN families ON families.handle_hash = wanted.handle_hash AND families.current_hash = presented
      FOR UPDATE OF families SKIP LOCKED)
    UPDATE families SET
      previous_hash = current_hash,
      current_hash = free.successor,
      successor_key = free.successor_key,
      generation = generation + 1,
      rotated_at = free.at,
      idle_expires_at = free.idle_until
    FROM free
    WHERE families.id = free.id
      AND current_hash = free.presented
      AND families.client_id = free.client_id
      AND string_to_array(families.audiences, ' ') && string_to_array(free.audiences, ' ')
      AND ${lives(Prisma.sql`free.at`)}
    RETURNING free.place, ${LOGIN}`);
  const rotated = new Map(rows.map((row) => [Number(row.place) - 1, toLogin(row)]));
  return rotations.map((_, i) => rotated.get(i) ?? UNDECIDED);
}
