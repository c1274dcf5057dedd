import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import tap, { type Test } from 'tap';
import { buildApp } from '../src/app.js';
import type { GrantDeps } from '../src/grants/deps.js';
import type { KeyStatus } from '../src/keys/keeper.js';
import { loadPrivateKey } from '../src/keys/rsa.js';
import { signerOf } from '../src/keys/signer.js';
import { type Client, newClient } from '../src/oauth/client.js';
import { firstRing } from '../src/oauth/key-ring.js';
import { type LoginName, parseLoginName } from '../src/oauth/username.js';
import { openHasher, type PasswordHasher } from '../src/passwords/hasher.js';
import { type ClientStore, openClients } from '../src/store/clients.js';
import type { Database, Provider } from '../src/store/database.js';
import { type FamilyStore, openFamilies } from '../src/store/families.js';
import { openSessions, type SessionStore } from '../src/store/sessions.js';
import { openUsers, type UserStore } from '../src/store/users.js';
import { testDatabase } from './databases.js';
import { somePairs } from './key-pairs.js';

export { emptyDatabaseUrl, PROVIDERS, temporaryFolder, testDatabase } from './databases.js';

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

/** Where test clocks start: 2026-01-01T00:00:00Z. */
export const START = Date.UTC(2026, 0, 1);

export const ISSUER = 'http://localhost:4000';

export const PASSWORD = 'correct horse battery';

/** A whole issuer in this process on a database of its own, with a clock the test turns. */
export type TestIssuer = {
  readonly app: FastifyInstance;
  readonly users: UserStore;
  readonly clients: ClientStore;
  readonly families: FamilyStore;
  readonly sessions: SessionStore;
  readonly database: Database & { readonly url: string };
  readonly grants: GrantDeps;
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

/** Made once a process: a thread takes a second to load. */
let hasherOfProcess: PasswordHasher | undefined;

function sharedHasher(): PasswordHasher {
  if (hasherOfProcess === undefined) {
    const hasher = openHasher({ cost: 4, threads: 1 });
    tap.teardown(() => hasher.close());
    hasherOfProcess = hasher;
  }
  return hasherOfProcess;
}

/** Makes a whole issuer: real database, real keys, real bcrypt (cost 4, for speed), real HTTP through inject. */
export async function testIssuer(
  t: Test,
  provider: Provider = 'sqlite',
  overrides: Partial<GrantDeps> = {},
): Promise<TestIssuer> {
  const database = await testDatabase(t, provider);
  const clock = { now: START };
  const log: string[] = [];
  const logger = pino({ level: 'trace', base: null }, { write: (line: string) => log.push(line) });
  const hasher = sharedHasher();
  const [{ key, privatePem }, standby] = await somePairs();
  const timing = {
    jwksMaxAgeSeconds: 300,
    verifierCacheSeconds: 600,
    accessTokenMaxTtlSeconds: 3600,
    clockSkewSeconds: 60,
  };
  const ring = firstRing(key, standby.key, timing, START - 1000);
  const privateKeys = new Map([[key.kid, await loadPrivateKey(privatePem, key.kid, key.jwk)]]);
  const signer = { ...signerOf({ ring, privateKeys, undestroyed: [] }), status: statusOf };
  const users = openUsers(database);
  const clients = openClients(database);
  const families = openFamilies(database);
  const sessions = openSessions(database);
  const grants: GrantDeps = {
    users,
    families,
    hasher,
    signer,
    settings: {
      issuer: ISSUER,
      defaultAudience: ISSUER,
      accessTokenTtlSeconds: 600,
      accessTokenMaxTtlSeconds: 3600,
      refreshIdleTtlSeconds: 14 * 86_400,
      refreshAbsoluteTtlSeconds: 90 * 86_400,
    },
    randomBytes: (size) => new Uint8Array(randomBytes(size)),
    ...overrides,
  };
  const app = await buildApp({
    clients,
    grants,
    sessions,
    keeper: signer,
    readiness: async () => ({ database: true, schema: true, keys: true }),
    clock: () => clock.now,
    logger,
  });
  t.teardown(() => app.close());
  return {
    app,
    users,
    clients,
    families,
    sessions,
    database,
    grants,
    clock,
    log,
    post: (path, body, headers) => postForm(app, path, body, headers),
    addUser: (described) => addUser(users, hasher, described),
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
  hasher: PasswordHasher,
  { username = 'ada', email, roles = [], password = PASSWORD }: Parameters<TestIssuer['addUser']>[0] = {},
): Promise<string> {
  const id = crypto.randomUUID();
  const added = await users.add({
    id,
    username: loginName(username),
    email: email === undefined ? null : loginName(email),
    passwordHash: await hasher.hash(password),
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

/** How a ring is that was just read and will not be rotated. */
export function statusOf(): KeyStatus {
  return {
    kid: null,
    activeSince: null,
    nextRotationAt: null,
    seenSecondsAgo: 0,
    isFaulty: false,
    states: { published: 1, active: 1, retiring: 0, removed: 0, revoked: 0 },
  };
}
