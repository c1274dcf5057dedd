import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashSync } from 'bcrypt';
import { GRANT_TYPES, newClient } from '../src/oauth/client.js';
import { sha256 } from '../src/oauth/refresh-token.js';
import { type LoginName, parseLoginName } from '../src/oauth/username.js';
import { openClients } from '../src/store/clients.js';
import { type Database, openDatabase } from '../src/store/database.js';
import { migrate } from '../src/store/migrate.js';
import { openUsers } from '../src/store/users.js';

/** The password of everybody here. */
export const PASSWORD = 'correct horse battery';

/** bcrypt's cost for everybody but those who have another. */
export const COST = 10;

/** The secret of the client `service`. */
export const SECRET = 'of-nobody-but-the-measurements-of-mintd-itself';

/** An installation with the public client `bench` and the confidential client `service`. */
export type People = {
  readonly folder: string;
  readonly url: string;
  readonly database: Database;
  add(username: string, cost?: number): Promise<string>;
};

/** @param given the database; left out: SQLite, in the folder, which is a temporary one unless it is given */
export async function openPeople(given?: { readonly folder?: string; readonly url?: string }): Promise<People> {
  const folder = given?.folder ?? (await mkdtemp(join(tmpdir(), 'mintd-bench-')));
  const url = given?.url ?? `file:${join(folder, 'bench.db')}`;
  await migrate(url, true);
  const database = await openDatabase(url);
  const clients = openClients(database);
  await clients.add({ ...newClient('bench', 'public', Date.now()), grants: ['password', 'refresh_token'] });
  const service = newClient('service', 'confidential', Date.now());
  await clients.add({ ...service, secretHash: sha256(SECRET), grants: GRANT_TYPES });
  const users = openUsers(database);
  const hashes = new Map<number, string>();
  return {
    folder,
    url,
    database,
    async add(username, cost = COST) {
      const passwordHash = hashes.get(cost) ?? hashSync(PASSWORD, cost);
      hashes.set(cost, passwordHash);
      const id = crypto.randomUUID();
      const rest = { email: null, roles: [], passwordHash, createdAt: Date.now() };
      if (!(await users.add({ id, username: loginName(username), ...rest }))) throw new Error(`${username} is taken`);
      return id;
    },
  };
}

export function loginName(text: string): LoginName {
  const name = parseLoginName(text);
  if (name === null) throw new Error(`${text} is no login name`);
  return name;
}
