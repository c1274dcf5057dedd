import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { buildApp } from './app.js';
import type { Config } from './config.js';
import { type DemoAccess, makeDemoAccounts } from './demo-accounts.js';
import { openTokenRate } from './grants/token-rate.js';
import type { Readiness } from './http/health.js';
import type { Keeper } from './keys/keeper.js';
import type { TokenSettings } from './oauth/client.js';
import type { EventName } from './oauth/events.js';
import type { LoginLimits } from './oauth/login-limits.js';
import { connectionsWithin, openFileLimit } from './open-files.js';
import { isCommonPassword } from './passwords/common.js';
import { hashOnce } from './passwords/hash-once.js';
import { openHasher } from './passwords/hasher.js';
import { type RemovalLog, startRemoval } from './removal.js';
import { openRing } from './ring.js';
import { openClientAssertions } from './store/client-assertions.js';
import { openClients } from './store/clients.js';
import { type Database, openDatabase, prepareFolder, providerOf, sqliteFile } from './store/database.js';
import { openFamilies } from './store/families.js';
import { lockSqlite } from './store/lock.js';
import { openLoginFailures } from './store/login-failures.js';
import { migrate, schemaFault, schemaStatus } from './store/migrate.js';
import { DatabaseUnavailable } from './store/outage.js';
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
  /** Stops accepting, finishes what runs, closes everything. */
  close(): Promise<void>;
};

/**
 * Puts all parts together and listens: database, key ring, password pool, HTTP. Time and randomness come in here.
 *
 * @throws Error with one clear line when something is not fit to start; whatever was opened is closed again
 */
export async function startServer(config: Config, logger: Logger): Promise<RunningServer> {
  const opened: (() => Promise<unknown> | unknown)[] = [];
  const close = async () => {
    for (const closeOne of opened.splice(0).reverse()) await closeOne();
  };
  try {
    return await open(config, logger, opened, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function open(
  config: Config,
  logger: Logger,
  opened: (() => Promise<unknown> | unknown)[],
  close: () => Promise<void>,
): Promise<RunningServer> {
  const clock = Date.now;
  const random = (size: number) => new Uint8Array(randomBytes(size));
  const database = await openMigrated(config, logger, opened);
  const { keeper, keyAdmin } = await openRing(config, logger, database);
  opened.push(() => keeper.close());
  const threads = config.PASSWORD_THREADS;
  const hasher = openHasher({ cost: config.BCRYPT_COST, ...(threads > 0 && { threads }) });
  opened.push(() => hasher.close());

  const users = openUsers(database);
  const clients = openClients(database);
  const sessions = openSessions(database);
  const failures = openLoginFailures(database);
  const accounts = { users, failures, sessions, hasher, limits: loginLimits(config), isCommonPassword };
  const usedAssertions = openClientAssertions(database);
  const app = await buildApp({
    clients,
    usedAssertions,
    grants: {
      login: accounts,
      families: openFamilies(database),
      signer: keeper,
      settings: tokenSettings(config),
      tokenRate: openTokenRate(),
      randomBytes: random,
    },
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
    apiDocs: config.API_DOCS === 'on' ? { version: readVersion() } : null,
  });
  const removals = [
    startRemoval(sessions, removalLog(logger), clock),
    startRemoval(usedAssertions, quietLog(logger, 'client_assertions_removed'), clock),
    startRemoval(failures, quietLog(logger, 'login_failures_removed'), clock),
  ];
  opened.push(() => Promise.all(removals.map((removal) => removal.stop())));
  opened.push(() => closeWithin(app, STOP_WITHIN_MS));
  await listen(app, config);
  // After listening: a start that fails has not used up the password that is shown once.
  const hash = (password: string) => hashOnce(password, config.BCRYPT_COST);
  const demo = config.isDevelopment
    ? await makeDemoAccounts({ users, clients, hash, randomBytes: random, now: clock() })
    : null;
  const { address, port, family } = app.server.address() as AddressInfo;
  return { address: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`, demo, close };
}

/** What MAX_CONNECTIONS says, or as many as leave files to open for everything else. */
function connectionLimit({ MAX_CONNECTIONS: wanted }: Config, logger: Logger): number {
  const connections = Math.min(wanted, connectionsWithin(openFileLimit()));
  if (connections < wanted) {
    const message = 'the limit of open files (ulimit -n) allows for fewer connections than MAX_CONNECTIONS';
    logger.warn({ event: 'connections_limited', connections }, message);
  }
  return connections;
}

function removalLog(logger: Logger): RemovalLog {
  return {
    removed: (families) => {
      if (families > 0) logger.info({ event: 'families_removed', families }, 'removed families that are over');
    },
    failed: (err) => logger.warn({ event: 'removal_failed', err }, 'could not remove what is over; later again'),
  };
}

/** Of these there is something to forget every minute, so only who looks closely hears of it. */
function quietLog(logger: Logger, event: EventName): RemovalLog {
  return {
    ...removalLog(logger),
    removed: (rows) => {
      if (rows > 0) logger.debug({ event, rows }, event);
    },
  };
}

/** Lets what runs finish, and cuts what takes too long, so that the rest can be closed in order. */
async function closeWithin(app: FastifyInstance, ms: number): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), ms);
  await app.close();
  clearTimeout(timer);
}

async function listen(app: FastifyInstance, { HOST: host, PORT: port }: Config): Promise<void> {
  try {
    await app.listen({ host, port, listenTextResolver: (address) => `mintd listens on ${address}` });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EADDRINUSE') fail(`something else listens on ${host}:${port} already: set PORT to another`);
    throw error;
  }
}

/** Brings the database up to date and opens it, as the only server on it where that is SQLite. */
async function openMigrated(
  config: Config,
  logger: Logger,
  opened: (() => Promise<unknown> | unknown)[],
): Promise<Database> {
  const url = config.DATABASE_URL;
  await prepareFolder(url, config.isDevelopment);
  if (providerOf(url) === 'sqlite') {
    const release = lockSqlite(url, 'server') ?? fail(`another mintd server is using ${sqliteFile(url)}`);
    opened.push(release);
  }
  const { before, applied } = await migrate(url, config.AUTO_MIGRATE === 'on');
  if (applied.length > 0) logger.info({ event: 'migrated', applied }, 'migrations applied');
  const fault = applied.length > 0 ? null : schemaFault(before);
  if (fault !== null) fail(fault);
  const database = await openDatabase(url);
  opened.push(() => database.close());
  return database;
}

async function readiness(database: Database, keeper: Keeper): Promise<Readiness> {
  const keys = keeper.isReady(Date.now());
  try {
    const { status } = await schemaStatus(database);
    return { database: true, schema: status === 'current', keys };
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
