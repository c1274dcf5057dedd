import type { TokenList } from './scope.js';
import { isEmail, isEmailLike, isRole, type LoginName, parseLoginName } from './username.js';

/** With the longest of names, that is as much of a header as servers take. */
const MOST_ROLES = 64;

/** What an administrator says of a new user. */
export type UserDescription = {
  readonly username: string;
  readonly email: string | undefined;
  readonly roles: readonly string[];
};

/** The same, normalised. */
export type CheckedUser = {
  readonly username: LoginName;
  readonly email: LoginName | null;
  readonly roles: TokenList;
};

/**
 * Checks the description of a new user.
 *
 * A name with an `@` is an e-mail address and becomes the user's own: were it anything else, it could be the address
 * of somebody else, and the two would log in as each other.
 *
 * @returns sentences about what is wrong, or the user
 */
export function checkNewUser(described: UserDescription): readonly string[] | CheckedUser {
  const faults: string[] = [];
  const username = parseLoginName(described.username);
  if (username === null) faults.push('the user name is empty, longer than 128 characters, or has invisible characters');
  const ownAddress = username !== null && isEmailLike(username.key) ? username.display : undefined;
  const address = described.email ?? ownAddress;
  const email = address === undefined ? null : parseLoginName(address);
  if (address !== undefined && (email === null || !isEmail(email.display)))
    faults.push('that is not an e-mail address');
  if (username !== null && isEmailLike(username.key) && email?.key !== username.key) {
    faults.push("a user name with an @ must be the user's own e-mail address");
  }
  if (!described.roles.every(isRole)) faults.push('a role is 1 to 64 visible ASCII characters without spaces');
  if (described.roles.length > MOST_ROLES)
    faults.push(`a user has at most ${MOST_ROLES} roles: each token has them all`);
  return faults.length > 0 || username === null ? faults : { username, email, roles: described.roles };
}
