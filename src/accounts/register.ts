import { failureKey } from '../oauth/login-limits.js';
import { checkNewUser } from '../oauth/new-user.js';
import { ok, type Result, refuse } from '../oauth/result.js';
import type { EpochMs } from '../oauth/time.js';
import { uuidFrom } from '../oauth/uuid.js';
import { countedUntil, counter, type Sender } from './login.js';
import { faultOfNewPassword } from './new-password.js';
import type { AccountDeps } from './own-password.js';

export type Registration = {
  readonly username: string;
  readonly email: string | undefined;
  readonly password: string;
  readonly sender: Sender;
  readonly now: EpochMs;
};

/** The new user; null when the name or the address is somebody's, which the person is not told. */
export type Registered = { readonly userId: string | null };

/**
 * A person makes an account, without any role. A name that is taken costs the same hash and gets the same answer; and
 * every try is counted by its address, so that nobody can ask for many names.
 */
export async function register(
  deps: AccountDeps & { readonly randomBytes: (size: number) => Uint8Array },
  { username, email, password, sender, now }: Registration,
): Promise<Result<Registered>> {
  const checked = checkNewUser({ username, email, roles: [] });
  if (!('username' in checked)) return refuse({ reason: 'account_unfit', fault: checked.join('; ') });
  const names = [checked.username.display, checked.email?.display ?? null];
  const fault = await faultOfNewPassword(deps.isCommonPassword, password, names);
  if (fault !== null) return refuse({ reason: 'account_unfit', fault });
  return deps.hasher.inTurn({ account: 'registration', signal: sender.abandoned }, async (bcrypt) => {
    const blocked = await countRegistration(deps, sender, now);
    if (blocked !== null) return blocked;
    const passwordHash = await bcrypt.hash(password);
    const userId = uuidFrom(deps.randomBytes(16));
    const isAdded = await deps.users.add({ id: userId, ...checked, passwordHash, createdAt: now });
    return ok({ userId: isAdded ? userId : null });
  });
}

async function countRegistration(
  { failures, limits }: AccountDeps,
  { network }: Sender,
  now: EpochMs,
): Promise<Result<never> | null> {
  const ofAddress = counter(failureKey('registration', network), limits.failuresPerAddress, limits);
  const blockedUntil = await countedUntil(failures, ofAddress, now);
  if (blockedUntil === null) return null;
  return refuse({ reason: 'registration_blocked', retryAfterSeconds: Math.ceil((blockedUntil - now) / 1000) });
}
