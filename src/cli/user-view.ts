import { toRfc3339 } from '../oauth/time.js';
import { parseLoginName } from '../oauth/username.js';
import type { User, UserStore } from '../store/users.js';
import { CommandFailed, table } from './io.js';

/** @throws CommandFailed when there is none */
export async function findUser(users: UserStore, name: string): Promise<User> {
  const parsed = parseLoginName(name);
  const user = parsed === null ? null : await users.findByLogin(parsed);
  if (user === null) throw new CommandFailed(`there is no user ${JSON.stringify(name)}`);
  return user;
}

/** A table of users. */
export function showUsers(users: readonly User[]): string {
  const rows = users.map((user) => [
    user.username,
    user.email ?? '',
    user.roles.join(' '),
    user.disabledAt === null ? '' : 'disabled',
    toRfc3339(user.createdAt),
    user.id,
  ]);
  return table(['USERNAME', 'E-MAIL', 'ROLES', 'STATE', 'CREATED', 'ID'], rows);
}
