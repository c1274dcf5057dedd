import { checkNewUser } from '../oauth/new-user.js';
import { ok, type Result } from '../oauth/result.js';
import type { TokenList } from '../oauth/scope.js';
import type { EpochMs } from '../oauth/time.js';
import { isEmailLike, parseLoginName } from '../oauth/username.js';
import { uuidFrom } from '../oauth/uuid.js';
import type { User, UserStore } from '../store/users.js';
import type { Faults, NotChanged } from './clients.js';
import { faultOfNewPassword, type IsCommonPassword } from './new-password.js';

/** What managing users takes. */
export type UserDeps = {
  readonly users: UserStore;
  readonly isCommonPassword: IsCommonPassword;
  /** Hashes a password, or says why not now. */
  readonly hash: (password: string) => Promise<Result<string>>;
  /** Unpredictable bytes. */
  readonly randomBytes: (size: number) => Uint8Array;
  readonly now: EpochMs;
};

/** What is said of a new user. */
export type UserDescription = {
  readonly username: string;
  readonly email?: string | undefined;
  readonly roles: TokenList;
  /** Left out: one is made. */
  readonly password?: string | undefined;
};

/** A user, and the password if it was made: it is shown once. */
export type MadeUser = { readonly user: User; readonly password: string | null };

const GENERATED_BYTES = 16;

/** Makes a user. */
export async function makeUser(
  deps: UserDeps,
  { password, ...description }: UserDescription,
): Promise<Result<MadeUser | Faults | 'taken'>> {
  const checked = checkNewUser({ ...description, email: description.email });
  if (!('username' in checked)) return ok({ faults: checked });
  const chosen = await choose(deps, password, [checked.username.display, checked.email?.display ?? null]);
  if ('faults' in chosen) return ok(chosen);
  const hashed = await deps.hash(chosen.password);
  if (!hashed.ok) return hashed;
  const id = uuidFrom(deps.randomBytes(16));
  const isAdded = await deps.users.add({ id, ...checked, passwordHash: hashed.value, createdAt: deps.now });
  const user = isAdded ? await deps.users.find(id) : null;
  return ok(user === null ? 'taken' : { user, password: chosen.isMade ? chosen.password : null });
}

/** What can be changed of a user; what is left out stays. */
export type UserChanges = {
  readonly username?: string | undefined;
  readonly email?: string | null | undefined;
  readonly roles?: TokenList | undefined;
  /** True ends all logins, for good. */
  readonly disabled?: boolean | undefined;
};

/**
 * Changes a user.
 *
 * @param revision the one the change was made for; left out: whatever it is now
 * @returns the user as it is now, and whether that is another than before
 */
export async function changeUser(
  { users, now }: Pick<UserDeps, 'users' | 'now'>,
  id: string,
  changes: UserChanges,
  revision?: number,
): Promise<{ readonly user: User; readonly isChanged: boolean } | Faults | NotChanged | 'taken'> {
  const before = await users.find(id);
  if (before === null) return 'unknown';
  if (revision !== undefined && before.revision !== revision) return 'changed';
  const { username = before.username, email = emailAfter(before, changes), roles = before.roles } = changes;
  const checked = checkNewUser({ username, email: email ?? undefined, roles: [...new Set(roles)] });
  if (!('username' in checked)) return { faults: checked };
  const { disabled = before.disabledAt !== null } = changes;
  const disabledAt = disabled ? (before.disabledAt ?? now) : null;
  const state = disabledAt === before.disabledAt ? {} : { disabledAt };
  const after = { ...checked, username: checked.username.display, email: checked.email?.display ?? null, disabledAt };
  if (!LOOKED_AT.some((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]))) {
    return { user: before, isChanged: false };
  }
  const replaced = await users.replace({ id, revision: before.revision, ...checked, ...state });
  if (replaced !== 'replaced') return replaced;
  const user = await users.find(id);
  return user === null ? 'unknown' : { user, isChanged: true };
}

const LOOKED_AT = ['username', 'email', 'roles', 'disabledAt'] as const;

/** A name that was the address and becomes another address takes it along; any other leaves it as it is. */
function emailAfter(before: User, { username }: UserChanges): string | null {
  const isName = before.email !== null && parseLoginName(before.email)?.key === parseLoginName(before.username)?.key;
  return username !== undefined && isEmailLike(username) && isName ? null : before.email;
}

/**
 * Deletes a user and all logins.
 *
 * @param revision as for changeUser; a change in the very moment of the deletion goes unseen
 */
export async function removeUser(
  { users }: Pick<UserDeps, 'users'>,
  id: string,
  revision?: number,
): Promise<'removed' | NotChanged> {
  const user = revision === undefined ? null : await users.find(id);
  if (user !== null && user.revision !== revision) return 'changed';
  return (await users.remove(id)) ? 'removed' : 'unknown';
}

/** Sets a password and ends all logins of the user. Without one, one is made. */
export async function setPassword(
  deps: UserDeps,
  user: User,
  password: string | undefined,
): Promise<Result<Pick<MadeUser, 'password'> | Faults | 'unknown'>> {
  const chosen = await choose(deps, password, [user.username, user.email]);
  if ('faults' in chosen) return ok(chosen);
  const hashed = await deps.hash(chosen.password);
  if (!hashed.ok) return hashed;
  const isSet = await deps.users.setPassword(user.id, hashed.value);
  return ok(isSet ? { password: chosen.isMade ? chosen.password : null } : 'unknown');
}

async function choose(
  { isCommonPassword, randomBytes }: UserDeps,
  password: string | undefined,
  names: readonly (string | null)[],
): Promise<{ readonly password: string; readonly isMade: boolean } | Faults> {
  if (password === undefined) {
    return { password: Buffer.from(randomBytes(GENERATED_BYTES)).toString('base64url'), isMade: true };
  }
  const fault = await faultOfNewPassword(isCommonPassword, password, names);
  return fault === null ? { password, isMade: false } : { faults: [fault] };
}
