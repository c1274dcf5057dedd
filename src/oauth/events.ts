import type { MemberName } from './event-members.js';

/**
 * Everything mintd writes down: the name of each event, how loudly it is said, and which members its line has. Ids and
 * reasons, never a secret, and no text that anybody but an administrator chose. docs/events.md is made of this.
 */

/** Names of members; with a `?` those that are there sometimes. */
type Members = readonly (MemberName | `${MemberName}?`)[];

export type EventLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/**
 * Who makes it happen: somebody who asks for something of their own; an administrator, over HTTP or with a command; a
 * command alone; the server by itself.
 */
export const ORIGINS = ['request', 'change', 'command', 'server'] as const;
export type EventOrigin = (typeof ORIGINS)[number];

type EventLine = { readonly level: EventLevel; readonly says: string } & Partial<
  Readonly<Record<EventOrigin, Members>>
>;

const PERSON: Members = ['clientId', 'userId', 'address'];
const LOGIN: Members = ['clientId', 'userId', 'sid', 'jti', 'grantType', 'address'];

/** Every event. A name that is not here does not compile, or fails test/http/events.test.ts. */
export const EVENTS = {
  login: { level: 'info', says: 'a user logged in', request: LOGIN },
  login_failed: {
    level: 'info',
    says: 'a password was refused, at a login or a change of password; `login_blocked` is the reason of tries beyond the limit',
    request: ['reason', 'clientId', 'userId?', 'grantType?', 'limit?', 'retryAfterSeconds?', 'address'],
  },
  refresh: { level: 'info', says: 'a login went on', request: LOGIN },
  refresh_retry: {
    level: 'info',
    says: 'the same refresh token came again soon, and got the same successor',
    request: LOGIN,
  },
  reuse: {
    level: 'warn',
    says: 'a superseded refresh token came back: somebody has a copy, and the login was ended',
    request: ['reason', 'clientId', 'userId', 'sid', 'grantType', 'address'],
  },
  client_token: {
    level: 'info',
    says: 'a client got a token for itself',
    request: ['clientId', 'jti', 'grantType', 'address'],
  },
  revoked: {
    level: 'info',
    says: 'a client ended the login of a token; without `sid` there was none',
    request: ['clientId', 'userId?', 'sid?', 'address'],
  },
  introspected: {
    level: 'info',
    says: 'a client asked about a token',
    request: ['clientId', 'active', 'inactive', 'address'],
  },
  logout: {
    level: 'info',
    says: 'a page ended its login; without `sid` there was none',
    request: ['clientId', 'userId?', 'sid?', 'address'],
  },
  userinfo: { level: 'info', says: 'a token was shown at /userinfo', request: PERSON },
  sessions_shown: { level: 'info', says: 'a user looked at their own logins', request: PERSON },
  login_ended: {
    level: 'info',
    says: 'one login was ended',
    request: [...PERSON, 'sid'],
    change: ['sid', 'targetUserId'],
  },
  all_logins_ended: {
    level: 'info',
    says: 'all logins of a user or at a client were ended; with neither, those of everybody',
    request: PERSON,
    change: ['targetUserId?', 'targetClientId?'],
  },
  password_changed: {
    level: 'info',
    says: 'a user changed the own password; all other logins ended',
    request: [...PERSON, 'sid'],
  },
  user_registered: { level: 'info', says: 'a person made an account', request: ['userId', 'address'] },
  registration_of_taken_name: {
    level: 'info',
    says: 'a person asked for an account whose name or address is taken',
    request: ['address'],
  },
  refused: {
    level: 'info',
    says: 'anything else was refused; who asked is there as far as it was known',
    request: [
      ...(['reason', 'clientId?', 'userId?', 'sid?', 'grantType?', 'parameter?', 'fault?'] as const),
      ...(['scope?', 'audience?', 'because?', 'retryAfterSeconds?', 'address'] as const),
    ],
  },
  user_added: { level: 'info', says: 'a user was made', change: ['targetUserId', 'roles'] },
  users_imported: {
    level: 'info',
    says: 'users were imported; with a `reason` not all of the file',
    command: ['count', 'administrators', 'reason?'],
  },
  user_changed: {
    level: 'info',
    says: 'a user was changed',
    change: ['targetUserId', 'changed', 'roles?', 'disabled?'],
  },
  user_password_set: {
    level: 'info',
    says: "a user's password was set; all logins ended",
    change: ['targetUserId'],
  },
  user_removed: { level: 'info', says: 'a user was deleted', change: ['targetUserId'] },
  client_added: { level: 'info', says: 'a client was made', change: ['targetClientId', 'scopes'] },
  client_changed: {
    level: 'info',
    says: 'a client was changed',
    change: ['targetClientId', 'changed', 'scopes?', 'disabled?'],
  },
  client_secret_rotated: {
    level: 'info',
    says: 'a client got a new secret',
    change: ['targetClientId', 'overlapSeconds'],
  },
  client_removed: { level: 'info', says: 'a client was deleted', change: ['targetClientId'] },
  key_rotated: {
    level: 'info',
    says: 'the next signing key was planned',
    change: ['kid', 'forced'],
    server: ['kid', 'activatesAt', 'published'],
  },
  key_revoked: { level: 'info', says: 'a key was taken out of the JWKS', command: ['kid'] },
  keys_pruned: { level: 'info', says: 'keys that are over were forgotten, files deleted', command: ['kids', 'names'] },
  key_imported: { level: 'info', says: "another issuer's key was published", command: ['kid'] },
  keys_rewrapped: { level: 'info', says: 'private keys were encrypted anew', command: ['kids'] },
  keys_copied: { level: 'info', says: 'the ring was copied', command: ['kids', 'from', 'to'] },
  key_ring_made: { level: 'info', says: 'the first key ring was made', server: ['place'] },
  key_ring_reloaded: { level: 'info', says: 'the key ring changed', server: ['kids'] },
  key_ring_fault: {
    level: 'error',
    says: 'the key ring cannot be read; the last good one is used for an hour',
    server: ['err'],
  },
  key_upkeep_failed: { level: 'error', says: 'the key ring cannot be looked after', server: ['err'] },
  key_rotation_refused: { level: 'error', says: 'a key is due, and was not rotated', server: ['reason'] },
  private_keys_destroyed: { level: 'info', says: 'private keys that are over were destroyed', server: ['kids'] },
  clock_jumped: { level: 'warn', says: 'the clock jumped ahead; keys are left alone for a while', server: ['seconds'] },
  key_leftovers: { level: 'warn', says: 'files in the folder belong to no key', server: ['names'] },
  key_timing_differs: {
    level: 'warn',
    says: 'another server has other timings, and they hold',
    server: ['inForce'],
  },
  proxy_not_trusted: {
    level: 'warn',
    says: 'a request named X-Forwarded-For, and no proxy is trusted; said once ([TRUST_PROXY](configuration.md))',
    server: [],
  },
  families_removed: { level: 'info', says: 'logins that are over were deleted', server: ['families'] },
  client_assertions_removed: { level: 'debug', says: 'used assertions were forgotten', server: ['rows'] },
  login_failures_removed: { level: 'debug', says: 'counters nobody needs were forgotten', server: ['rows'] },
  removal_failed: { level: 'warn', says: 'what is over could not be deleted; later again', server: ['err'] },
  families_not_counted: {
    level: 'warn',
    says: 'the logins for `/metrics` could not be counted; later again',
    server: ['err'],
  },
  traces_not_sent: {
    level: 'warn',
    says: 'the collector of traces does not take them; said once until it does ([monitoring](operations/monitoring.md))',
    server: ['err'],
  },
  migrated: { level: 'info', says: 'migrations were applied', server: ['applied'] },
  database_unavailable: { level: 'error', says: 'a request got a 503: no database', server: ['err'] },
  signing_unavailable: { level: 'error', says: 'a request got a 503: no usable key', server: ['err'] },
  failure: { level: 'error', says: 'a request got a 500: a bug', server: ['err'] },
  overloaded: { level: 'warn', says: 'more came than can be done: 503 for some', server: ['requests'] },
  connections_limited: { level: 'warn', says: 'too few open files for MAX_CONNECTIONS', server: ['connections'] },
  package_missing: {
    level: 'info',
    says: 'optional packages are not installed; what needs them says how to get them',
    server: ['packages'],
  },
  http: { level: 'debug', says: 'a request was answered', server: ['method', 'route?', 'statusCode', 'ms'] },
  variable_ignored: {
    level: 'info',
    says: 'a variable resembles a setting that is set, so it belongs to another program ([configuration](configuration.md))',
    server: ['variable', 'setting'],
  },
  listening: { level: 'info', says: 'the server is ready, once an address', server: ['listensOn'] },
  log_level_changed: {
    level: 'info',
    says: 'the server was told by SIGUSR2 to say more, or as much as before ([monitoring](operations/monitoring.md))',
    server: ['logLevel'],
  },
  stopping: { level: 'info', says: 'the server was told to stop', server: ['signal?'] },
  stopped: { level: 'info', says: 'it has stopped', server: [] },
  crash: { level: 'fatal', says: 'an error nobody handled: the server stops', server: ['err'] },
} as const satisfies Readonly<Record<string, EventLine>>;

export type EventName = keyof typeof EVENTS;

/** Whether there is an event of that name. */
export function isEventName(name: unknown): name is EventName {
  return typeof name === 'string' && Object.hasOwn(EVENTS, name);
}

/** The members of a line: those that are always there, and those that are sometimes. */
export type LineMembers = { readonly always: readonly MemberName[]; readonly sometimes: readonly MemberName[] };

/** The members of an event's line; null where it never has that origin. A change is without those that say by whom. */
export function membersOf(event: EventName, origin: EventOrigin): LineMembers | null {
  const { [origin]: members }: EventLine = EVENTS[event];
  if (members === undefined) return null;
  const isSometimes = (name: string) => name.endsWith('?');
  const bare = (name: string) => name.replace('?', '') as MemberName;
  return {
    always: members.filter((name) => !isSometimes(name)).map(bare),
    sometimes: members.filter(isSometimes).map(bare),
  };
}
