import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { type AppDeps, buildApp } from './app.js';
import { startBackground } from './background.js';
import type { Config } from './config.js';
import { type DemoAccess, type DemoDeps, makeDemoAccounts, mayHaveDemo } from './demo-accounts.js';
import type { GrantDeps } from './grants/deps.js';
import { openTokenRate } from './grants/token-rate.js';
import type { Readiness } from './http/health.js';
import { record } from './http/record.js';
import type { Keeper } from './keys/keeper.js';
import { listen } from './listen.js';
import type { TokenSettings } from './oauth/client.js';
import type { LoginLimits } from './oauth/login-limits.js';
import { openObservers } from './observers.js';
import { connectionsWithin, openFileLimit } from './open-files.js';
import { importOptional } from './optional-package.js';
import { isCommonPassword } from './passwords/common.js';
import { hashOnce } from './passwords/hash-once.js';
import { openHasher } from './passwords/hasher.js';
import type { PasswordObserver } from './passwords/observer.js';
import { openRandom } from './random.js';
import { openRing } from './ring.js';
import { openClientAssertions } from './store/client-assertions.js';
import { openClients } from './store/clients.js';
import { type Database, openDatabase, prepareFolder, providerOf, sqliteFile } from './store/database.js';
import { openFamilies } from './store/families.js';
import { lockSqlite } from './store/lock.js';
import { openLoginFailures } from './store/login-failures.js';
import { hasKnownMigrations, migrate, schemaFault } from './store/migrate.js';
import type { StatementObserver } from './store/observer.js';
import { DatabaseUnavailable } from './store/outage.js';
import { rememberClients } from './store/remembered-clients.js';
import { openSessions } from './store/sessions.js';
import { openUsers } from './store/users.js';
import { readVersion } from './version.js';

/** What still runs when the server is told to stop has this long. */
const STOP_WITHIN_MS = 10_000;

/** A server that listens. */
export type RunningServer = {
  /** Where it really listens, for example `http://127.0.0.1:4000`. */
  readonly address: string;
  /** Only on the first start in development. */
  readonly demo: DemoAccess | null;
  /** Says more or less from now on; requests that run say what they said. */
  setLogLevel(level: Config['LOG_LEVEL']): void;
  /** Stops accepting, finishes what runs, closes everything. */
  close(): Promise<void>;
};

/**
 * Puts all parts together and listens: database, key ring, password pool, HTTP. Time and randomness come in here.
 *
 * @param command how mintd's commands are typed, for the page at `/`
 * @throws Error with one clear line when something is not fit to start; whatever was opened is closed again
 */
export async function startServer(config: Config, logger: Logger, command = 'mintd'): Promise<RunningServer> {
  const opened: (() => Promise<unknown> | unknown)[] = [];
  const close = async () => {
    for (const closeOne of opened.splice(0).reverse()) await closeOne();
  };
  try {
    return await open(config, logger, command, opened, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function open(
  config: Config,
  logger: Logger,
  command: string,
  opened: (() => Promise<unknown> | unknown)[],
  close: () => Promise<void>,
): Promise<RunningServer> {
  const clock = Date.now;
  const random = openRandom();
  const version = readVersion();
  const { meter, tracing, statement, password } = await openObservers(config, logger, version);
  opened.push(() => tracing?.close());
  const database = await openMigrated(config, logger, statement, opened);
  const { keeper, keyAdmin } = await openRing(config, logger, database);
  opened.push(() => keeper.close());
  const hasher = openPasswords(config, password);
  opened.push(() => hasher.close());

  const users = openUsers(database);
  const clients = rememberClients(openClients(database), () => performance.now());
  const sessions = openSessions(database);
  const failures = openLoginFailures(database);
  const accounts = { users, failures, sessions, hasher, limits: loginLimits(config), isCommonPassword };
  const usedAssertions = openClientAssertions(database);
  const app = await buildApp({
    clients,
    usedAssertions,
    grants: { login: accounts, signer: keeper, randomBytes: random, ...openGrants(config, database) },
    accounts,
    isRegistrationOpen: config.REGISTRATION === 'open',
    trustedProxies: config.TRUST_PROXY,
    maxConnections: connectionLimit(config, logger),
    sessions,
    keyAdmin,
    keeper,
    readiness: () => readiness(database, keeper),
    clock,
    logger,
    meter,
    tracing,
    apiDocs: config.API_DOCS === 'on' ? await apiDocs(config, logger, version, { users, clients }) : null,
    startPage: config.isDevelopment ? { version, command } : null,
  });
  const background = startBackground({ database, sessions, usedAssertions, failures, logger, meter, clock });
  opened.push(() => background.stop());
  opened.push(() => closeWithin(app, STOP_WITHIN_MS));
  await listen(app, config);
  // After listening: a start that fails has not used up the password that is shown once.
  const hash = (password: string) => hashOnce(password, config.BCRYPT_COST);
  const demoDeps = { users, clients, hash, randomBytes: random, now: clock() };
  return {
    address: addressOf(app),
    demo: config.isDevelopment ? await makeDemoAccounts(demoDeps) : null,
    // The interface has a logger of its own, made of ours.
    setLogLevel(level) {
      for (const one of [logger, app.log]) one.level = level;
    },
    close,
  };
}

function openPasswords({ BCRYPT_COST: cost, PASSWORD_THREADS: threads }: Config, observe: PasswordObserver) {
  return openHasher({ cost, ...(threads > 0 && { threads }), observe });
}

function openGrants(config: Config, database: Database): Pick<GrantDeps, 'families' | 'settings' | 'tokenRate'> {
  return { families: openFamilies(database), settings: tokenSettings(config), tokenRate: openTokenRate() };
}

/** Where it really listens. */
function addressOf({ server }: FastifyInstance): string {
  const { address, port, family } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

/** What /docs needs. Swagger UI is an optional package, and is loaded only here. */
async function apiDocs(
  config: Config,
  logger: Logger,
  version: string,
  stores: Pick<DemoDeps, 'users' | 'clients'>,
): Promise<AppDeps['apiDocs']> {
  const swaggerUi = await importOptional(['@fastify/swagger-ui'], () => import('@fastify/swagger-ui'));
  if (swaggerUi.missing !== undefined) record(logger, { event: 'package_missing', packages: swaggerUi.missing.names });
  return { version, swaggerUi, hasDemo: config.isDevelopment && (await mayHaveDemo(stores)) };
}

/** What MAX_CONNECTIONS says, or as many as leave files to open for everything else. */
function connectionLimit({ MAX_CONNECTIONS: wanted }: Config, logger: Logger): number {
  const connections = Math.min(wanted, connectionsWithin(openFileLimit()));
  if (connections < wanted) record(logger, { event: 'connections_limited', connections });
  return connections;
}

/** Lets what runs finish, and cuts what takes too long, so that the rest can be closed in order. */
async function closeWithin(app: FastifyInstance, ms: number): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), ms);
  await app.close();
  clearTimeout(timer);
}

/** Brings the database up to date and opens it, as the only server on it where that is SQLite. */
async function openMigrated(
  config: Config,
  logger: Logger,
  observe: StatementObserver,
  opened: (() => Promise<unknown> | unknown)[],
): Promise<Database> {
  const url = config.DATABASE_URL;
  await prepareFolder(url, config.isDevelopment);
  if (providerOf(url) === 'sqlite') {
    const release = lockSqlite(url, 'server') ?? fail(`another mintd server is using ${sqliteFile(url)}`);
    opened.push(release);
  }
  const { before, applied } = await migrate(url, config.AUTO_MIGRATE === 'on');
  if (applied.length > 0) record(logger, { event: 'migrated', applied });
  const fault = applied.length > 0 ? null : schemaFault(before);
  if (fault !== null) fail(fault);
  const database = await openDatabase(url, false, undefined, observe);
  opened.push(() => database.close());
  return database;
}

async function readiness(database: Database, keeper: Keeper): Promise<Readiness> {
  const keys = keeper.isReady(Date.now());
  try {
    return { database: true, schema: await hasKnownMigrations(database), keys };
  } catch (error) {
    if (error instanceof DatabaseUnavailable) return { database: false, schema: false, keys };
    throw error;
  }
}

function tokenSettings(config: Config): TokenSettings {
  return {
    issuer: config.ISSUER,
    defaultAudience: config.DEFAULT_AUDIENCE,
    accessTokenTtlSeconds: config.ACCESS_TOKEN_TTL,
    accessTokenMaxTtlSeconds: config.ACCESS_TOKEN_MAX_TTL,
    refreshIdleTtlSeconds: config.REFRESH_IDLE_TTL,
    refreshAbsoluteTtlSeconds: config.REFRESH_ABSOLUTE_TTL,
    clientTokensPerMinute: config.CLIENT_TOKEN_RATE,
    clockSkewSeconds: config.CLOCK_SKEW,
  };
}

function loginLimits(config: Config): LoginLimits {
  return {
    failuresPerAccount: config.LOGIN_ACCOUNT_LIMIT,
    failuresPerAddress: config.LOGIN_ADDRESS_LIMIT,
    windowSeconds: config.LOGIN_LIMIT_WINDOW,
  };
}

function fail(message: string): never {
  throw new Error(message);
}
