import { splitList } from '../oauth/scope.js';
import type { Database } from './database.js';
import { Prisma } from './generated/sqlite/client.js';
import type { User } from './users.js';

/** Which users to list. */
export type UserFilter = {
  /** The key of a name (src/oauth/username.ts): those behind it in order. */
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
  /** What the key of the name begins with. */
  readonly prefix?: string | undefined;
  readonly role?: string | undefined;
  readonly isDisabled?: boolean | undefined;
};

/** A user as raw statements get it: USER_COLUMNS. */
export type UserRow = {
  id: string;
  username: string;
  email: string | null;
  password_hash: string;
  roles: string;
  login_epoch: number;
  revision: number;
  created_at: Date;
  disabled_at: Date | null;
};

export const USER_COLUMNS = Prisma.raw(
  'id, username, email, password_hash, roles, login_epoch, revision, created_at, disabled_at',
);

/** Users that fit a filter, by name. Its texts are compared as they are: none of their characters stands for others. */
export async function listUsers({ prisma, provider }: Database, filter: UserFilter): Promise<readonly User[]> {
  const { after, limit, prefix, role, isDisabled } = filter;
  const find = Prisma.raw(provider === 'sqlite' ? 'instr' : 'strpos');
  const conditions = [
    ...(after === undefined ? [] : [Prisma.sql`username_key > ${after}`]),
    ...(prefix === undefined ? [] : [Prisma.sql`substr(username_key, 1, length(${prefix})) = ${prefix}`]),
    ...(role === undefined ? [] : [Prisma.sql`${find}(' ' || roles || ' ', ${` ${role} `}) > 0`]),
    ...(isDisabled === undefined ? [] : [isDisabled ? Prisma.sql`disabled_at IS NOT NULL` : NOT_DISABLED]),
  ];
  const where = conditions.length === 0 ? Prisma.empty : Prisma.sql`WHERE ${Prisma.join(conditions, ' AND ')}`;
  const most = limit === undefined ? Prisma.empty : Prisma.sql`LIMIT ${limit}`;
  const rows = await prisma.$queryRaw<UserRow[]>`
    SELECT ${USER_COLUMNS} FROM users ${where} ORDER BY username_key ${most}`;
  return rows.map(toUser);
}

const NOT_DISABLED = Prisma.sql`disabled_at IS NULL`;

export function toUser(row: UserRow): User {
  return {
    id: row.id,
    username: row.username,
    email: row.email,
    passwordHash: row.password_hash,
    roles: splitList(row.roles),
    loginEpoch: row.login_epoch,
    revision: row.revision,
    createdAt: row.created_at.getTime(),
    disabledAt: row.disabled_at?.getTime() ?? null,
  };
}
