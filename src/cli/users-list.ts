import type { Command } from 'commander';
import { userJson } from '../accounts/user-json.js';
import { toRfc3339 } from '../oauth/time.js';
import { isRole, parseLoginName } from '../oauth/username.js';
import { openSessions } from '../store/sessions.js';
import type { UserFilter } from '../store/user-list.js';
import { openUsers, type User } from '../store/users.js';
import { withDatabase } from './database.js';
import { type CliIo, CommandFailed, type OutputOptions, print } from './io.js';
import { examples, type Settings, wholeNumber } from './settings.js';
import { findUser, showUsers } from './user-view.js';

type ListOptions = OutputOptions & { search?: string; role?: string; disabled?: true; limit: number };

/** `mintd users list` and `mintd users show` */
export function listCommands(users: Command, io: CliIo, settings: () => Settings): void {
  users
    .command('list')
    .description('show users by name')
    .option('--search <prefix>', 'those whose user name begins like this, whatever the case')
    .option('--role <role>', 'those who have this role')
    .option('--disabled', 'those who are disabled')
    .option('--limit <number>', 'how many at most', wholeNumber(1, 999_999), 1000)
    .option('--json', 'print JSON')
    .addHelpText('after', examples('mintd users list', 'mintd users list --search ad --role admin --json'))
    .action((options: ListOptions) => list(io, settings(), options));

  users
    .command('show')
    .description('show one user, and how many sessions go on')
    .argument('<name>', 'the user name or e-mail address')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('mintd users show ada', 'mintd users show ada@example.com --json'))
    .action((name: string, options: OutputOptions) =>
      withDatabase(settings().databaseUrl, async (database) => {
        const user = await findUser(openUsers(database), name);
        const sessions = await openSessions(database).countLiving(user.id, Date.now());
        print(io, options, { ...userJson(user), sessions }, () => showUser(user, sessions));
      }),
    );
}

async function list(io: CliIo, settings: Settings, options: ListOptions): Promise<void> {
  const { limit } = options;
  const filter = filterOf(options);
  await withDatabase(settings.databaseUrl, async (database) => {
    const found = await openUsers(database).list({ ...filter, limit: limit + 1 });
    const shown = found.slice(0, limit);
    if (found.length > shown.length) io.err(`there are more than ${limit}: say --limit, --search or --role\n`);
    print(io, options, shown.map(userJson), () => {
      if (shown.length > 0) return showUsers(shown);
      const isAll = Object.keys(filter).length === 0;
      return isAll ? 'there are no users yet: mintd users add NAME' : 'there are no such users';
    });
  });
}

/** @throws CommandFailed for what nobody can have */
function filterOf({ search, role, disabled }: ListOptions): UserFilter {
  const prefix = search === undefined ? undefined : parseLoginName(search)?.key;
  if (search !== undefined && prefix === undefined) throw new CommandFailed('no user name begins like that');
  if (role !== undefined && !isRole(role)) throw new CommandFailed('that cannot be a role');
  return {
    ...(prefix !== undefined && { prefix }),
    ...(role !== undefined && { role }),
    ...(disabled === true && { isDisabled: true }),
  };
}

function showUser(user: User, sessions: number): string {
  const rows: readonly (readonly [what: string, value: string])[] = [
    ['user name', user.username],
    ['e-mail', user.email ?? '-'],
    ['id', user.id],
    ['roles', user.roles.join(' ') || '-'],
    ['created', toRfc3339(user.createdAt)],
    ['state', user.disabledAt === null ? 'enabled' : `disabled since ${toRfc3339(user.disabledAt)}`],
    ['sessions', String(sessions)],
  ];
  return rows.map(([what, value]) => `${what.padEnd(11)}${value}`).join('\n');
}
