import type { Command } from 'commander';
import { endOf } from '../oauth/family.js';
import { type Session, sessionJson } from '../oauth/session.js';
import { toRfc3339 } from '../oauth/time.js';
import { isUuid } from '../oauth/uuid.js';
import { type ClientStore, openClients } from '../store/clients.js';
import { type FamilyStore, openFamilies } from '../store/families.js';
import { openSessions, type SessionFilter } from '../store/sessions.js';
import { openUsers } from '../store/users.js';
import { withDatabase } from './database.js';
import { findClient } from './find-client.js';
import { type CliIo, CommandFailed, confirm, type OutputOptions, print, table } from './io.js';
import { examples, type Settings, wholeNumber } from './settings.js';
import { findUser } from './user-view.js';

type Whose = { user?: string; client?: string };
type ListOptions = OutputOptions & Whose & { ended?: boolean; limit: number };
type RevokeOptions = OutputOptions & Whose & { all?: boolean; yes?: boolean };

/** `mintd sessions …` */
export function sessionsCommands(program: Command, io: CliIo, settings: () => Settings): void {
  const sessions = program.command('sessions').description('who is logged in, where, and since when');

  sessions
    .command('list')
    .description('show sessions, the newest first')
    .option('--user <name>', 'of this user alone: user name or e-mail address')
    .option('--client <id>', 'at this client alone')
    .option('--ended', 'also those that are over, and why')
    .option('--limit <number>', 'how many at most', wholeNumber(1, 999_999), 100)
    .option('--json', 'print JSON')
    .addHelpText('after', examples('mintd sessions list --user ada', 'mintd sessions list --client web --ended --json'))
    .action((options: ListOptions) => list(io, settings(), options));

  sessions
    .command('revoke')
    .description('end one session, all of a user or of a client, or all there are')
    .argument('[sid]', 'the session, as the list shows it')
    .option('--user <name>', 'all sessions of this user: user name or e-mail address')
    .option('--client <id>', 'all sessions at this client')
    .option('--all', 'everybody logs in again: after a theft, or when an old backup was restored')
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        'mintd sessions revoke 3f0c1c5e-7e0b-4f4e-9f0a-0d6b8a4c2e11',
        'mintd sessions revoke --user ada --yes',
        'mintd sessions revoke --all --yes',
      ),
    )
    .action((sid: string | undefined, options: RevokeOptions, command: Command) => {
      const said = [sid, options.user, options.client, options.all].filter((one) => one !== undefined);
      if (said.length !== 1) command.error('error: say which: a session, --user, --client or --all, one of them');
      return revoke(io, settings(), sid, options);
    });
}

async function list(io: CliIo, settings: Settings, options: ListOptions): Promise<void> {
  await withDatabase(settings.databaseUrl, async (database) => {
    const { user, client, ended = false } = options;
    const filter: SessionFilter = {
      ...(user !== undefined && { userId: (await findUser(openUsers(database), user)).id }),
      ...(client !== undefined && { clientId: (await findClient(openClients(database), client)).id }),
      withEnded: ended,
    };
    const found = await openSessions(database).list(filter, Date.now(), options.limit + 1);
    const shown = found.slice(0, options.limit);
    if (found.length > shown.length) io.err(`there are more than ${options.limit}: say --limit, --user or --client\n`);
    print(io, options, shown.map(toJson), () => show(shown));
  });
}

async function revoke(io: CliIo, settings: Settings, sid: string | undefined, options: RevokeOptions): Promise<void> {
  const { user, client, all } = options;
  await withDatabase(settings.databaseUrl, async (database) => {
    if (all === true) await revokeAll(io, settings, openClients(database), options);
    if (sid !== undefined) await revokeOne(io, settings, openFamilies(database), sid, options);
    if (user !== undefined) {
      const users = openUsers(database);
      const { id, username } = await findUser(users, user);
      await confirm(io, options, `End all sessions of ${username}?`);
      await users.endLogins(id);
      settings.audit('all_logins_ended', { targetUserId: id });
      print(io, options, { id, username }, () => `ended all sessions of ${username}${RUN_OUT}`);
    }
    if (client !== undefined) {
      const clients = openClients(database);
      const { id } = await findClient(clients, client);
      await confirm(io, options, `End all sessions at ${id}?`);
      await clients.endLogins(id);
      settings.audit('all_logins_ended', { targetClientId: id });
      print(io, options, { client_id: id }, () => `ended all sessions at ${id}${RUN_OUT}`);
    }
  });
}

async function revokeAll(io: CliIo, settings: Settings, clients: ClientStore, options: RevokeOptions): Promise<void> {
  await confirm(io, options, 'End all sessions of everybody?');
  await clients.endAllLogins();
  settings.audit('all_logins_ended', {});
  print(io, options, { all: true }, () => `ended all sessions of everybody${RUN_OUT}`);
}

async function revokeOne(
  io: CliIo,
  settings: Settings,
  families: FamilyStore,
  sid: string,
  options: OutputOptions,
): Promise<void> {
  const found = isUuid(sid) ? await families.find({ sid: sid.toLowerCase() }) : null;
  if (found === null) throw new CommandFailed(`there is no session ${JSON.stringify(sid)}`);
  const { sid: own } = found.family;
  const now = Date.now();
  // One that is over keeps the reason it has.
  const isEnded = endOf(found.family, now) === null && (await families.revoke(own, 'ended_by_admin', now));
  if (isEnded) settings.audit('login_ended', { sid: own, targetUserId: found.login.userId });
  print(io, options, { sid: own, ended: isEnded }, () =>
    isEnded ? `ended the session ${own}${RUN_OUT}` : `the session ${own} was over already`,
  );
}

/** What services that verify by themselves cannot know. */
const RUN_OUT = '; services accept its access tokens until they expire';

function toJson(session: Session): object {
  return { ...sessionJson(session), id: session.userId, username: session.username, ended: session.ended };
}

/** The end of it, which is where browsers differ. */
function shortened(userAgent: string): string {
  return userAgent.length <= 40 ? userAgent : `…${userAgent.slice(-39)}`;
}

function show(sessions: readonly Session[]): string {
  if (sessions.length === 0) return 'no sessions';
  const rows = sessions.map((session) => [
    session.username,
    session.clientId,
    session.device.address ?? '',
    shortened(session.device.userAgent ?? ''),
    toRfc3339(session.createdAt),
    toRfc3339(session.lastUsedAt),
    session.ended?.replaceAll('_', ' ') ?? `until ${toRfc3339(session.expiresAt)}`,
    session.sid,
  ]);
  return table(['USER', 'CLIENT', 'ADDRESS', 'DEVICE', 'SINCE', 'LAST USED', 'STATE', 'SID'], rows);
}
