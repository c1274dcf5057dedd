import { randomBytes } from 'node:crypto';
import tap from 'tap';
import type { AccountDeps } from '../src/accounts/own-password.js';
import type { AppDeps } from '../src/app.js';
import type { GrantDeps } from '../src/grants/deps.js';
import { openTokenRate } from '../src/grants/token-rate.js';
import { openMeter } from '../src/http/metrics/meter.js';
import type { KeyStatus } from '../src/keys/keeper.js';
import { loadPrivateKey } from '../src/keys/rsa.js';
import { signerOf } from '../src/keys/signer.js';
import { firstRing } from '../src/oauth/key-ring.js';
import { isCommonPassword } from '../src/passwords/common.js';
import { openHasher, type PasswordHasher } from '../src/passwords/hasher.js';
import { type ClientAssertionStore, openClientAssertions } from '../src/store/client-assertions.js';
import { type ClientStore, openClients } from '../src/store/clients.js';
import type { Database } from '../src/store/database.js';
import { openFamilies } from '../src/store/families.js';
import { openLoginFailures } from '../src/store/login-failures.js';
import { openSessions } from '../src/store/sessions.js';
import { openUsers } from '../src/store/users.js';
import { somePairs } from './key-pairs.js';

/** Where test clocks start: 2026-01-01T00:00:00Z. */
export const START = Date.UTC(2026, 0, 1);

export const ISSUER = 'http://localhost:4000';

/** Made once a process: a thread takes a second to load. */
let hasherOfProcess: PasswordHasher | undefined;

function sharedHasher(): PasswordHasher {
  if (hasherOfProcess === undefined) {
    const hasher = openHasher({ cost: 4, threads: 1, limits: { maxWaitMs: 60_000 } });
    tap.teardown(() => hasher.close());
    hasherOfProcess = hasher;
  }
  return hasherOfProcess;
}

/** What a test makes different from the usual. */
export type Overrides = Partial<GrantDeps> & {
  readonly accounts?: Partial<AccountDeps>;
  readonly apiDocs?: AppDeps['apiDocs'];
  readonly startPage?: AppDeps['startPage'];
  /** Of another database, for a second instance on it. */
  readonly shared?: { readonly clients?: ClientStore; readonly usedAssertions?: ClientAssertionStore };
};

/** All that an app is made of, but for what a test turns. */
export async function issuerDeps(
  database: Database,
  { accounts: others, apiDocs = null, startPage = null, shared = {}, ...overrides }: Overrides,
): Promise<Omit<AppDeps, 'readiness' | 'clock' | 'logger'>> {
  const signer = await testSigner();
  const sessions = openSessions(database);
  const accounts: AccountDeps = {
    users: openUsers(database),
    failures: openLoginFailures(database),
    sessions,
    hasher: sharedHasher(),
    limits: { failuresPerAccount: 10, failuresPerAddress: 100, windowSeconds: 900 },
    isCommonPassword,
    ...others,
  };
  const grants: GrantDeps = {
    login: accounts,
    families: openFamilies(database),
    signer,
    settings: SETTINGS,
    tokenRate: openTokenRate(),
    randomBytes: (size) => new Uint8Array(randomBytes(size)),
    ...overrides,
  };
  const { clients = openClients(database), usedAssertions = openClientAssertions(database) } = shared;
  const keyAdmin = { read: notHere, rotate: notHere, nextRotationAt: () => null };
  const switches = { isRegistrationOpen: true, trustedProxies: 0, maxConnections: 1_000, apiDocs, startPage };
  const meter = openMeter({ version: '0.0.0', isWholeProcess: false });
  return {
    clients,
    usedAssertions,
    grants,
    accounts,
    sessions,
    keyAdmin,
    keeper: signer,
    meter,
    tracing: null,
    ...switches,
  };
}

const SETTINGS = {
  issuer: ISSUER,
  defaultAudience: ISSUER,
  accessTokenTtlSeconds: 600,
  accessTokenMaxTtlSeconds: 3600,
  refreshIdleTtlSeconds: 14 * 86_400,
  refreshAbsoluteTtlSeconds: 90 * 86_400,
  clientTokensPerMinute: null,
  clockSkewSeconds: 60,
};

/** What a test brings itself when it needs it. */
function notHere(): Promise<never> {
  return Promise.reject(new Error('this issuer has no such part'));
}

/** Signs with the keys that all tests of a run share, by a ring that is never rotated. */
export async function testSigner() {
  const [{ key, privatePem }, standby] = await somePairs();
  const timing = {
    jwksMaxAgeSeconds: 300,
    verifierCacheSeconds: 600,
    accessTokenMaxTtlSeconds: 3600,
    clockSkewSeconds: 60,
  };
  const ring = firstRing(key, standby.key, timing, START - 1000);
  const privateKeys = new Map([[key.kid, await loadPrivateKey(privatePem, key.kid, key.jwk)]]);
  return { ...signerOf({ ring, privateKeys, undestroyed: [] }), status: statusOf };
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
