import type { Command } from 'commander';
import { clientJson } from '../accounts/client-json.js';
import { openClients } from '../store/clients.js';
import { showClient, showClients } from './client-view.js';
import { clientChangeCommands } from './clients-change.js';
import { withDatabase } from './database.js';
import { findClient } from './find-client.js';
import { type CliIo, CommandFailed, confirm, type OutputOptions, print } from './io.js';
import { examples, type Settings } from './settings.js';

type RemoveOptions = OutputOptions & { yes?: boolean };

/** `mintd clients …` */
export function clientsCommands(program: Command, io: CliIo, settings: () => Settings): void {
  const clients = program.command('clients').description('the applications that ask for tokens');
  clientChangeCommands(clients, io, settings);
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
  clients
    .command('show')
    .description('show all settings of a client')
    .argument('<id>', 'the client_id')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('mintd clients show web', 'mintd clients show web --json'))
    .action((id: string, options: OutputOptions) =>
      withDatabase(settings().databaseUrl, async (database) => {
        const client = await findClient(openClients(database), id);
        print(io, options, clientJson(client), () => showClient(client, Date.now()));
      }),
    );
  stateCommands(clients, io, settings);
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
    if (changed) settings.audit('client_changed', { targetClientId: id, changed: ['disabled'], disabled });
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
    settings.audit('client_removed', { targetClientId: id });
    print(io, options, clientJson(client), () => `removed the client ${id}; its logins have ended`);
  });
}
