import { type Client, newClient } from './oauth/client.js';
import { DEMO } from './oauth/first-steps.js';
import { uuidFrom } from './oauth/uuid.js';
import type { ClientStore } from './store/clients.js';
import type { UserStore } from './store/users.js';

/** What a first try needs. The password is shown once and kept nowhere. */
export type DemoAccess = { readonly clientId: string; readonly username: string; readonly password: string };

export type DemoDeps = {
  readonly users: UserStore;
  readonly clients: ClientStore;
  readonly hash: (password: string) => Promise<string>;
  readonly randomBytes: (size: number) => Uint8Array;
  readonly now: number;
};

/** Whether there is a demo client, or there will be one: asked before it is made. */
export async function mayHaveDemo({ users, clients }: Pick<DemoDeps, 'users' | 'clients'>): Promise<boolean> {
  if ((await clients.find(DEMO)) !== null) return true;
  return (await users.isEmpty()) && (await clients.isEmpty());
}

/**
 * Makes a public client and a user to try mintd with. Only for an empty database in development (src/serve.ts).
 *
 * @returns null when there is a user or a client already
 */
export async function makeDemoAccounts(deps: DemoDeps): Promise<DemoAccess | null> {
  const { users, clients, hash, randomBytes, now } = deps;
  if (!(await users.isEmpty())) return null;
  // A start that was killed may have made the client and no user.
  if (!(await clients.isEmpty()) && (await clients.find(DEMO)) === null) return null;
  const password = Buffer.from(randomBytes(16)).toString('base64url');
  const client: Client = {
    ...newClient(DEMO, 'public', now),
    name: 'Made at the first start, for trying mintd',
    grants: ['password', 'refresh_token'],
    scopes: ['api'],
    defaultScope: ['api'],
  };
  const passwordHash = await hash(password);
  await clients.add(client);
  const isOurs = await users.add({
    id: uuidFrom(randomBytes(16)),
    username: { display: DEMO, key: DEMO },
    email: null,
    passwordHash,
    roles: [],
    createdAt: now,
  });
  // Of several servers that start at once, only the one that made the user knows the password.
  return isOurs ? { clientId: DEMO, username: DEMO, password } : null;
}
