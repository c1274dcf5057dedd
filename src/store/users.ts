import { joinList, splitList, type TokenList } from '../oauth/scope.js';
import type { EpochMs } from '../oauth/time.js';
import type { LoginName } from '../oauth/username.js';
import { isEmailLike } from '../oauth/username.js';
import type { Database } from './database.js';
import type { User as Row } from './generated/sqlite/client.js';
import { isTaken } from './outage.js';

/** A person who logs in. */
export type User = {
  /** UUID; the `sub` claim. */
  readonly id: string;
  readonly username: string;
  readonly email: string | null;
  readonly passwordHash: string;
  readonly roles: TokenList;
  /** Raised by whatever ends all logins of the user. A login carries the value its password was checked under. */
  readonly loginEpoch: number;
  readonly createdAt: EpochMs;
  readonly disabledAt: EpochMs | null;
};

export type NewUser = {
  readonly id: string;
  readonly username: LoginName;
  readonly email: LoginName | null;
  readonly passwordHash: string;
  readonly roles: TokenList;
  readonly createdAt: EpochMs;
};

export type UserStore = {
  /** False when the name or the address is somebody's already. */
  add(user: NewUser): Promise<boolean>;
  /** By user name, or by e-mail address when the name has an `@`. */
  findByLogin(name: LoginName): Promise<User | null>;
  find(id: string): Promise<User | null>;
  /** All of them, by name. */
  list(): Promise<readonly User[]>;
  /** Sets the password and ends all logins of the user, in one statement. False when there is no such user. */
  setPassword(id: string, passwordHash: string): Promise<boolean>;
  /** Disables the user and ends all logins, for good, in one statement. False when there was nothing to do. */
  disable(id: string, now: EpochMs): Promise<boolean>;
  /** Lets the user log in again. False when there was nothing to do. */
  enable(id: string): Promise<boolean>;
  /** Ends all logins of the user, also one that is being made, in one statement. False when there is no such user. */
  endLogins(id: string): Promise<boolean>;
  /** Deletes the user and all logins, in one statement. False when there was none. */
  remove(id: string): Promise<boolean>;
  isEmpty(): Promise<boolean>;
};

export function openUsers({ prisma, attempt }: Database): UserStore {
  return {
    async add(user) {
      try {
        await attempt(() => prisma.user.createMany({ data: toRow(user) }));
        return true;
      } catch (error) {
        if (isTaken(error)) return false;
        throw error;
      }
    },
    async findByLogin({ key }) {
      // A name with an @ is always its own user's e-mail address (see users add), so one index settles it.
      const where = isEmailLike(key) ? { emailKey: key } : { usernameKey: key };
      const row = await attempt(() => prisma.user.findUnique({ where }));
      return row === null ? null : fromRow(row);
    },
    async find(id) {
      const row = await attempt(() => prisma.user.findUnique({ where: { id } }));
      return row === null ? null : fromRow(row);
    },
    async list() {
      return (await attempt(() => prisma.user.findMany({ orderBy: { usernameKey: 'asc' } }))).map(fromRow);
    },
    async setPassword(id, passwordHash) {
      const data = { passwordHash, loginEpoch: { increment: 1 } };
      return (await attempt(() => prisma.user.updateMany({ where: { id }, data }))).count === 1;
    },
    async disable(id, now) {
      const data = { disabledAt: new Date(now), loginEpoch: { increment: 1 } };
      return (await attempt(() => prisma.user.updateMany({ where: { id, disabledAt: null }, data }))).count === 1;
    },
    async enable(id) {
      const where = { id, disabledAt: { not: null } };
      return (await attempt(() => prisma.user.updateMany({ where, data: { disabledAt: null } }))).count === 1;
    },
    async endLogins(id) {
      const data = { loginEpoch: { increment: 1 } };
      return (await attempt(() => prisma.user.updateMany({ where: { id }, data }))).count === 1;
    },
    async remove(id) {
      return (await attempt(() => prisma.user.deleteMany({ where: { id } }))).count === 1;
    },
    async isEmpty() {
      return (await attempt(() => prisma.user.findFirst({ select: { id: true } }))) === null;
    },
  };
}

function toRow(user: NewUser) {
  return {
    id: user.id,
    username: user.username.display,
    usernameKey: user.username.key,
    email: user.email?.display ?? null,
    emailKey: user.email?.key ?? null,
    passwordHash: user.passwordHash,
    roles: joinList(user.roles),
    createdAt: new Date(user.createdAt),
  };
}

function fromRow(row: Row): User {
  return {
    id: row.id,
    username: row.username,
    email: row.email,
    passwordHash: row.passwordHash,
    roles: splitList(row.roles),
    loginEpoch: row.loginEpoch,
    createdAt: row.createdAt.getTime(),
    disabledAt: row.disabledAt?.getTime() ?? null,
  };
}
