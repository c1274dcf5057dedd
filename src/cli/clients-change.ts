import { randomBytes } from 'node:crypto';
import { type Command, Option } from 'commander';
import { clientJson } from '../accounts/client-json.js';
import {
  type ClientDeps,
  changeClient,
  type Faults,
  makeClient,
  type NotChanged,
  rotateSecret,
} from '../accounts/clients.js';
import { CLIENT_KINDS, type ClientKind } from '../oauth/client.js';
import { goodPreviousSecret } from '../oauth/client-authentication.js';
import { toRfc3339 } from '../oauth/time.js';
import { type ClientStore, openClients } from '../store/clients.js';
import { clientHints } from './client-hints.js';
import {
  addSettingOptions,
  parseDuration,
  type SettingOptions,
  settingsOf,
  type Unsettable,
  unsetOption,
} from './clients-options.js';
import { withDatabase } from './database.js';
import { findClient } from './find-client.js';
import { type CliIo, CommandFailed, confirm, hint, type OutputOptions, print } from './io.js';
import { examples, type Settings } from './settings.js';

type AddOptions = OutputOptions & SettingOptions & { kind: ClientKind };
type SetOptions = OutputOptions & SettingOptions & { unset?: Unsettable[]; yes?: boolean };
type RotateOptions = OutputOptions & { overlap: number; yes?: boolean };

/** `mintd clients add|set|rotate-secret` */
export function clientChangeCommands(clients: Command, io: CliIo, settings: () => Settings): void {
  const add = clients
    .command('add')
    .description('make a client; a confidential one without keys gets a secret, shown once')
    .argument('[id]', 'the client_id: 1 to 64 of A-Z a-z 0-9 . _ -; made when left out')
    .addOption(new Option('--kind <kind>', 'whether it can keep a secret').choices(CLIENT_KINDS).makeOptionMandatory());
  addSettingOptions(add)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        'mintd clients add web --kind public --grant password --grant refresh_token --scope read --default-scope read',
        'mintd clients add spa --kind public --grant password --grant refresh_token --scope read --default-scope read --delivery cookie --origin https://app.example.com',
        'mintd clients add worker --kind confidential --grant client_credentials --audience https://api.example.com',
        'mintd clients add signer --kind confidential --grant client_credentials --jwks-file signer.jwks.json --token-rate 600',
      ),
    )
    .action((id: string | undefined, options: AddOptions) => addClient(io, settings(), id, options));

  const set = clients
    .command('set')
    .description('change settings of a client; each that is given replaces the one it has, lists as a whole')
    .argument('<id>', 'the client_id');
  addSettingOptions(set)
    .addOption(unsetOption())
    .option('--yes', 'do not ask before its secret ends')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        'mintd clients set web --scope read --scope write --access-ttl 5m',
        'mintd clients set web --unset access-ttl --unset retry-window',
        'mintd clients set worker --jwks-file worker.jwks.json --yes',
      ),
    )
    .action((id: string, options: SetOptions) => setClient(io, settings(), id, options));

  clients
    .command('rotate-secret')
    .description('give a client a new secret, shown once; the present one stays good for a while')
    .argument('<id>', 'the client_id')
    .option('--overlap <duration>', 'how long both are good; 0 ends the present one at once', parseDuration, 86_400)
    .option('--yes', 'do not ask before a still older secret ends')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples('mintd clients rotate-secret worker', 'mintd clients rotate-secret worker --overlap 0 --yes'),
    )
    .action((id: string, options: RotateOptions) => rotate(io, settings(), id, options));
}

async function addClient(
  io: CliIo,
  settings: Settings,
  id: string | undefined,
  { kind, ...options }: AddOptions,
): Promise<void> {
  const described = { ...(await settingsOf(options)), id, kind };
  await withClients(settings, async (deps) => {
    const made = await makeClient(deps, described);
    if (made === 'taken') throw new CommandFailed(`the client id is taken: ${id}`);
    const { client, secret } = withoutFaults(made);
    settings.audit('client_added', { targetClientId: client.id, scopes: client.scopes });
    print(io, options, { ...clientJson(client), ...(secret !== null && { client_secret: secret }) }, () =>
      [
        `made the ${client.kind} client ${client.id}`,
        ...(secret === null ? [] : [`client_secret (shown once): ${secret}`]),
      ].join('\n'),
    );
    for (const text of clientHints(client, settings.server)) hint(io, options, text);
  });
}

async function setClient(io: CliIo, settings: Settings, id: string, options: SetOptions): Promise<void> {
  const changes = await settingsOf(options, options.unset);
  if (Object.values(changes).every((value) => value === undefined)) {
    throw new CommandFailed('say what to change: `mintd clients set --help` lists the options');
  }
  await withClients(settings, async (deps) => {
    const before = await findClient(deps.clients, id);
    const { secretHash, revision } = before;
    if (changes.jwks !== undefined && secretHash !== null) {
      await confirm(io, options, `End the secret of ${id} now, and let it sign with these keys instead?`);
    }
    const changed = withoutFaults(assertChanged(id, await changeClient(deps, id, changes, revision)));
    const { client, isChanged } = changed;
    if (isChanged)
      settings.audit('client_changed', { targetClientId: id, changed: namesOf(changes), scopes: changes.scopes });
    const said = isChanged ? `changed the client ${id}` : `nothing was changed: ${id} is so already`;
    print(io, options, clientJson(client), () => said);
    for (const text of clientHints(client, settings.server, before)) hint(io, options, text);
  });
}

async function rotate(io: CliIo, settings: Settings, id: string, options: RotateOptions): Promise<void> {
  await withClients(settings, async (deps) => {
    const before = await findClient(deps.clients, id);
    const older = goodPreviousSecret(before, deps.now);
    if (older !== null) {
      const until = toRfc3339(older.expiresAt);
      await confirm(io, options, `The secret of ${id} before the present one is good until ${until}. End it now?`);
    }
    const rotated = assertChanged(id, await rotateSecret(deps, id, options.overlap, before.revision));
    const { client, secret } = withoutFaults(rotated);
    settings.audit('client_secret_rotated', { targetClientId: id, overlapSeconds: options.overlap });
    const { previousSecret } = client;
    const end = previousSecret === null ? 'has ended' : `is good until ${toRfc3339(previousSecret.expiresAt)}`;
    print(io, options, { ...clientJson(client), client_secret: secret }, () =>
      [`the secret before this one ${end}`, `client_secret (shown once): ${secret}`].join('\n'),
    );
  });
}

function withClients<T>(settings: Settings, work: (deps: ClientDeps & { clients: ClientStore }) => Promise<T>) {
  return withDatabase(settings.databaseUrl, (database) =>
    work({
      clients: openClients(database),
      randomBytes: (size) => new Uint8Array(randomBytes(size)),
      now: Date.now(),
      accessTokenMaxTtlSeconds: settings.server.accessTokenMaxTtlSeconds,
    }),
  );
}

/** What is to be changed, as JSON calls it. */
function namesOf(changes: object): readonly string[] {
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  return given.map(([name]) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}

/** @throws CommandFailed when the client has gone or changed since it was looked at */
function assertChanged<T extends object>(id: string, result: T | NotChanged): T {
  if (typeof result === 'object') return result;
  throw new CommandFailed(
    result === 'unknown'
      ? `${id} was removed meanwhile`
      : `${id} was changed by somebody else meanwhile, and nothing was done: see \`mintd clients show ${id}\` and try again`,
  );
}

/** @throws CommandFailed with all of them */
function withoutFaults<T extends object>(result: T | Faults): T {
  if ('faults' in result) throw new CommandFailed((result as Faults).faults.join('; '));
  return result;
}
