import type { LoginLimits } from '../oauth/login-limits.js';
import { failureKey } from '../oauth/login-limits.js';
import { ok, type Result, refuse } from '../oauth/result.js';
import type { EpochMs } from '../oauth/time.js';
import { type LoginName, parseLoginName } from '../oauth/username.js';
import type { Bcrypt, PasswordHasher } from '../passwords/hasher.js';
import type { Counter, LoginFailureStore } from '../store/login-failures.js';
import type { SessionStore } from '../store/sessions.js';
import type { User, UserStore } from '../store/users.js';

/** What it takes to check a password. */
export type LoginDeps = {
  readonly users: UserStore;
  readonly failures: LoginFailureStore;
  readonly sessions: Pick<SessionStore, 'livesAt'>;
  readonly hasher: PasswordHasher;
  readonly limits: LoginLimits;
};

/** Where a request comes from, as far as attempts are counted by it. */
export type Sender = {
  /** The address itself; null where there is none. */
  readonly address: string | null;
  /** What is counted as one address: all that one subscriber can have. */
  readonly network: string;
  /** Aborted when nobody waits for the answer any more. */
  readonly abandoned: AbortSignal;
};

export type LoginAttempt = {
  /** As it was typed. */
  readonly username: string;
  readonly password: string;
  readonly sender: Sender;
  readonly now: EpochMs;
};

/**
 * Whose name and password these are. Unknown, wrong, disabled and unhashable take one hash and get one answer; only the
 * log learns which it was. Attempts are counted as failures before anything is looked at, in the database, so that guesses
 * made at once, or on several servers, are counted too; names nobody has are counted like others.
 */
export async function checkLogin(deps: LoginDeps, attempt: LoginAttempt): Promise<Result<User>> {
  const name = parseLoginName(attempt.username);
  const account = failureKey('account', name?.key ?? attempt.username);
  return deps.hasher.inTurn({ account, signal: attempt.sender.abandoned }, async (bcrypt) => {
    const counted = await countAttempt(deps, account, name, attempt);
    if (!counted.ok) return counted;
    const user = await deps.users.findByLogin(name ?? NO_NAME);
    const matches = await bcrypt.verify(attempt.password, user?.passwordHash ?? null);
    if (user === null) return refuse({ reason: 'user_unknown' });
    if (!matches) return refuse({ reason: 'password_wrong', userId: user.id });
    if (user.disabledAt !== null) return refuse({ reason: 'user_disabled', userId: user.id });
    await counted.value.succeeded();
    return ok(await rehashed(deps, bcrypt, user, attempt.password));
  });
}

/** What is to be done when an attempt turns out to be no failure. */
type Counted = { readonly succeeded: () => Promise<void> };

/**
 * Counts by address and by name. A success clears the counter of the name, but only its own attempt from that of the
 * address: else anybody with one account of his own could guess at others for ever.
 */
async function countAttempt(
  deps: LoginDeps,
  account: string,
  name: LoginName | null,
  { sender, now }: LoginAttempt,
): Promise<Result<Counted>> {
  const { failures, limits } = deps;
  const ofAddress = counter(failureKey('address', sender.network), limits.failuresPerAddress, limits);
  const byAddress = await countFailure(failures, ofAddress, 'address', now);
  if (!byAddress.ok) return byAddress;
  const ofAccount = counter(account, limits.failuresPerAccount, limits);
  const freeForAll = await countedUntil(failures, ofAccount, now);
  const forget = async ({ key, limit }: Counter) => {
    if (limit > 0) await failures.forget(key);
    if (ofAddress.limit > 0) await failures.giveBack(ofAddress, now);
  };
  if (freeForAll === null) return ok({ succeeded: () => forget(ofAccount) });
  const ofOwner = await ownersCounter(deps, name, sender, now);
  const freeForOwner = ofOwner === null ? freeForAll : await countedUntil(failures, ofOwner, now);
  if (ofOwner !== null && freeForOwner === null) return ok({ succeeded: () => forget(ofOwner) });
  if (ofAddress.limit > 0) await failures.giveBack(ofAddress, now);
  return blocked('account', Math.min(freeForAll, freeForOwner ?? freeForAll), now);
}

/** Counts one attempt as failed, unless there is no limit. */
export async function countFailure(
  failures: LoginFailureStore,
  one: Counter,
  by: 'account' | 'address',
  now: EpochMs,
): Promise<Result<null>> {
  const freeAt = await countedUntil(failures, one, now);
  return freeAt === null ? ok(null) : blocked(by, freeAt, now);
}

/** Null when it was counted and may be made, else the time from which the next may. */
export async function countedUntil(failures: LoginFailureStore, one: Counter, now: EpochMs): Promise<EpochMs | null> {
  return one.limit === 0 ? null : failures.count(one, now);
}

function blocked(by: 'account' | 'address', freeAt: EpochMs, now: EpochMs): Result<never> {
  return refuse({ reason: 'login_blocked', limit: by, retryAfterSeconds: Math.ceil((freeAt - now) / 1000) });
}

/** Nobody's id, and nobody's name: what is not there is asked after as well, so that the time of an answer tells nothing. */
const NOBODY = '';
const NO_NAME: LoginName = { display: '', key: '' };

/**
 * A counter of its own for the address of a living login: strangers who guess at an account do not shut out its owner
 * where the owner is logged in.
 */
async function ownersCounter(
  { users, sessions, limits }: LoginDeps,
  name: LoginName | null,
  { address }: Sender,
  now: EpochMs,
): Promise<Counter | null> {
  if (address === null) return null;
  const user = await users.findByLogin(name ?? NO_NAME);
  const isOwners = await sessions.livesAt(user?.id ?? NOBODY, address, now);
  if (user === null || !isOwners) return null;
  return counter(failureKey('owner', `${user.id} ${address}`), limits.failuresPerAccount, limits);
}

/** What counts by a key. */
export function counter(key: string, limit: number, { windowSeconds }: LoginLimits): Counter {
  return { key, limit, windowSeconds };
}

/** Now that the password is known, its hash gets the cost that new ones have. */
async function rehashed({ users }: LoginDeps, bcrypt: Bcrypt, user: User, password: string): Promise<User> {
  if (!bcrypt.isOutdated(user.passwordHash)) return user;
  const passwordHash = await bcrypt.hash(password);
  return (await users.rehash(user.id, user.passwordHash, passwordHash)) ? { ...user, passwordHash } : user;
}
