import { randomBytes } from 'node:crypto';
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  CLIENT_KINDS,
  type Client,
  type ClientKind,
  clientFaults,
  GRANT_TYPES,
  type GrantType,
} from '../oauth/client.js';
import { sha256 } from '../oauth/refresh-token.js';
import { splitList } from '../oauth/scope.js';
import { formatDuration, parseDurationSeconds, toRfc3339 } from '../oauth/time.js';
import { openClients } from '../store/clients.js';
import { withDatabase } from './database.js';
import { type CliIo, CommandFailed, type OutputOptions, print, table } from './io.js';
import { collect, examples, type Settings } from './settings.js';

type AddOptions = OutputOptions & {
  name?: string;
  kind: ClientKind;
  grant: GrantType[];
  scope: string[];
  defaultScope: string;
  audience: string[];
  defaultAudience: string[];
  accessTtl?: number;
  idleTtl?: number;
  absoluteTtl?: number;
  retryWindow?: number;
};

/** `mintd clients …` */
export function clientsCommands(program: Command, io: CliIo, settings: () => Settings): void {
  const clients = program.command('clients').description('the applications that ask for tokens');

  clients
    .command('add')
    .description('make a client; a confidential one gets a secret, shown once')
    .argument('[id]', 'the client_id: 1 to 64 of A-Z a-z 0-9 . _ -; made when left out')
    .addOption(new Option('--kind <kind>', 'whether it can keep a secret').choices(CLIENT_KINDS).makeOptionMandatory())
    .addOption(
      new Option('--grant <grant>', `a grant it may use; may be repeated: ${GRANT_TYPES.join(', ')}`)
        .argParser(collectGrant)
        .default([], 'none'),
    )
    .option('--name <text>', 'what people see')
    .option('--scope <scope>', 'a scope it may ask for; may be repeated', collect, [])
    .option('--default-scope <scopes>', 'what it gets when it asks for none, separated by spaces', '')
    .option('--audience <audience>', 'an audience it may ask for; may be repeated', collect, [])
    .option('--default-audience <audience>', 'one it gets when it asks for none; may be repeated', collect, [])
    .option('--access-ttl <duration>', 'lifetime of its access tokens', duration)
    .option('--idle-ttl <duration>', 'a login not refreshed for this long ends', duration)
    .option('--absolute-ttl <duration>', 'a login ends after this long', duration)
    .option('--retry-window <duration>', 'how long a lost refresh may be repeated; 0 for never', duration)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        'mintd clients add web --kind public --grant password --grant refresh_token --scope read --default-scope read',
        'mintd clients add worker --kind confidential --grant client_credentials --audience https://api.example.com',
      ),
    )
    .action((id: string | undefined, options: AddOptions) => add(io, settings(), id, options));

  clients
    .command('list')
    .description('show all clients')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('mintd clients list', 'mintd clients list --json'))
    .action((options: OutputOptions) =>
      withDatabase(settings().databaseUrl, async (database) => {
        const all = await openClients(database).list();
        print(io, options, all.map(toJson), () => showClients(all));
      }),
    );
}

async function add(io: CliIo, settings: Settings, id: string | undefined, options: AddOptions): Promise<void> {
  const secret = options.kind === 'confidential' ? randomBytes(32).toString('base64url') : null;
  const client = describe(id ?? `client-${randomBytes(6).toString('hex')}`, secret, options);
  const faults = [...clientFaults(client), ...lifetimeFaults(client, settings)];
  if (faults.length > 0) throw new CommandFailed(faults.join('; '));
  await withDatabase(settings.databaseUrl, async (database) => {
    if (!(await openClients(database).add(client))) throw new CommandFailed(`the client id is taken: ${client.id}`);
  });
  print(io, options, { ...toJson(client), ...(secret !== null && { client_secret: secret }) }, () =>
    [
      `made the ${client.kind} client ${client.id}`,
      ...(secret === null ? [] : [`client_secret (shown once): ${secret}`]),
    ].join('\n'),
  );
}

/** A longer lifetime would be cut at the cap, in silence and at every token. */
function lifetimeFaults({ accessTokenTtlSeconds }: Client, { accessTokenMaxTtlSeconds }: Settings): readonly string[] {
  if (accessTokenTtlSeconds === null || accessTokenTtlSeconds <= accessTokenMaxTtlSeconds) return [];
  const most = formatDuration(accessTokenMaxTtlSeconds);
  return [`the access token lifetime exceeds ${most}: raise ACCESS_TOKEN_MAX_TTL, for the server as well`];
}

function describe(id: string, secret: string | null, options: AddOptions): Client {
  return {
    id,
    name: options.name ?? id,
    kind: options.kind,
    secretHash: secret === null ? null : sha256(secret),
    grants: once(options.grant),
    scopes: once(options.scope),
    defaultScope: once(splitList(options.defaultScope.trim().replace(/ +/g, ' '))),
    audiences: once(options.audience),
    defaultAudiences: once(options.defaultAudience),
    accessTokenTtlSeconds: options.accessTtl ?? null,
    refreshIdleTtlSeconds: options.idleTtl ?? null,
    refreshAbsoluteTtlSeconds: options.absoluteTtl ?? null,
    retryWindowSeconds: options.retryWindow ?? null,
    createdAt: Date.now(),
    disabledAt: null,
  };
}

/** What was said twice counts once. */
function once<T>(values: readonly T[]): readonly T[] {
  return [...new Set(values)];
}

function duration(text: string): number {
  const seconds = parseDurationSeconds(text);
  if (seconds === null) throw new InvalidArgumentError('It must be a duration such as 90s, 10m or 14d.');
  return seconds;
}

function collectGrant(text: string, before: readonly GrantType[]): GrantType[] {
  const grant = GRANT_TYPES.find((known) => known === text);
  if (grant === undefined) throw new InvalidArgumentError(`It must be one of ${GRANT_TYPES.join(', ')}.`);
  return [...before, grant];
}

function toJson(client: Client): object {
  return {
    client_id: client.id,
    name: client.name,
    kind: client.kind,
    grants: client.grants,
    scopes: client.scopes,
    default_scope: client.defaultScope,
    audiences: client.audiences,
    default_audiences: client.defaultAudiences,
    access_token_ttl_seconds: client.accessTokenTtlSeconds,
    refresh_idle_ttl_seconds: client.refreshIdleTtlSeconds,
    refresh_absolute_ttl_seconds: client.refreshAbsoluteTtlSeconds,
    retry_window_seconds: client.retryWindowSeconds,
    created_at: toRfc3339(client.createdAt),
    disabled_at: client.disabledAt === null ? null : toRfc3339(client.disabledAt),
  };
}

function showClients(clients: readonly Client[]): string {
  if (clients.length === 0) return 'there are no clients yet: mintd clients add';
  const rows = clients.map((client) => [
    client.id,
    client.kind,
    client.grants.join(' '),
    client.scopes.join(' '),
    client.audiences.join(' '),
    lifetimes(client),
    client.disabledAt === null ? '' : 'disabled',
  ]);
  return table(['CLIENT ID', 'KIND', 'GRANTS', 'SCOPES', 'AUDIENCES', 'LIFETIMES', 'STATE'], rows);
}

/** Only what differs from the server's settings. */
function lifetimes(client: Client): string {
  const own = {
    access: client.accessTokenTtlSeconds,
    idle: client.refreshIdleTtlSeconds,
    absolute: client.refreshAbsoluteTtlSeconds,
    retry: client.retryWindowSeconds,
  };
  return Object.entries(own)
    .flatMap(([name, seconds]) => (seconds === null ? [] : [`${name} ${formatDuration(seconds)}`]))
    .join(', ');
}
