import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import type { Test } from 'tap';
import type { AccountDeps } from '../src/accounts/own-password.js';
import { type AppDeps, buildApp } from '../src/app.js';
import type { GrantDeps } from '../src/grants/deps.js';
import { type Client, newClient } from '../src/oauth/client.js';
import { type LoginName, parseLoginName } from '../src/oauth/username.js';
import { hashOnce } from '../src/passwords/hash-once.js';
import { type ClientAssertionStore, openClientAssertions } from '../src/store/client-assertions.js';
import type { ClientStore } from '../src/store/clients.js';
import type { Database, Patience, Provider } from '../src/store/database.js';
import type { FamilyStore } from '../src/store/families.js';
import type { SessionStore } from '../src/store/sessions.js';
import type { UserStore } from '../src/store/users.js';
import { testDatabase } from './databases.js';
import { issuerDeps, type Overrides, START } from './issuer-deps.js';

export { emptyDatabaseUrl, PROVIDERS, temporaryFolder, testDatabase } from './databases.js';
export { ISSUER, type Overrides, START, statusOf } from './issuer-deps.js';

/** A client that may do nothing special; a test says what matters to it. */
export function aClient(overrides: Partial<Client> = {}): Client {
  return {
    ...newClient('app', 'public', START),
    name: 'App',
    grants: ['password', 'refresh_token'],
    scopes: ['read', 'write'],
    defaultScope: ['read'],
    ...overrides,
  };
}

export const PASSWORD = 'correct horse battery';

/** A whole issuer in this process on a database of its own, with a clock the test turns. */
export type TestIssuer = {
  readonly app: FastifyInstance;
  /** What the app was made of. */
  readonly deps: AppDeps;
  readonly users: UserStore;
  readonly clients: ClientStore;
  readonly usedAssertions: ClientAssertionStore;
  readonly families: FamilyStore;
  readonly sessions: SessionStore;
  readonly database: Database & { readonly url: string };
  readonly grants: GrantDeps;
  readonly accounts: AccountDeps;
  /** The time, in epoch milliseconds; tests move it. */
  readonly clock: { now: number };
  /** Every log line so far, as text. */
  readonly log: string[];
  /** POST to an endpoint as a form. Repeated parameters: pass pairs. */
  post(
    path: string,
    body: Record<string, string> | readonly [string, string][],
    headers?: Record<string, string>,
  ): Promise<Reply>;
  addUser(overrides?: { username?: string; email?: string; roles?: string[]; password?: string }): Promise<string>;
};

export type Reply = {
  readonly status: number;
  readonly headers: Record<string, string | string[] | number | undefined>;
  readonly body: Record<string, unknown>;
};

/**
 * Makes a whole issuer: real database, real keys, real bcrypt (cost 4, for speed), real HTTP through inject. Unless told
 * otherwise it has more patience with PostgreSQL than a server, so that no slow machine makes a test fail.
 */
export async function testIssuer(
  t: Test,
  provider: Provider = 'sqlite',
  { patience, ...overrides }: Overrides & { readonly patience?: Patience | undefined } = {},
): Promise<TestIssuer> {
  const database = await testDatabase(t, provider, patience);
  const clock = { now: START };
  const log: string[] = [];
  const logger = pino({ level: 'trace', base: null }, { write: (line: string) => log.push(line) });
  const deps: AppDeps = {
    ...(await issuerDeps(database, overrides)),
    readiness: async () => ({ database: true, schema: true, keys: true }),
    clock: () => clock.now,
    logger,
  };
  const { accounts, clients, grants, sessions } = deps;
  const { usedAssertions = openClientAssertions(database) } = overrides.shared ?? {};
  const app = await buildApp(deps);
  t.teardown(() => app.close());
  return {
    app,
    deps,
    users: accounts.users,
    clients,
    usedAssertions,
    families: grants.families,
    sessions,
    database,
    grants,
    accounts,
    clock,
    log,
    post: (path, body, headers) => postForm(app, path, body, headers),
    addUser: (described) => addUser(accounts.users, described),
  };
}

function loginName(text: string): LoginName {
  const name = parseLoginName(text);
  if (name === null) throw new Error(`${text} is no login name`);
  return name;
}

async function postForm(
  app: FastifyInstance,
  path: string,
  body: Record<string, string> | readonly [string, string][],
  headers: Record<string, string> = {},
): Promise<Reply> {
  const pairs = Array.isArray(body) ? body : Object.entries(body);
  const reply = await app.inject({
    method: 'POST',
    url: path,
    payload: new URLSearchParams(pairs).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  });
  return { status: reply.statusCode, headers: reply.headers, body: reply.json() };
}

/** A user whose password is PASSWORD unless told otherwise; returns the id. */
async function addUser(
  users: UserStore,
  { username = 'ada', email, roles = [], password = PASSWORD }: Parameters<TestIssuer['addUser']>[0] = {},
): Promise<string> {
  const id = crypto.randomUUID();
  const added = await users.add({
    id,
    username: loginName(username),
    email: email === undefined ? null : loginName(email),
    passwordHash: await hashOnce(password, 4),
    roles,
    createdAt: START,
  });
  if (!added) throw new Error(`${username} is taken`);
  return id;
}

/** `Authorization: Basic` as RFC 6749 §2.3.1 wants it. */
export function basic(id: string, secret: string): string {
  const encode = (text: string) => encodeURIComponent(text).replaceAll('%20', '+');
  return `Basic ${Buffer.from(`${encode(id)}:${encode(secret)}`).toString('base64')}`;
}

/** The claims of a JWT, unverified. */
export function claimsOf(token: unknown): Record<string, unknown> {
  return JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString());
}
