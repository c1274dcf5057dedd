import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { userJson } from '../accounts/user-json.js';
import { checkNewUser } from '../oauth/new-user.js';
import { uuidFrom } from '../oauth/uuid.js';
import { hashOnce } from '../passwords/hash-once.js';
import { openUsers } from '../store/users.js';
import { withDatabase } from './database.js';
import { type CliIo, CommandFailed, confirm, type OutputOptions, print } from './io.js';
import { type ChosenPassword, choosePassword } from './password.js';
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
    .action((name: string, options: SetPasswordOptions) => setPassword(io, settings(), name, options));

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
  const checked = checkNewUser({ username: name, email: options.email, roles: options.role });
  if (!('username' in checked)) throw new CommandFailed(checked.join('; '));
  await withDatabase(settings.databaseUrl, async (database) => {
    const users = openUsers(database);
    const taken = `the name or the e-mail address is taken: ${checked.username.display}`;
    for (const name of [checked.username, checked.email]) {
      if (name !== null && (await users.findByLogin(name)) !== null) throw new CommandFailed(taken);
    }
    const names = [checked.username.display, checked.email?.display ?? null];
    const chosen = await choosePassword(io, options.passwordStdin === true, names);
    const id = uuidFrom(randomBytes(16));
    const passwordHash = await hashOnce(chosen.password, settings.bcryptCost);
    const added = await users.add({ id, ...checked, passwordHash, createdAt: Date.now() });
    if (!added) throw new CommandFailed(taken);
    settings.audit('user_added', { targetUserId: id, roles: checked.roles });
    const user = await findUser(users, checked.username.display);
    print(io, options, withPassword(userJson(user), chosen), () =>
      [`made the user ${user.username} (${user.id})`, ...passwordLines(chosen)].join('\n'),
    );
  });
}

async function setPassword(io: CliIo, settings: Settings, name: string, options: SetPasswordOptions): Promise<void> {
  await withDatabase(settings.databaseUrl, async (database) => {
    const users = openUsers(database);
    const user = await findUser(users, name);
    const chosen = await choosePassword(io, options.passwordStdin === true, [user.username, user.email]);
    const isSet = await users.setPassword(user.id, await hashOnce(chosen.password, settings.bcryptCost));
    if (!isSet) throw new CommandFailed(`${user.username} was removed meanwhile`);
    settings.audit('user_password_set', { targetUserId: user.id });
    print(io, options, withPassword(userJson(user), chosen), () =>
      [`set the password of ${user.username}; all its logins have ended`, ...passwordLines(chosen)].join('\n'),
    );
  });
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

function passwordLines({ isGenerated, password }: ChosenPassword): readonly string[] {
  return isGenerated ? [`password (shown once): ${password}`] : [];
}

function withPassword(user: object, { isGenerated, password }: ChosenPassword): object {
  return isGenerated ? { ...user, password } : user;
}
