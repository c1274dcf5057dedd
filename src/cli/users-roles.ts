import type { Command } from 'commander';
import { userJson } from '../accounts/user-json.js';
import type { TokenList } from '../oauth/scope.js';
import { isRole, parseLoginName } from '../oauth/username.js';
import { openUsers, type User, type UserStore } from '../store/users.js';
import { withDatabase } from './database.js';
import { type CliIo, CommandFailed, type OutputOptions, print } from './io.js';
import { collect, examples, type Settings } from './settings.js';
import { findUser } from './user-view.js';

type RolesOptions = OutputOptions & { add: string[]; remove: string[]; set: string[] };

/** Somebody else may change the same user at this moment; so often in a row they do not. */
const TRIES = 5;

/** `mintd users roles` */
export function rolesCommand(users: Command, io: CliIo, settings: () => Settings): void {
  users
    .command('roles')
    .description('show the roles of a user, or change them; tokens have the new ones from the next refresh on')
    .argument('<name>', 'the user name or e-mail address')
    .option('--add <role>', 'a role to give; may be repeated', collect, [])
    .option('--remove <role>', 'a role to take away; may be repeated', collect, [])
    .option('--set <role>', 'the roles to have in place of all others; may be repeated', collect, [])
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        'mintd users roles ada',
        'mintd users roles ada --add admin --remove audit',
        'mintd users roles ada --set staff --set audit',
      ),
    )
    .action((name: string, options: RolesOptions, command: Command) => {
      const { add, remove, set } = options;
      if (set.length > 0 && add.length + remove.length > 0) {
        command.error('error: say --set, or --add and --remove, not both');
      }
      const both = add.find((role) => remove.includes(role));
      if (both !== undefined) command.error('error: one role cannot be both added and removed');
      return roles(io, settings(), name, options);
    });
}

async function roles(io: CliIo, settings: Settings, name: string, options: RolesOptions): Promise<void> {
  const { add, remove, set } = options;
  if (![...add, ...remove, ...set].every(isRole)) {
    throw new CommandFailed('a role is 1 to 64 visible ASCII characters without spaces');
  }
  const change = (before: TokenList): TokenList => {
    if (set.length > 0) return [...new Set(set)];
    return [...new Set([...before, ...add])].filter((role) => !remove.includes(role));
  };
  await withDatabase(settings.databaseUrl, async (database) => {
    const users = openUsers(database);
    const before = await findUser(users, name);
    const user = await changeRoles(users, before, change);
    if (user.revision !== before.revision) {
      settings.audit('user_changed', { targetUserId: user.id, changed: ['roles'], roles: user.roles });
    }
    print(io, options, userJson(user), () => `${user.username}: ${user.roles.join(' ') || 'no roles'}`);
  });
}

/**
 * Changes the roles of a user as they are at this moment, whoever else changes that user too.
 *
 * @returns the user as it is then
 * @throws CommandFailed when the user is removed meanwhile
 */
async function changeRoles(users: UserStore, from: User, change: (before: TokenList) => TokenList): Promise<User> {
  let user = from;
  for (let tries = 0; tries < TRIES; tries++) {
    const [after, username] = [change(user.roles), parseLoginName(user.username)];
    if (after.join(' ') === user.roles.join(' ')) return user;
    if (username === null) throw new CommandFailed(`the name of ${user.id} in the database is none that can be`);
    const email = user.email === null ? null : parseLoginName(user.email);
    const { id, revision } = user;
    const isDone = (await users.replace({ id, revision, username, email, roles: after })) === 'replaced';
    const now = await users.find(id);
    if (now === null) throw new CommandFailed(`${user.username} was removed meanwhile`);
    if (isDone) return now;
    user = now;
  }
  throw new CommandFailed(`others change ${user.username} at this moment: try again`);
}
