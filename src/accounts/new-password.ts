import { newPasswordFault } from '../oauth/password-policy.js';

/** Whether everybody tries a password first. */
export type IsCommonPassword = (password: string) => Promise<boolean>;

/**
 * Why nobody of these names may have this password; null if they may.
 *
 * @param names the user name, and the e-mail address where there is one
 */
export async function faultOfNewPassword(
  isCommonPassword: IsCommonPassword,
  password: string,
  names: readonly (string | null)[],
): Promise<string | null> {
  const isCommon = await isCommonPassword(password);
  return newPasswordFault(password, { isCommon, names: names.filter((name) => name !== null) });
}
