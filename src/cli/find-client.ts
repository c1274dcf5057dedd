import type { Client } from '../oauth/client.js';
import type { ClientStore } from '../store/clients.js';
import { CommandFailed } from './io.js';

/** @throws CommandFailed when there is none */
export async function findClient(clients: ClientStore, id: string): Promise<Client> {
  const client = await clients.find(id);
  if (client === null) throw new CommandFailed(`there is no client ${JSON.stringify(id)}`);
  return client;
}
