import type { MemberName } from './event-members.js';
import type { EventName } from './events.js';
import { why } from './refusal-messages.js';

/** The members of a line: ids and reasons, no secret. */
export type EventMembers = Readonly<Partial<Record<MemberName, unknown>>>;

/** What happened, with the members of its line. */
export type LogEvent = { readonly event: EventName } & EventMembers;

/** The sentence of a line, `msg`: what happened to whom. Made of ids, reasons and numbers, of no text that was sent. */
export function messageOf(line: LogEvent): string {
  return MESSAGES[line.event](line);
}

/** An event without a sentence does not compile. */
const MESSAGES: Readonly<Record<EventName, (line: EventMembers) => string>> = {
  login: ({ userId, clientId }) => `user ${userId} logged in at client ${clientId}`,
  login_failed: loginFailed,
  refresh: ({ clientId, sid, userId }) => `client ${clientId} refreshed session ${sid} of user ${userId}`,
  refresh_retry: ({ clientId, sid, userId }) =>
    `client ${clientId} repeated a refresh of session ${sid} of user ${userId} and got the same successor`,
  reuse: ({ clientId, sid, userId }) =>
    `client ${clientId} sent a superseded refresh token of session ${sid} of user ${userId}: the session was ended`,
  client_token: ({ clientId }) => `client ${clientId} got an access token for itself`,
  revoked: (line) => `client ${line.clientId} revoked a token: ${endedLogin(line)}`,
  introspected: ({ clientId, active, inactive }) =>
    `client ${clientId} asked about a token: ${active === true ? 'it is active' : `not active, ${why(inactive)}`}`,
  logout: (line) => `a page of client ${line.clientId} logged out: ${endedLogin(line)}`,
  userinfo: ({ clientId, userId }) => `client ${clientId} asked who user ${userId} is`,
  sessions_shown: ({ userId, clientId }) => `user ${userId} listed the own sessions at client ${clientId}`,
  login_ended: ({ by, userId, targetUserId, sid }) =>
    by === undefined
      ? `user ${userId} ended the own session ${sid}`
      : `${admin(by)} ended session ${sid} of user ${targetUserId}`,
  all_logins_ended: ({ by, userId, targetUserId, targetClientId }) =>
    by === undefined
      ? `user ${userId} ended all own sessions`
      : `${admin(by)} ended all sessions${of('user', targetUserId)}${of('client', targetClientId)}`,
  password_changed: ({ userId }) =>
    `user ${userId} changed the own password; all other sessions of that user were ended`,
  user_registered: ({ userId }) => `user ${userId} made the own account`,
  registration_of_taken_name: (line) => `${asker(line)} wanted an account whose name or e-mail address is taken`,
  refused: (line) => `${asker(line)} was refused: ${why(line.reason)}${whatWasRefused(line)}`,

  user_added: ({ by, targetUserId }) => `${admin(by)} added user ${targetUserId}`,
  users_imported: ({ by, count }) => `${admin(by)} imported ${count} users`,
  user_changed: ({ by, targetUserId, changed }) => `${admin(by)} changed ${list(changed)} of user ${targetUserId}`,
  user_password_set: ({ by, targetUserId }) =>
    `${admin(by)} set the password of user ${targetUserId}; all sessions of that user were ended`,
  user_removed: ({ by, targetUserId }) => `${admin(by)} deleted user ${targetUserId}`,
  client_added: ({ by, targetClientId }) => `${admin(by)} added client ${targetClientId}`,
  client_changed: ({ by, targetClientId, changed }) =>
    `${admin(by)} changed ${list(changed)} of client ${targetClientId}`,
  client_secret_rotated: ({ by, targetClientId, overlapSeconds }) =>
    `${admin(by)} gave client ${targetClientId} a new secret; the former one is valid for ${overlapSeconds} s`,
  client_removed: ({ by, targetClientId }) => `${admin(by)} deleted client ${targetClientId}`,
  key_rotated: ({ by, kid, activatesAt }) =>
    by === undefined
      ? `key ${kid} was planned as the next signing key${activatesAt === null ? '' : `, from ${activatesAt}`}`
      : `${admin(by)} planned key ${kid} as the next signing key`,
  key_revoked: ({ by, kid }) => `${admin(by)} took key ${kid} out of the JWKS`,
  keys_pruned: ({ by, kids }) => `${admin(by)} deleted what is left of keys ${list(kids)}`,
  key_imported: ({ by, kid }) => `${admin(by)} published key ${kid} of another issuer`,
  keys_rewrapped: ({ by, kids }) => `${admin(by)} encrypted private keys anew: ${list(kids)}`,
  keys_copied: ({ by, from, to }) => `${admin(by)} copied the key ring from ${from} to ${to}`,

  key_ring_made: ({ place }) => `made the first key ring, in ${place}`,
  key_ring_reloaded: ({ kids }) => `the key ring changed; its keys are now ${list(kids)}`,
  key_ring_fault: () => 'the key ring cannot be read; the last good one is used for an hour',
  key_upkeep_failed: () => 'the key ring is good, but could not be rotated or cleaned up; tried again soon',
  key_rotation_refused: ({ reason }) => `a key is due, and was not rotated: ${why(reason)}`,
  private_keys_destroyed: ({ kids }) => `destroyed the private halves of keys that no longer sign: ${list(kids)}`,
  clock_jumped: ({ seconds }) => `the clock jumped ${seconds} s ahead; no key is changed by it for a while`,
  key_leftovers: () => 'files in the folder of keys belong to no key; `mintd keys prune` deletes those mintd wrote',
  key_timing_differs: () => 'another server was started with other timings of keys, and those hold',
  proxy_not_trusted: () => 'a request has X-Forwarded-For, and no proxy is trusted; behind a proxy, set TRUST_PROXY',
  families_removed: ({ families }) => `deleted ${families} sessions that had ended`,
  client_assertions_removed: ({ rows }) => `deleted ${rows} used client assertions that have expired`,
  login_failures_removed: ({ rows }) => `deleted ${rows} counters of failed logins that have run out`,
  removal_failed: () => 'rows that have expired could not be deleted; tried again soon',
  families_not_counted: () => 'the sessions for /metrics could not be counted; tried again soon',
  traces_not_sent: () => 'the collector does not take traces; they are lost until it does',
  migrated: ({ applied }) => `brought the database up to date with ${lengthOf(applied)} migration(s)`,
  database_unavailable: () => 'a request got a 503, because the database did not answer in time',
  signing_unavailable: () => 'a request got a 503, because there is no usable signing key',
  failure: ({ err }) => `a request got a 500, because of a bug: ${err instanceof Error ? err.name : 'no error'}`,
  overloaded: ({ requests }) => `${requests} request(s) got a 503, because more came than can be worked on`,
  connections_limited: ({ connections }) =>
    `the limit of open files (ulimit -n) leaves room for ${connections} connections, less than MAX_CONNECTIONS`,
  package_missing: ({ packages }) => `optional packages are not installed: ${list(packages)}`,
  http: ({ method, route, statusCode, ms }) =>
    `${method} ${route ?? '(no such path)'} was answered with ${statusCode} after ${ms} ms`,
  variable_ignored: ({ variable, setting }) => `the variable ${variable} is ignored: ${setting} is set`,
  listening: ({ listensOn }) => `mintd listens on ${listensOn}`,
  log_level_changed: ({ logLevel }) => `the log level is ${logLevel} now`,
  stopping: ({ signal }) => `mintd stops${signal === undefined ? '' : `, because it was sent ${signal}`}`,
  stopped: () => 'mintd has stopped',
  crash: () => 'an error was handled nowhere, and the server stops',
};

function loginFailed({ reason, clientId, userId, limit, retryAfterSeconds }: EventMembers): string {
  if (reason === 'login_blocked') {
    const whose = limit === 'address' ? 'from this address' : 'of this account';
    return `a login at client ${clientId} was not tried: too many ${whose} failed, next try in ${retryAfterSeconds} s`;
  }
  if (reason === 'current_password_wrong') return `user ${userId} could not change the own password: ${why(reason)}`;
  const subject = userId === undefined ? 'a login' : `the login of user ${userId}`;
  return `${subject} at client ${clientId} failed: ${why(reason)}`;
}

/** The request, by the best that is known of it. */
function asker({ clientId, userId, address }: EventMembers): string {
  if (clientId !== undefined && userId !== undefined) return `user ${userId} at client ${clientId}`;
  if (userId !== undefined) return `user ${userId}`;
  if (clientId !== undefined) return `client ${clientId}`;
  return `a request from ${address ?? 'an unknown address'}`;
}

/** What exactly, where the line names it. */
function whatWasRefused({ parameter, scope, audience, sid, retryAfterSeconds }: EventMembers): string {
  const named = [parameter, scope, audience].find((one) => one !== undefined);
  if (named !== undefined) return ` (${named})`;
  if (retryAfterSeconds !== undefined) return `, next try in ${retryAfterSeconds} s`;
  return sid === undefined ? '' : ` (session ${sid})`;
}

function endedLogin({ sid, userId }: EventMembers): string {
  return sid === undefined ? 'there was no session to end' : `session ${sid}${of('user', userId)} was ended`;
}

/** Who administered: a person or a client over HTTP, or a command. */
function admin(by: unknown): string {
  const { userId, clientId, command } = (by ?? {}) as Readonly<Record<string, unknown>>;
  if (command !== undefined) return `\`mintd ${command}\``;
  return userId === undefined ? `client ${clientId}` : `user ${userId}`;
}

function of(kind: string, id: unknown): string {
  return id === undefined ? '' : ` of ${kind} ${id}`;
}

function list(names: unknown): string {
  return Array.isArray(names) ? names.join(', ') : String(names);
}

function lengthOf(names: unknown): number {
  return Array.isArray(names) ? names.length : 0;
}
