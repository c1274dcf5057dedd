import type { Client } from '../oauth/client.js';
import { authenticateClient, presentedClient } from '../oauth/client-authentication.js';
import type { RequestParameters } from '../oauth/parameters.js';
import type { Result } from '../oauth/result.js';
import type { ClientStore } from '../store/clients.js';

/** Finds the client that is asking and makes sure it is who it says (RFC 6749 §2.3, §3.2.1). */
export async function authenticate(
  clients: ClientStore,
  authorization: string | undefined,
  parameters: RequestParameters,
): Promise<Result<Client>> {
  const presented = presentedClient(authorization, parameters);
  if (!presented.ok) return presented;
  return authenticateClient(presented.value, await clients.find(presented.value.clientId));
}
