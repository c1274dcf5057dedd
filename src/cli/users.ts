import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import type { Faults } from '../accounts/clients.js';
import { userJson } from '../accounts/user-json.js';
import { type MadeUser, makeUser, setPassword, type UserDeps } from '../accounts/users.js';
import { checkNewUser } from '../oauth/new-user.js';
import { ok, type Result } from '../oauth/result.js';
import { isCommonPassword } from '../passwords/common.js';
import { hashOnce } from '../passwords/hash-once.js';
import { openUsers, type UserStore } from '../store/users.js';
import { withDatabase } from './database.js';
import { type CliIo, CommandFailed, confirm, type OutputOptions, print } from './io.js';
import { askForPassword } from './password.js';
import { collect, examples, type Settings } from './settings.js';
import { findUser } from './user-view.js';
import { importCommand } from './users-import.js';
import { listCommands } from './users-list.js';
import { rolesCommand } from './users-roles.js';

type AddOptions = OutputOptions & { email?: string; role: string[]; passwordStdin?: boolean };
type RemoveOptions = OutputOptions & { yes?: boolean };
type SetPasswordOptions = OutputOptions & { passwordStdin?: boolean };

/** `mintd users …` */
export function usersCommands(program: Command, io: CliIo, settings: () => Settings): void {
  const users = program.command('users').description('the people who log in');

  users
    .command('add')
    .description('make a user; without --password-stdin it asks on a terminal, and else makes a password')
    .argument('<name>', 'the user name, unique whatever its case; or an e-mail address')
    .option('--email <address>', 'an address the user may log in with as well')
    .option('--role <role>', 'a role for the access token; may be repeated', collect, [])
    .option('--password-stdin', 'read the password from stdin')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        'mintd users add ada --email ada@example.com --role admin',
        'mintd users add ada --password-stdin < password.txt',
      ),
    )
    .action((name: string, options: AddOptions) => add(io, settings(), name, options));

  listCommands(users, io, settings);
  rolesCommand(users, io, settings);
  importCommand(users, io, settings);

  users
    .command('set-password')
    .description('set a password; all logins of the user end')
    .argument('<name>', 'the user name or e-mail address')
    .option('--password-stdin', 'read the password from stdin')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('mintd users set-password ada'))
    .action((name: string, options: SetPasswordOptions) => set(io, settings(), name, options));

  for (const [verb, description] of [
    ['disable', 'end all logins of a user and allow no new ones'],
    ['enable', 'let a disabled user log in again; logins that ended stay ended'],
  ] as const) {
    users
      .command(verb)
      .description(description)
      .argument('<name>', 'the user name or e-mail address')
      .option('--json', 'print JSON')
      .addHelpText('after', examples(`mintd users ${verb} ada`))
      .action((name: string, options: OutputOptions) => setDisabled(io, settings(), name, verb === 'disable', options));
  }
  removeCommand(users, io, settings);
}

function removeCommand(users: Command, io: CliIo, settings: () => Settings): void {
  users
    .command('remove')
    .description('delete a user; all logins of the user end')
    .argument('<name>', 'the user name or e-mail address')
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('mintd users remove ada --yes'))
    .action((name: string, options: RemoveOptions) => remove(io, settings(), name, options));
}

async function remove(io: CliIo, settings: Settings, name: string, options: RemoveOptions): Promise<void> {
  await withDatabase(settings.databaseUrl, async (database) => {
    const users = openUsers(database);
    const user = await findUser(users, name);
    await confirm(io, options, `Delete the user ${user.username} and end all logins?`);
    if (!(await users.remove(user.id))) throw new CommandFailed(`${user.username} was removed meanwhile`);
    settings.audit('user_removed', { targetUserId: user.id });
    print(io, options, userJson(user), () => `removed the user ${user.username}; all logins have ended`);
  });
}

async function add(io: CliIo, settings: Settings, name: string, options: AddOptions): Promise<void> {
  const description = { username: name, email: options.email, roles: options.role };
  const checked = checkNewUser(description);
  if (!('username' in checked)) throw new CommandFailed(checked.join('; '));
  await withDatabase(settings.databaseUrl, async (database) => {
    const users = openUsers(database);
    const taken = `the name or the e-mail address is taken: ${checked.username.display}`;
    for (const name of [checked.username, checked.email]) {
      if (name !== null && (await users.findByLogin(name)) !== null) throw new CommandFailed(taken);
    }
    const password = await askForPassword(io, options.passwordStdin === true);
    const made = done(await makeUser(userDeps(users, settings), { ...description, password }));
    if (made === 'taken') throw new CommandFailed(taken);
    const { user } = made;
    settings.audit('user_added', { targetUserId: user.id, roles: user.roles });
    print(io, options, withPassword(userJson(user), made), () =>
      [`made the user ${user.username} (${user.id})`, ...passwordLines(made)].join('\n'),
    );
  });
}

async function set(io: CliIo, settings: Settings, name: string, options: SetPasswordOptions): Promise<void> {
  await withDatabase(settings.databaseUrl, async (database) => {
    const users = openUsers(database);
    const user = await findUser(users, name);
    const password = await askForPassword(io, options.passwordStdin === true);
    const made = done(await setPassword(userDeps(users, settings), user, password));
    if (made === 'unknown') throw new CommandFailed(`${user.username} was removed meanwhile`);
    settings.audit('user_password_set', { targetUserId: user.id });
    print(io, options, withPassword(userJson(user), made), () =>
      [`set the password of ${user.username}; all its logins have ended`, ...passwordLines(made)].join('\n'),
    );
  });
}

function userDeps(users: UserStore, { bcryptCost }: Settings): UserDeps {
  return {
    users,
    isCommonPassword,
    hash: async (password) => ok(await hashOnce(password, bcryptCost)),
    randomBytes,
    now: Date.now(),
  };
}

/** @throws CommandFailed when it cannot be like this */
function done<T extends object | string>(result: Result<T | Faults>): T {
  if (!result.ok) throw new CommandFailed(result.refusal.reason);
  if (typeof result.value === 'object' && 'faults' in result.value) {
    throw new CommandFailed(result.value.faults.join('; '));
  }
  return result.value as T;
}

async function setDisabled(
  io: CliIo,
  settings: Settings,
  name: string,
  disabled: boolean,
  options: OutputOptions,
): Promise<void> {
  await withDatabase(settings.databaseUrl, async (database) => {
    const users = openUsers(database);
    const { id } = await findUser(users, name);
    const changed = disabled ? await users.disable(id, Date.now()) : await users.enable(id);
    if (changed) settings.audit('user_changed', { targetUserId: id, changed: ['disabled'], disabled });
    const user = await findUser(users, name);
    const state = disabled ? 'disabled; its logins have ended' : 'enabled';
    print(io, options, userJson(user), () => `${user.username} is ${changed ? '' : 'already '}${state}`);
  });
}

type Made = Pick<MadeUser, 'password'>;

function passwordLines({ password }: Made): readonly string[] {
  return password === null ? [] : [`password (shown once): ${password}`];
}

function withPassword(user: object, { password }: Made): object {
  return password === null ? user : { ...user, password };
}
