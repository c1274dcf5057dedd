import { PASSWORD_MIN_CHARACTERS } from '../oauth/password-policy.js';

let list: Promise<ReadonlySet<string>> | undefined;

/**
 * Whether a password is one of those that everybody tries first (NIST SP 800-63B §3.1.1.2), in whatever case. The list is
 * loaded when it is first asked for: most requests never need it.
 */
export async function isCommonPassword(password: string): Promise<boolean> {
  list ??= load();
  return (await list).has(password.toLowerCase());
}

/** Shorter ones are refused for their length. */
async function load(): Promise<ReadonlySet<string>> {
  const { dictionary } = await import('@zxcvbn-ts/language-common');
  return new Set(dictionary['passwords-common'].filter((one) => one.length >= PASSWORD_MIN_CHARACTERS));
}
