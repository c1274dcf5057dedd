import { joinList } from '../oauth/scope.js';
import type { EpochMs } from '../oauth/time.js';
import type { Database, Provider } from './database.js';
import { Prisma } from './generated/sqlite/client.js';
import { isTaken } from './outage.js';
import { toUser, USER_COLUMNS, type UserRow } from './user-list.js';
import type { NewUser, User } from './users.js';

/** One of many new users. */
export type BulkUser = NewUser & { readonly disabledAt: EpochMs | null };

/** What must be somebody's alone. */
export type Claims = Pick<NewUser, 'id' | 'username' | 'email'>;

/** A user with the forms of the names that are unique. */
export type Claimant = User & { readonly usernameKey: string; readonly emailKey: string | null };

/** The part of the user store that works on many at once. */
export type UserBulk = {
  /** All of them or none, in one statement: false when a name, an address or an id is somebody's, or there twice. */
  addAll(users: readonly BulkUser[]): Promise<boolean>;
  /** Everybody who has the name, the address or the id of one of these, in no order. */
  findClaimants(claims: readonly Claims[]): Promise<readonly Claimant[]>;
};

export function openUserBulk(database: Database): UserBulk {
  return {
    async addAll(users) {
      try {
        await database.attempt(() => addUsers(database, users));
        return true;
      } catch (error) {
        if (isTaken(error)) return false;
        throw error;
      }
    },
    findClaimants: (claims) => database.attempt(() => findClaimants(database, claims)),
  };
}

/**
 * Adds users in one statement with one parameter, a JSON text: SQLite and PostgreSQL take only so many parameters, and
 * Prisma would cut the statement into several for it.
 */
async function addUsers({ prisma, provider }: Database, users: readonly BulkUser[]): Promise<void> {
  const time = (at: EpochMs) => (provider === 'sqlite' ? at : new Date(at).toISOString());
  const rows = users.map(({ id, username, email, passwordHash, roles, createdAt, disabledAt }) => [
    ...[id, username.display, username.key, email?.display ?? null, email?.key ?? null, passwordHash, joinList(roles)],
    ...[time(createdAt), disabledAt === null ? null : time(disabledAt)],
  ]);
  await prisma.$executeRaw`
    INSERT INTO users (id, username, username_key, email, email_key, password_hash, roles, created_at, disabled_at)
    ${SELECT_ROWS[provider](JSON.stringify(rows))}`;
}

const SELECT_ROWS: Readonly<Record<Provider, (rows: string) => Prisma.Sql>> = {
  sqlite: (rows) => Prisma.sql`
    SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, value->>8
    FROM json_each(${rows})`,
  postgres: (rows) => Prisma.sql`
    SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6,
      (value->>7)::timestamp, (value->>8)::timestamp
    FROM jsonb_array_elements(${rows}::jsonb)`,
};

/** Everybody who has the name, the address or the id of one of these. */
async function findClaimants({ prisma, provider }: Database, claims: readonly Claims[]): Promise<readonly Claimant[]> {
  const wanted = {
    username_key: claims.map(({ username }) => username.key),
    email_key: claims.flatMap(({ email }) => (email === null ? [] : [email.key])),
    id: claims.map(({ id }) => id),
  };
  const conditions = Object.entries(wanted).map(([column, values]) => {
    const list = JSON.stringify(values);
    return provider === 'sqlite'
      ? Prisma.sql`${Prisma.raw(column)} IN (SELECT value FROM json_each(${list}))`
      : Prisma.sql`${Prisma.raw(column)} = ANY(ARRAY(SELECT jsonb_array_elements_text(${list}::jsonb)))`;
  });
  const rows = await prisma.$queryRaw<(UserRow & { username_key: string; email_key: string | null })[]>`
    SELECT ${USER_COLUMNS}, username_key, email_key FROM users WHERE ${Prisma.join(conditions, ' OR ')}`;
  return rows.map((row) => ({ ...toUser(row), usernameKey: row.username_key, emailKey: row.email_key }));
}
