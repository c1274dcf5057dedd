import { randomBytes } from 'node:crypto';
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  CLIENT_KINDS,
  type Client,
  type ClientKind,
  clientFaults,
  DELIVERIES,
  type Delivery,
  GRANT_TYPES,
  type GrantType,
  newClient,
} from '../oauth/client.js';
import { sha256 } from '../oauth/refresh-token.js';
import { splitList } from '../oauth/scope.js';
import { formatDuration, parseDurationSeconds } from '../oauth/time.js';
import { type ClientStore, openClients } from '../store/clients.js';
import { clientJson, showClients } from './client-view.js';
import { withDatabase } from './database.js';
import { type CliIo, CommandFailed, confirm, type OutputOptions, print } from './io.js';
import { collect, examples, type Settings } from './settings.js';

type RemoveOptions = OutputOptions & { yes?: boolean };
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
  delivery: Delivery;
  origin: string[];
};

/** `mintd clients …` */
export function clientsCommands(program: Command, io: CliIo, settings: () => Settings): void {
  const clients = program.command('clients').description('the applications that ask for tokens');
  addCommand(clients, io, settings);
  clients
    .command('list')
    .description('show all clients')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('mintd clients list', 'mintd clients list --json'))
    .action((options: OutputOptions) =>
      withDatabase(settings().databaseUrl, async (database) => {
        const all = await openClients(database).list();
        print(io, options, all.map(clientJson), () => showClients(all));
      }),
    );
  stateCommands(clients, io, settings);
}

function addCommand(clients: Command, io: CliIo, settings: () => Settings): void {
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
    .addOption(
      new Option('--delivery <how>', 'how its refresh token travels; cookie is for pages in a browser')
        .choices(DELIVERIES)
        .default('body'),
    )
    .option('--origin <origin>', 'of pages that may use it in a browser; may be repeated', collect, [])
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        'mintd clients add web --kind public --grant password --grant refresh_token --scope read --default-scope read',
        'mintd clients add spa --kind public --grant password --grant refresh_token --delivery cookie --origin https://app.example.com',
        'mintd clients add worker --kind confidential --grant client_credentials --audience https://api.example.com',
      ),
    )
    .action((id: string | undefined, options: AddOptions) => add(io, settings(), id, options));
}

function stateCommands(clients: Command, io: CliIo, settings: () => Settings): void {
  for (const [verb, description] of [
    ['disable', 'end all logins at a client and let it ask for no tokens'],
    ['enable', 'let a disabled client ask for tokens again; logins that ended stay ended'],
  ] as const) {
    clients
      .command(verb)
      .description(description)
      .argument('<id>', 'the client_id')
      .option('--json', 'print JSON')
      .addHelpText('after', examples(`mintd clients ${verb} web`))
      .action((id: string, options: OutputOptions) => setDisabled(io, settings(), id, verb === 'disable', options));
  }
  clients
    .command('remove')
    .description('delete a client; its logins end')
    .argument('<id>', 'the client_id')
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('mintd clients remove web --yes'))
    .action((id: string, options: RemoveOptions) => remove(io, settings(), id, options));
}

async function add(io: CliIo, settings: Settings, id: string | undefined, options: AddOptions): Promise<void> {
  const secret = options.kind === 'confidential' ? randomBytes(32).toString('base64url') : null;
  const client = describe(id ?? `client-${randomBytes(6).toString('hex')}`, secret, options);
  const faults = [...clientFaults(client), ...lifetimeFaults(client, settings)];
  if (faults.length > 0) throw new CommandFailed(faults.join('; '));
  await withDatabase(settings.databaseUrl, async (database) => {
    if (!(await openClients(database).add(client))) throw new CommandFailed(`the client id is taken: ${client.id}`);
  });
  print(io, options, { ...clientJson(client), ...(secret !== null && { client_secret: secret }) }, () =>
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
    ...newClient(id, options.kind, Date.now()),
    name: options.name ?? id,
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
    delivery: options.delivery,
    origins: once(options.origin),
  };
}

async function setDisabled(
  io: CliIo,
  settings: Settings,
  id: string,
  disabled: boolean,
  options: OutputOptions,
): Promise<void> {
  await withDatabase(settings.databaseUrl, async (database) => {
    const clients = openClients(database);
    await findClient(clients, id);
    const changed = disabled ? await clients.disable(id, Date.now()) : await clients.enable(id);
    const client = await findClient(clients, id);
    const state = disabled ? 'disabled; its logins have ended' : 'enabled';
    print(io, options, clientJson(client), () => `${id} is ${changed ? '' : 'already '}${state}`);
  });
}

async function remove(io: CliIo, settings: Settings, id: string, options: RemoveOptions): Promise<void> {
  await withDatabase(settings.databaseUrl, async (database) => {
    const clients = openClients(database);
    const client = await findClient(clients, id);
    await confirm(io, options, `Delete the client ${id} and end all its logins?`);
    if (!(await clients.remove(id))) throw new CommandFailed(`${id} was removed meanwhile`);
    print(io, options, clientJson(client), () => `removed the client ${id}; its logins have ended`);
  });
}

/** @throws CommandFailed when there is none */
export async function findClient(clients: ClientStore, id: string): Promise<Client> {
  const client = await clients.find(id);
  if (client === null) throw new CommandFailed(`there is no client ${JSON.stringify(id)}`);
  return client;
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
