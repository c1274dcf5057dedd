import type { Test } from 'tap';
import type { GrantDeps, TokenRequest } from '../../src/grants/deps.js';
import { grant } from '../../src/grants/index.js';
import type { Issued } from '../../src/grants/issue.js';
import { openTokenRate } from '../../src/grants/token-rate.js';
import { authenticate } from '../../src/http/client-auth.js';
import { formatRefreshToken, parseRefreshToken, sha256 } from '../../src/oauth/refresh-token.js';
import type { Result } from '../../src/oauth/result.js';
import { hashOnce } from '../../src/passwords/hash-once.js';
import { openHasher } from '../../src/passwords/hasher.js';
import { openClients } from '../../src/store/clients.js';
import type { Database, Provider } from '../../src/store/database.js';
import { openFamilies } from '../../src/store/families.js';
import { openLoginFailures } from '../../src/store/login-failures.js';
import { openSessions } from '../../src/store/sessions.js';
import { openUsers } from '../../src/store/users.js';
import type { TokenDeps } from '../../src/tokens/deps.js';
import { aClient, ISSUER, START, testDatabase } from '../helper.js';
import { testSigner } from '../issuer-deps.js';
import { type App, AUDIENCES, DEFAULT_AUDIENCES, DEFAULT_SCOPE, type Person, SCOPES } from './model.js';

/** The clients of every sequence: each window, and lifetimes that meet it from both sides. Null: the usual. */
export const CLIENTS = [
  { kind: 'confidential', windowSeconds: 0, usualWindow: false, idleSeconds: 100, absoluteSeconds: 250 },
  { kind: 'public', windowSeconds: 10, usualWindow: true, idleSeconds: 300, absoluteSeconds: 900 },
  { kind: 'confidential', windowSeconds: 60, usualWindow: true, idleSeconds: 3600, absoluteSeconds: 7200 },
  { kind: 'public', windowSeconds: 60, usualWindow: false, idleSeconds: 300, absoluteSeconds: 75 },
] as const;

/** The people of every sequence. */
export const PEOPLE = 3;

export const ACCESS_TTL_SECONDS = 120;

const CLIENT_SECRET = 'the-secret-of-every-confidential-client';

/** None of these clients signs. */
const NO_ASSERTIONS = {
  issuer: ISSUER,
  clockSkewSeconds: 60,
  isSignedByClient: async () => false,
  used: { use: async () => false },
};

const SETTINGS = {
  issuer: ISSUER,
  defaultAudience: ISSUER,
  accessTokenTtlSeconds: ACCESS_TTL_SECONDS,
  accessTokenMaxTtlSeconds: 3600,
  refreshIdleTtlSeconds: 1,
  refreshAbsoluteTtlSeconds: 1,
  clientTokensPerMinute: null,
  clockSkewSeconds: 60,
};

/** The real thing: the flows on the real store, with everything they need handed to them. */
export type Real = Awaited<ReturnType<typeof openReal>>;

/** Opens the real thing on a database of its own. Its randomness is a sequence, so that a run can be run again. */
export async function openReal(t: Test, provider: Provider, seed: number) {
  const database = await testDatabase(t, provider);
  const hasher = openHasher({ cost: 4, threads: 1, limits: { maxWaitMs: 60_000 } });
  t.teardown(() => hasher.close());
  const signer = await testSigner();
  let drawn = 0;
  const users = openUsers(database);
  const sessions = openSessions(database);
  const login: GrantDeps['login'] = {
    users,
    failures: openLoginFailures(database),
    sessions,
    hasher,
    // The model has no such limits; test/grants has tests of them.
    limits: { failuresPerAccount: 0, failuresPerAddress: 0, windowSeconds: 900 },
  };
  const grants: GrantDeps = {
    login,
    families: openFamilies(database),
    signer,
    settings: SETTINGS,
    tokenRate: openTokenRate(),
    randomBytes: (size) => sha256(`${seed} ${++drawn}`).slice(0, size),
  };
  const tokens: TokenDeps = { ...grants, users, clients: openClients(database), signer };
  const hashes = await Promise.all(Array.from({ length: 8 }, (_, i) => hashOnce(passwordOf(i + 1), 4)));
  const templates = await makeTemplates(database, tokens, hashes[0] ?? '');
  return { database, grants, tokens, sessions, hashes, templates };
}

/** One user and each client, made by the stores and read back as rows. */
async function makeTemplates({ prisma }: Database, { users, clients }: TokenDeps, passwordHash: string) {
  const name = { display: 'template', key: 'template' };
  const user = { id: crypto.randomUUID(), username: name, email: null, passwordHash, roles: ['staff'] };
  await users.add({ ...user, createdAt: START });
  for (const [index, client] of CLIENTS.entries()) {
    const described = aClient({
      id: `template-${index}`,
      kind: client.kind,
      secretHash: client.kind === 'public' ? null : sha256(CLIENT_SECRET),
      scopes: SCOPES,
      defaultScope: DEFAULT_SCOPE,
      audiences: AUDIENCES,
      defaultAudiences: DEFAULT_AUDIENCES,
      retryWindowSeconds: client.usualWindow ? null : client.windowSeconds,
      refreshIdleTtlSeconds: client.idleSeconds,
      refreshAbsoluteTtlSeconds: client.absoluteSeconds,
    });
    if (!(await clients.add(described))) throw new Error('the client was there');
  }
  return {
    user: await prisma.user.findFirstOrThrow(),
    clients: await prisma.client.findMany({ orderBy: { id: 'asc' } }),
  };
}

/** The password of a person who has changed it `n - 1` times. */
export function passwordOf(n: number): string {
  return `password number ${n % 8}`;
}

/** People and clients made at a time; each sequence has its own, so that no sequence can disturb another. */
const WORLDS_AT_ONCE = 50;

/** The people and clients of one sequence. */
export class World {
  readonly real: Real;
  private readonly name: string;
  private readonly userIds: readonly string[];

  constructor(real: Real, name: string, userIds: readonly string[]) {
    this.real = real;
    this.name = name;
    this.userIds = userIds;
  }

  userIdOf({ index }: Pick<Person, 'index'>): string {
    return this.userIds[index] ?? '';
  }

  clientIdOf({ index }: Pick<App, 'index'>): string {
    return clientIdIn(this.name, index);
  }

  usernameOf({ index }: Pick<Person, 'index'>): string {
    return usernameIn(this.name, index);
  }

  hashOf(passwordNumber: number): string {
    return this.real.hashes[(passwordNumber - 1) % this.real.hashes.length] ?? '';
  }

  /** A request to the token endpoint, from the client's authentication on. `meanwhile` happens in its middle. */
  async token(app: App, more: Parameters, now: number, meanwhile: () => Promise<void>): Promise<Result<Issued>> {
    const parameters = this.parametersOf(app, more);
    const client = await this.authenticate(parameters, now);
    if (!client.ok) return client;
    const { grants } = this.real;
    const { begin, rotate } = grants.families;
    const families: GrantDeps['families'] = {
      ...grants.families,
      begin: async (family) => meanwhile().then(() => begin(family)),
      rotate: async (rotation) => meanwhile().then(() => rotate(rotation)),
    };
    const request: TokenRequest = {
      client: client.value,
      parameters,
      device: { userAgent: null, address: null },
      sender: { address: null, network: 'unknown', abandoned: new AbortController().signal },
      now,
    };
    return grant({ ...grants, families }, request);
  }

  /** The client as it shows itself; the store says who it is. */
  async clientOf(app: App) {
    return this.authenticate(this.parametersOf(app, {}), START);
  }

  private authenticate(parameters: ReadonlyMap<string, readonly string[]>, now: number) {
    const { clients } = this.real.tokens;
    return authenticate({ clients, assertions: NO_ASSERTIONS }, undefined, parameters, now);
  }

  private parametersOf(app: App, more: Parameters): ReadonlyMap<string, readonly string[]> {
    const isPublic = CLIENTS[app.index]?.kind === 'public';
    const all: Parameters = {
      client_id: this.clientIdOf(app),
      client_secret: isPublic ? null : CLIENT_SECRET,
      ...more,
    };
    const pairs = Object.entries(all).map(([name, value]) => [name, [value ?? []].flat()] as const);
    return new Map(pairs.filter(([, values]) => values.length > 0));
  }
}

/** Worlds for as many sequences as come, made by the dozen as copies of what the stores made once. */
export async function* worldsOf(real: Real): AsyncGenerator<World, never> {
  const { database, templates } = real;
  for (let made = 0; ; made += WORLDS_AT_ONCE) {
    const names = Array.from({ length: WORLDS_AT_ONCE }, (_, i) => `s${made + i}`);
    const users = names.flatMap((name) =>
      Array.from({ length: PEOPLE }, (_, index) => {
        const username = usernameIn(name, index);
        return { ...templates.user, id: crypto.randomUUID(), username, usernameKey: username };
      }),
    );
    const clients = names.flatMap((name) =>
      templates.clients.map((client, index) => ({ ...client, id: clientIdIn(name, index) })),
    );
    await database.prisma.user.createMany({ data: users });
    await database.prisma.client.createMany({ data: clients });
    const ids = users.map(({ id }) => id);
    for (const [i, name] of names.entries()) yield new World(real, name, ids.slice(i * PEOPLE, (i + 1) * PEOPLE));
  }
}

function usernameIn(world: string, index: number): string {
  return `${world}-user-${index}`;
}

function clientIdIn(world: string, index: number): string {
  return `${world}-${index}`;
}

/** Parameters of a request; null where it has none of that name. */
export type Parameters = Readonly<Record<string, string | readonly string[] | null>>;

/** A token with the handle of another and a secret nobody issued, its checksum right. */
export function forge(token: string, n: number): string {
  const parsed = parseRefreshToken(token);
  if (parsed === null) throw new Error('not a refresh token');
  return formatRefreshToken({ handle: parsed.handle, secret: sha256(`forged ${n}`).subarray(0, 28) });
}

/** A token with one character changed. */
export function damage(token: string, n: number): string {
  const at = 4 + (n % (token.length - 4));
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
}

/** A well-formed token of no login at all. */
export function stranger(n: number): string {
  const bytes = sha256(`stranger ${n}`);
  return formatRefreshToken({ handle: bytes.subarray(0, 16), secret: bytes.subarray(0, 28) });
}
