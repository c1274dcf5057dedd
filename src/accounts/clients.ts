import { type Client, type ClientKind, clientFaults, GRANT_TYPES, type JwkSet, newClient } from '../oauth/client.js';
import { goodPreviousSecret } from '../oauth/client-authentication.js';
import { sha256 } from '../oauth/refresh-token.js';
import { type EpochMs, formatDuration } from '../oauth/time.js';
import type { ClientStore } from '../store/clients.js';

/** What managing clients takes. */
export type ClientDeps = {
  readonly clients: ClientStore;
  /** Unpredictable bytes. */
  readonly randomBytes: (size: number) => Uint8Array<ArrayBuffer>;
  readonly now: EpochMs;
  readonly accessTokenMaxTtlSeconds: number;
};

/** What can be said of a client by whoever manages it. */
export const CLIENT_SETTINGS = [
  'name',
  'grants',
  'scopes',
  'defaultScope',
  'audiences',
  'defaultAudiences',
  'accessTokenTtlSeconds',
  'refreshIdleTtlSeconds',
  'refreshAbsoluteTtlSeconds',
  'retryWindowSeconds',
  'delivery',
  'origins',
  'tokensPerMinute',
  'jwks',
] as const;

/** Settings to be replaced, each as a whole; undefined leaves one as it is. Keys take the place of a secret. */
export type ClientSettings = {
  readonly [Name in (typeof CLIENT_SETTINGS)[number]]?: (Name extends 'jwks' ? JwkSet : Client[Name]) | undefined;
};

/** The same, and whether the client may do anything at all: to disable it ends all its logins, for good. */
export type ClientChanges = ClientSettings & { readonly disabled?: boolean | undefined };

/** Why something cannot be done, in sentences for the person who asked for it. */
export type Faults = { readonly faults: readonly string[] };

/** There is no such client; or it is not the one any more that the change was made for. */
export type NotChanged = 'unknown' | 'changed';

/** What a client authenticates with is shown once: only its hash is kept. Null where it has none. */
export type MadeClient = { readonly client: Client; readonly secret: string | null };

const SECRET_BYTES = 32;

/** The longest that two secrets of a client are good at a time, in seconds. */
export const LONGEST_OVERLAP_SECONDS = 30 * 86_400;

/** Makes a client. A confidential one without keys gets a secret of 256 bits; without an id one is made. */
export async function makeClient(
  deps: ClientDeps,
  { id, kind, ...settings }: ClientSettings & { readonly id?: string | undefined; readonly kind: ClientKind },
): Promise<MadeClient | Faults | 'taken'> {
  const made = id ?? `client-${Buffer.from(deps.randomBytes(6)).toString('hex')}`;
  const blank = newClient(made, kind, deps.now);
  const secret = kind === 'confidential' && settings.jwks === undefined ? newSecret(deps) : null;
  const client = { ...blank, ...given(settings), secretHash: secret === null ? null : sha256(secret) };
  const faults = faultsOf(client, deps);
  if (faults.length > 0) return { faults };
  return (await deps.clients.add(client)) ? { client, secret } : 'taken';
}

/**
 * Changes settings of a client. Keys end its secret at once.
 *
 * @param revision the one the change was made for; left out: whatever it is now
 * @returns the client as it is now, and whether that is another than before
 */
export async function changeClient(
  deps: ClientDeps,
  id: string,
  { disabled, ...changes }: ClientChanges,
  revision?: number,
): Promise<{ readonly client: Client; readonly isChanged: boolean } | Faults | NotChanged> {
  const before = await deps.clients.find(id);
  if (before === null) return 'unknown';
  if (revision !== undefined && before.revision !== revision) return 'changed';
  const isDisabled = disabled ?? before.disabledAt !== null;
  const disabledAt = isDisabled ? (before.disabledAt ?? deps.now) : null;
  const after = withoutOldSecrets({ ...before, ...given(changes), disabledAt }, deps.now);
  const faults = faultsOf(after, deps);
  if (faults.length > 0) return { faults };
  const looked = [...CLIENT_SETTINGS, 'disabledAt'] as const;
  if (!looked.some((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]))) {
    return { client: before, isChanged: false };
  }
  const endsLogins = isDisabled && before.disabledAt === null;
  return (await deps.clients.replace(after, endsLogins)) ? { client: nextRevision(after), isChanged: true } : 'changed';
}

/**
 * Gives a client a new secret. The present one stays good for the overlap; one before it ends now.
 *
 * @param overlapSeconds 0 ends the present one at once
 * @param revision as for changeClient
 */
export async function rotateSecret(
  deps: ClientDeps,
  id: string,
  overlapSeconds: number,
  revision?: number,
): Promise<{ readonly client: Client; readonly secret: string } | Faults | NotChanged> {
  const before = await deps.clients.find(id);
  if (before === null) return 'unknown';
  if (revision !== undefined && before.revision !== revision) return 'changed';
  const { secretHash: hash } = before;
  if (hash === null) {
    const own = before.jwks === null ? 'it is public' : 'it signs with keys of its own';
    return { faults: [`${id} has no secret: ${own}`] };
  }
  if (!(overlapSeconds >= 0 && overlapSeconds <= LONGEST_OVERLAP_SECONDS)) {
    return { faults: [`the overlap must be from 0s to ${formatDuration(LONGEST_OVERLAP_SECONDS)}`] };
  }
  const secret = newSecret(deps);
  const previousSecret = overlapSeconds === 0 ? null : { hash, expiresAt: deps.now + overlapSeconds * 1000 };
  const after = { ...before, secretHash: sha256(secret), previousSecret };
  return (await deps.clients.replace(after)) ? { client: nextRevision(after), secret } : 'changed';
}

/**
 * Deletes a client and all logins at it.
 *
 * @param revision as for changeClient; a change in the very moment of the deletion goes unseen
 */
export async function removeClient(
  { clients }: Pick<ClientDeps, 'clients'>,
  id: string,
  revision?: number,
): Promise<'removed' | NotChanged> {
  const client = revision === undefined ? null : await clients.find(id);
  if (client !== null && client.revision !== revision) return 'changed';
  return (await clients.remove(id)) ? 'removed' : 'unknown';
}

function newSecret({ randomBytes }: ClientDeps): string {
  return Buffer.from(randomBytes(SECRET_BYTES)).toString('base64url');
}

/**
 * The settings that are given, and nothing else that may have come with them; lists with each entry once, grants in the
 * order in which they are read again.
 */
function given({ grants, ...others }: ClientSettings): Partial<Client> {
  const settings = { ...others, grants: grants && GRANT_TYPES.filter((grant) => grants.includes(grant)) };
  const entries = CLIENT_SETTINGS.map((name) => [name, settings[name]] as const);
  const once = (value: unknown) => (Array.isArray(value) ? [...new Set<unknown>(value)] : value);
  return Object.fromEntries(entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, once(value)]])));
}

/** Keys take the place of both secrets; an old one that is over goes with any change. */
function withoutOldSecrets(client: Client, now: EpochMs): Client {
  if (client.jwks !== null) return { ...client, secretHash: null, previousSecret: null };
  return { ...client, previousSecret: goodPreviousSecret(client, now) };
}

function nextRevision(client: Client): Client {
  return { ...client, revision: client.revision + 1 };
}

function faultsOf(client: Client, { accessTokenMaxTtlSeconds }: ClientDeps): readonly string[] {
  const faults = clientFaults(client);
  const { accessTokenTtlSeconds } = client;
  if (accessTokenTtlSeconds === null || accessTokenTtlSeconds <= accessTokenMaxTtlSeconds) return faults;
  // A longer lifetime would be cut at the cap, in silence and at every token.
  const most = formatDuration(accessTokenMaxTtlSeconds);
  return [...faults, `the access token lifetime exceeds ${most}: raise ACCESS_TOKEN_MAX_TTL, for the server as well`];
}
