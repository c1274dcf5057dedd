import { join } from 'node:path';
import { hashSync } from 'bcrypt';
import type { Test } from 'tap';
import type { Client } from '../../src/oauth/client.js';
import { openClients } from '../../src/store/clients.js';
import { type Database, openDatabase, type Provider } from '../../src/store/database.js';
import { migrate } from '../../src/store/migrate.js';
import { openUsers } from '../../src/store/users.js';
import { emptyCommandLine } from '../cli/harness.js';
import { aClient, claimsOf, temporaryFolder, testDatabase } from '../helper.js';
import { serve } from '../process/harness.js';
import { aUser } from '../store/support.js';
import { sendAgain, type WireReply, type WireRequest } from './wire.js';

/** The password of everybody here. */
export const PASSWORD = 'correct horse battery';

/** Cheap to check, so that many logins fit into a race; the servers hash with a cost of their own. */
const PASSWORD_HASH = hashSync(PASSWORD, 4);

/** A process of the real program that serves. */
export type Server = Awaited<ReturnType<typeof serve>>;

/** Several servers on one database and one folder of keys. */
export type Cluster = {
  readonly servers: readonly Server[];
  /** Where they listen. */
  readonly urls: readonly string[];
  readonly keysDir: string;
  /** The same database, on a connection of the test's own. */
  readonly database: Database & { readonly url: string };
  /** Starts one more, of another main.js if told so. */
  launch(more?: Record<string, string>, program?: string): Promise<Server>;
  /** Runs `mintd ARGS…` on the same database, or with these settings; it must succeed. */
  mintd(args: string, stdin?: string, environment?: Record<string, string>): Promise<string>;
  /** Makes a user with PASSWORD; returns the id. */
  addUser(username: string): Promise<string>;
  addClient(client: Client): Promise<void>;
};

export type ClusterOptions = {
  readonly provider: Provider;
  readonly servers: number;
  readonly clients: readonly Client[];
  readonly env?: Record<string, string>;
  /** An empty PostgreSQL database to use, in place of a new one. */
  readonly databaseUrl?: string;
};

/** Starts servers on a database with these clients and without users. */
export async function startCluster(t: Test, options: ClusterOptions): Promise<Cluster> {
  const database = await (options.databaseUrl === undefined
    ? testDatabase(t, options.provider)
    : databaseAt(t, options.databaseUrl));
  const folder = temporaryFolder(t);
  const keysDir = join(folder, 'keys');
  const paths = { DATABASE_URL: database.url, KEYS_DIR: keysDir };
  // Its logins come from one address, and many of them are meant to fail.
  const limits = { LOGIN_ACCOUNT_LIMIT: 'off', LOGIN_ADDRESS_LIMIT: 'off' };
  const production = { NODE_ENV: 'production', ISSUER: 'http://localhost', ...limits, ...options.env };
  const commands = emptyCommandLine(t);

  const launch = (more = {}, program?: string) => serve(t, folder, { ...paths, ...production, ...more }, program);
  const mintd = async (args: string, stdin = '', environment: Record<string, string> = paths) => {
    const { code, out, err } = await commands.mintd(args, { stdin, environment });
    if (code !== 0) throw new Error(`mintd ${args}: exit ${code}: ${err}`);
    return out;
  };
  const addUser = async (username: string) => {
    const user = aUser({ username: { display: username, key: username }, passwordHash: PASSWORD_HASH });
    if (!(await openUsers(database).add(user))) throw new Error(`${username} is taken`);
    return user.id;
  };
  const addClient = async (client: Client) => {
    if (!(await openClients(database).add(client))) throw new Error(`${client.id} is taken`);
  };
  for (const client of options.clients) await addClient(client);
  const servers = await Promise.all(Array.from({ length: options.servers }, () => launch()));
  return { servers, urls: servers.map(({ url }) => url), keysDir, database, launch, mintd, addUser, addClient };
}

async function databaseAt(t: Test, url: string): Promise<Cluster['database']> {
  await migrate(url, true);
  const database = await openDatabase(url);
  t.teardown(() => database.close());
  return { ...database, url };
}

/** A client whose lost answers may be retried for an hour, so that no slow machine makes a test fail. */
export function patientClient(overrides: Partial<Client> = {}): Client {
  return aClient({ retryWindowSeconds: 3600, ...overrides });
}

/** A client that may retry nothing. */
export function strictClient(overrides: Partial<Client> = {}): Client {
  return aClient({ id: 'strict', retryWindowSeconds: 0, ...overrides });
}

/** A login, and every refresh token that was answered for it, in order: what an honest client has written down. */
export type Chain = {
  readonly clientId: string;
  readonly sid: string;
  /** The access token of the login. */
  readonly accessToken: string;
  readonly answered: string[];
};

/** What a client sends to log in. */
export function loginRequest(username: string, clientId = 'app', more: Record<string, string> = {}): WireRequest {
  const form = { grant_type: 'password', client_id: clientId, username, password: PASSWORD, ...more };
  return { path: '/token', form };
}

/** Reads the answer to a login; throws when there was none. */
export function chainFrom(reply: WireReply, clientId = 'app'): Chain {
  const token = tokenIn(reply);
  const accessToken = String(reply.body['access_token']);
  return { clientId, sid: String(claimsOf(accessToken)['sid']), accessToken, answered: [token] };
}

/** Logs in; throws when that does not work. */
export async function logIn(url: string, username: string, clientId = 'app', more = {}): Promise<Chain> {
  return chainFrom(await sendAgain(url, loginRequest(username, clientId, more)), clientId);
}

/** What presents a refresh token. */
export function refreshRequest(token: string, clientId = 'app', more: Record<string, string> = {}): WireRequest {
  return { path: '/token', form: { grant_type: 'refresh_token', client_id: clientId, refresh_token: token, ...more } };
}

/** The refresh token of an answer; throws when it is none. */
export function tokenIn({ status, body }: WireReply): string {
  if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`);
  return String(body['refresh_token']);
}

/** The nth newest token of a chain; 0 is the last that was answered. */
export function nth({ answered }: Chain, n = 0): string {
  const token = answered.at(-1 - n);
  if (token === undefined) throw new Error('the chain is too short');
  return token;
}

/** Refreshes the newest token of a chain and writes down its successor; throws when that does not work. */
export async function refresh(url: string, chain: Chain): Promise<void> {
  chain.answered.push(tokenIn(await sendAgain(url, refreshRequest(nth(chain), chain.clientId))));
}

/** How often the family of a chain was rotated, as its row has it. */
export async function generationOf({ database }: Pick<Cluster, 'database'>, { sid }: Chain): Promise<number> {
  return (await database.prisma.family.findUniqueOrThrow({ where: { id: sid } })).generation;
}

/** What servers wrote that tells of a fault in the program, or of trouble with the database. */
export function troubleOf(servers: readonly Pick<Server, 'lines' | 'stderr'>[]): readonly string[] {
  return servers.flatMap(({ lines, stderr }) => [
    ...lines.filter((line) => /"event":"(failure|crash|database_unavailable|removal_failed)"/.test(line)),
    ...stderr().split('\n').filter(Boolean),
  ]);
}

/** Lets whoever works tell that something happened, and others wait until enough has. */
export class Progress {
  readonly #waiting = new Set<() => void>();
  #failure: { readonly reason: unknown } | null = null;

  /** Something happened: everybody who waits looks again. */
  tick(): void {
    for (const look of this.#waiting) look();
  }

  /** Watches over work that goes on meanwhile: when it fails, everybody who waits fails with it, instead of for ever. */
  watch<T>(work: Promise<T>): Promise<T> {
    work.catch((reason: unknown) => {
      this.#failure ??= { reason };
      this.tick();
    });
    return work;
  }

  /** Resolves when the condition holds, looked at now and at each tick. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (this.#failure !== null) reject(this.#failure.reason);
        else if (!condition()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }
}
