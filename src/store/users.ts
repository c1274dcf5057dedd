import { joinList, splitList, type TokenList } from '../oauth/scope.js';
import type { EpochMs } from '../oauth/time.js';
import type { LoginName } from '../oauth/username.js';
import { isEmailLike } from '../oauth/username.js';
import type { Database } from './database.js';
import type { User as Row } from './generated/sqlite/client.js';
import { isTaken } from './outage.js';
import { openUserBulk, type UserBulk } from './user-bulk.js';
import { listUsers, type UserFilter } from './user-list.js';

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
  /** Goes up by one with each change an administrator makes. */
  readonly revision: number;
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

/** What an administrator makes of a user. */
export type UserChange = {
  readonly id: string;
  readonly username: LoginName;
  readonly email: LoginName | null;
  readonly roles: TokenList;
  /** The one the change was made from. */
  readonly revision: number;
  /** Left out: as it is. A time disables the user then, and ends all logins. */
  readonly disabledAt?: EpochMs | null | undefined;
};

/** A user's own change of password. */
export type PasswordChange = {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  /** As it was when the old password was checked. */
  readonly loginEpoch: number;
  /** The login that goes on. */
  readonly keptSid: string;
};

export type UserStore = UserBulk & {
  /** False when the name or the address is somebody's already. */
  add(user: NewUser): Promise<boolean>;
  /** By user name, or by e-mail address when the name has an `@`. */
  findByLogin(name: LoginName): Promise<User | null>;
  find(id: string): Promise<User | null>;
  /** By name, those that fit the filter and come behind `after`; by default all. */
  list(filter?: UserFilter): Promise<readonly User[]>;
  /**
   * Writes name, address, roles and state over those of the revision they were made from. `changed` when the user has changed
   * since or is gone, `taken` when the name or the address is somebody else's.
   */
  replace(user: UserChange): Promise<'replaced' | 'changed' | 'taken'>;
  /**
   * Puts a hash of the same password, at another cost, in place of the one it was checked against. False when that has
   * changed since.
   */
  rehash(id: string, from: string, to: string): Promise<boolean>;
  /**
   * Sets the password, if the hash is still the one the old password was checked against, and ends all logins of the
   * user but one, in one transaction. False when the user has changed since.
   */
  changePassword(change: PasswordChange): Promise<boolean>;
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

export function openUsers(database: Database): UserStore {
  const { prisma, attempt } = database;
  return {
    ...openUserBulk(database),
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
    async list(filter = {}) {
      return attempt(() => listUsers(database, filter));
    },
    async replace({ id, revision, disabledAt, ...user }) {
      const settings = { ...namesOf(user), roles: joinList(user.roles), ...stateOf(disabledAt) };
      const data = { ...settings, revision: revision + 1 };
      try {
        const { count } = await attempt(() => prisma.user.updateMany({ where: { id, revision }, data }));
        return count === 1 ? 'replaced' : 'changed';
      } catch (error) {
        if (isTaken(error)) return 'taken';
        throw error;
      }
    },
    async rehash(id, from, to) {
      const [where, data] = [{ id, passwordHash: from }, { passwordHash: to }];
      return (await attempt(() => prisma.user.updateMany({ where, data }))).count === 1;
    },
    async changePassword({ id, from, to, loginEpoch, keptSid }) {
      const data = { passwordHash: to, loginEpoch: loginEpoch + 1 };
      const [changed] = await attempt(() =>
        prisma.$transaction([
          prisma.user.updateMany({ where: { id, passwordHash: from, loginEpoch, disabledAt: null }, data }),
          // Only where the statement before it did its work, and never a login that had ended.
          prisma.family.updateMany({
            where: { id: keptSid, userId: id, loginEpoch, revokedAt: null, user: { is: data } },
            data: { loginEpoch: loginEpoch + 1 },
          }),
        ]),
      );
      return changed.count === 1;
    },
    async setPassword(id, passwordHash) {
      const data = { passwordHash, loginEpoch: { increment: 1 } };
      return (await attempt(() => prisma.user.updateMany({ where: { id }, data }))).count === 1;
    },
    async disable(id, now) {
      const data = { disabledAt: new Date(now), loginEpoch: { increment: 1 }, revision: { increment: 1 } };
      return (await attempt(() => prisma.user.updateMany({ where: { id, disabledAt: null }, data }))).count === 1;
    },
    async enable(id) {
      const where = { id, disabledAt: { not: null } };
      const data = { disabledAt: null, revision: { increment: 1 } };
      return (await attempt(() => prisma.user.updateMany({ where, data }))).count === 1;
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

function stateOf(disabledAt: EpochMs | null | undefined) {
  if (disabledAt === undefined) return {};
  return disabledAt === null
    ? { disabledAt: null }
    : { disabledAt: new Date(disabledAt), loginEpoch: { increment: 1 } };
}

function namesOf({ username, email }: Pick<NewUser, 'username' | 'email'>) {
  return {
    username: username.display,
    usernameKey: username.key,
    email: email?.display ?? null,
    emailKey: email?.key ?? null,
  };
}

function toRow(user: NewUser) {
  return {
    id: user.id,
    ...namesOf(user),
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
    revision: row.revision,
    createdAt: row.createdAt.getTime(),
    disabledAt: row.disabledAt?.getTime() ?? null,
  };
}
