import { isOrigin } from './origin.js';
import type { TokenList } from './scope.js';
import { parseScope } from './scope.js';
import { type EpochMs, formatDuration, MAX_DURATION_SECONDS } from './time.js';
import { parseLoginName } from './username.js';
import { isUuid } from './uuid.js';

/** The grants of RFC 6749 that mintd has; each client lists those it may use. */
export const GRANT_TYPES = ['password', 'refresh_token', 'client_credentials'] as const;
export type GrantType = (typeof GRANT_TYPES)[number];

/** RFC 6749 §2.1: one that can keep a secret, and one that cannot. */
export const CLIENT_KINDS = ['public', 'confidential'] as const;
export type ClientKind = (typeof CLIENT_KINDS)[number];

/** How the refresh token travels: in the body, or for browsers in a cookie no script can read. */
export const DELIVERIES = ['body', 'cookie'] as const;
export type Delivery = (typeof DELIVERIES)[number];

/** A JWK Set (RFC 7517 §5). */
export type JwkSet = { readonly keys: readonly Readonly<Record<string, unknown>>[] };

/** A client (RFC 6749 §1.1). A null lifetime or window means: as the server's settings have it. */
export type Client = {
  readonly id: string;
  readonly name: string;
  readonly kind: ClientKind;
  /** SHA-256 of the client secret; null for a public client, and for one that signs (`jwks`). */
  readonly secretHash: Uint8Array | null;
  /** The secret before it, while that is still good. */
  readonly previousSecret: { readonly hash: Uint8Array; readonly expiresAt: EpochMs } | null;
  /** Public keys (RFC 7517 §5) of a client that authenticates with private_key_jwt; null for every other. */
  readonly jwks: JwkSet | null;
  readonly grants: readonly GrantType[];
  readonly scopes: TokenList;
  readonly defaultScope: TokenList;
  readonly audiences: TokenList;
  readonly defaultAudiences: TokenList;
  readonly accessTokenTtlSeconds: number | null;
  readonly refreshIdleTtlSeconds: number | null;
  readonly refreshAbsoluteTtlSeconds: number | null;
  readonly retryWindowSeconds: number | null;
  readonly delivery: Delivery;
  /** Of the pages that may use it in a browser (RFC 6454 §6.2), compared exactly. */
  readonly origins: TokenList;
  /** Raised by whatever ends all logins at the client. A login carries the value it was begun under. */
  readonly loginEpoch: number;
  /** How many access tokens a minute client_credentials may give it; null: as the server's settings have it. */
  readonly tokensPerMinute: number | null;
  /** Goes up by one with each change of the settings. */
  readonly revision: number;
  readonly createdAt: EpochMs;
  readonly disabledAt: EpochMs | null;
};

/** What every new client starts from: it may do nothing, and has no settings of its own. */
export function newClient(id: string, kind: ClientKind, createdAt: EpochMs): Client {
  return {
    id,
    name: id,
    kind,
    secretHash: null,
    previousSecret: null,
    jwks: null,
    grants: [],
    scopes: [],
    defaultScope: [],
    audiences: [],
    defaultAudiences: [],
    accessTokenTtlSeconds: null,
    refreshIdleTtlSeconds: null,
    refreshAbsoluteTtlSeconds: null,
    retryWindowSeconds: null,
    delivery: 'body',
    origins: [],
    loginEpoch: 0,
    tokensPerMinute: null,
    revision: 0,
    createdAt,
    disabledAt: null,
  };
}

/** The server's lifetimes, for clients that have none of their own. */
export type ServerLifetimes = {
  readonly accessTokenTtlSeconds: number;
  /** No access token lives longer, whatever its client says: retired keys stay published for this long. */
  readonly accessTokenMaxTtlSeconds: number;
  readonly refreshIdleTtlSeconds: number;
  readonly refreshAbsoluteTtlSeconds: number;
};

/** What the server's settings say of tokens. */
export type TokenSettings = ServerLifetimes & {
  readonly issuer: string;
  readonly defaultAudience: string;
  /** How many access tokens a minute client_credentials gives a client; null for no limit. */
  readonly clientTokensPerMinute: number | null;
  /** How far the clocks of clients may be off. */
  readonly clockSkewSeconds: number;
};

/** The most a client can be allowed a minute. */
export const MOST_TOKENS_PER_MINUTE = 1_000_000;

/** Seconds in which the previous refresh token may be retried. Confidential clients queue and retry longer. */
export const RETRY_WINDOW_SECONDS: Readonly<Record<ClientKind, number>> = { public: 10, confidential: 60 };

/** What holds for one client: its own lifetimes where it has them, the server's elsewhere, in seconds. */
export function lifetimesOf(client: Client, settings: ServerLifetimes) {
  return {
    accessTokenTtlSeconds: Math.min(
      client.accessTokenTtlSeconds ?? settings.accessTokenTtlSeconds,
      settings.accessTokenMaxTtlSeconds,
    ),
    refreshIdleTtlSeconds: client.refreshIdleTtlSeconds ?? settings.refreshIdleTtlSeconds,
    refreshAbsoluteTtlSeconds: client.refreshAbsoluteTtlSeconds ?? settings.refreshAbsoluteTtlSeconds,
    retryWindowSeconds: client.retryWindowSeconds ?? RETRY_WINDOW_SECONDS[client.kind],
  };
}

/**
 * Why a client cannot be as described; empty when it can.
 *
 * @returns sentences for the person who made the description
 */
export function clientFaults(client: Client): readonly string[] {
  return [
    ...idFaults(client.id),
    ...nameFaults(client.name),
    ...grantFaults(client),
    ...listFaults(client),
    ...lifetimeFaults(client),
    ...rateFaults(client),
    ...credentialFaults(client),
    ...browserFaults(client),
  ];
}

/** Whether a client could have this id: 1 to 64 of `A-Za-z0-9._-`. Nothing else is looked up. */
export function isClientId(text: string): boolean {
  return /^[A-Za-z0-9._-]{1,64}$/.test(text);
}

function idFaults(id: string): string[] {
  if (!isClientId(id)) return ['the client id must be 1 to 64 of A-Z a-z 0-9 . _ -'];
  // In a path these two mean something else (RFC 3986 §5.2.4).
  if (id === '.' || id === '..') return ['the client id must not be . or ..'];
  // User ids are UUIDs, and both become `sub`: a client must not be able to look like a user (RFC 9068 §5).
  return isUuid(id) ? ['the client id must not have the form of a UUID: those are user ids'] : [];
}

/** People see it, also on terminals. */
function nameFaults(name: string): string[] {
  return parseLoginName(name) === null ? ['the name has 1 to 128 characters, none of them invisible'] : [];
}

function grantFaults(client: Client): string[] {
  const faults: string[] = [];
  if (client.grants.length === 0) faults.push(`name at least one grant: ${GRANT_TYPES.join(', ')}`);
  if (client.grants.includes('client_credentials') && client.kind === 'public') {
    faults.push('a public client cannot use client_credentials (RFC 6749 §4.4): it has no credentials');
  }
  if (client.grants.includes('refresh_token') && !client.grants.includes('password')) {
    faults.push('refresh_token is of no use without a grant that starts a login: add password');
  }
  return faults;
}

function listFaults(client: Client): string[] {
  const faults: string[] = [];
  for (const scope of [...client.scopes, ...client.defaultScope]) {
    if (parseScope(scope)?.length !== 1) faults.push('a scope is visible ASCII without space, " and \\');
  }
  if (!client.defaultScope.every((scope) => client.scopes.includes(scope))) {
    faults.push('the default scope must lie within the scopes');
  }
  for (const audience of [...client.audiences, ...client.defaultAudiences]) {
    if (!/^[\x21-\x7e]+$/.test(audience)) faults.push('an audience is visible ASCII without spaces');
  }
  if (!client.defaultAudiences.every((audience) => client.audiences.includes(audience))) {
    faults.push('the default audiences must lie within the audiences');
  }
  return [...new Set(faults)];
}

function lifetimeFaults(client: Client): string[] {
  const limits: readonly (readonly [name: string, seconds: number | null, least: number, most: number])[] = [
    ['access token lifetime', client.accessTokenTtlSeconds, 1, MAX_DURATION_SECONDS],
    ['idle lifetime', client.refreshIdleTtlSeconds, 1, MAX_DURATION_SECONDS],
    ['absolute lifetime', client.refreshAbsoluteTtlSeconds, 1, MAX_DURATION_SECONDS],
    // Within it a copied previous token still works, so it must stay short.
    ['retry window', client.retryWindowSeconds, 0, 3600],
  ];
  return limits.flatMap(([name, seconds, least, most]) => {
    if (seconds === null || (Number.isSafeInteger(seconds) && seconds >= least && seconds <= most)) return [];
    return [`the ${name} must be from ${formatDuration(least)} to ${formatDuration(most)}`];
  });
}

function rateFaults({ tokensPerMinute: rate }: Client): string[] {
  if (rate === null || (Number.isSafeInteger(rate) && rate >= 1 && rate <= MOST_TOKENS_PER_MINUTE)) return [];
  return [`the token rate must be a whole number from 1 to ${MOST_TOKENS_PER_MINUTE}`];
}

function credentialFaults({ kind, secretHash, jwks }: Client): string[] {
  if (kind === 'public') {
    return secretHash === null && jwks === null
      ? []
      : ['a public client has neither a secret nor keys (RFC 6749 §2.1)'];
  }
  return secretHash === null || jwks === null ? [] : ['a client has either a secret or keys, not both'];
}

function browserFaults({ kind, grants, delivery, origins }: Client): string[] {
  const faults = origins
    .filter((origin) => !isOrigin(origin))
    .map(
      (origin) =>
        `${JSON.stringify(origin)} is not an origin such as https://app.example.com: https (http on loopback), no path`,
    );
  if (delivery === 'body') return faults;
  if (kind === 'confidential') faults.push('cookie delivery is for pages in a browser, which can keep no secret');
  if (!grants.includes('refresh_token')) faults.push('cookie delivery needs the grant refresh_token');
  if (origins.length === 0) faults.push('cookie delivery needs at least one origin');
  return faults;
}
