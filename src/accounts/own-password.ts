import { failureKey } from '../oauth/login-limits.js';
import { ok, type Result, refuse } from '../oauth/result.js';
import type { EpochMs } from '../oauth/time.js';
import type { User } from '../store/users.js';
import { counter, countFailure, type LoginDeps, type Sender } from './login.js';
import { faultOfNewPassword, type IsCommonPassword } from './new-password.js';

/** What it takes to make accounts and passwords. */
export type AccountDeps = LoginDeps & { readonly isCommonPassword: IsCommonPassword };

export type OwnPasswordChange = {
  readonly user: User;
  /** The login that goes on. */
  readonly sid: string;
  readonly current: string;
  readonly next: string;
  readonly sender: Sender;
  readonly now: EpochMs;
};

/**
 * A person's own change of password: ends all other logins of the user, committed when this returns. Wrong guesses at the
 * present one are counted for the user alone: whoever has the access token is no stranger, and no stranger gets here.
 */
export async function changeOwnPassword(deps: AccountDeps, change: OwnPasswordChange): Promise<Result<null>> {
  const { user, sid, current, next, sender, now } = change;
  const fault = await faultOfNewPassword(deps.isCommonPassword, next, [user.username, user.email]);
  if (fault !== null) return refuse({ reason: 'account_unfit', fault });
  const account = failureKey('password', user.id);
  return deps.hasher.inTurn({ account, signal: sender.abandoned }, async (bcrypt) => {
    const { limits, failures, users } = deps;
    const ofAccount = counter(account, limits.failuresPerAccount, limits);
    const counted = await countFailure(failures, ofAccount, 'account', now);
    if (!counted.ok) return counted;
    const { id, passwordHash: from, loginEpoch } = user;
    if (!(await bcrypt.verify(current, from))) return refuse({ reason: 'current_password_wrong', userId: id });
    await failures.forget(account);
    const isChanged = await users.changePassword({
      id,
      from,
      to: await bcrypt.hash(next),
      loginEpoch,
      keptSid: sid,
    });
    return isChanged ? ok(null) : refuse({ reason: 'family_changed_meanwhile', sid });
  });
}
