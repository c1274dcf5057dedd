import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashSync } from 'bcrypt';
import { newClient } from '../src/oauth/client.js';
import { type LoginName, parseLoginName } from '../src/oauth/username.js';
import { openClients } from '../src/store/clients.js';
import { type Database, openDatabase } from '../src/store/database.js';
import { migrate } from '../src/store/migrate.js';
import { openUsers } from '../src/store/users.js';

/** The password of everybody here. */
export const PASSWORD = 'correct horse battery';

/** bcrypt's cost for everybody but those who have another. */
export const COST = 10;

/** An installation on SQLite with the client `bench`. */
export type People = {
  readonly folder: string;
  readonly url: string;
  readonly database: Database;
  add(username: string, cost?: number): Promise<string>;
};

export async function openPeople(): Promise<People> {
  const folder = await mkdtemp(join(tmpdir(), 'mintd-bench-'));
  const url = `file:${join(folder, 'bench.db')}`;
  await migrate(url, true);
  const database = await openDatabase(url);
  const client = { ...newClient('bench', 'public', Date.now()), grants: ['password', 'refresh_token'] as const };
  await openClients(database).add(client);
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
