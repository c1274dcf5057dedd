import t from 'tap';
import { MEMBERS, type MemberName } from '../../src/oauth/event-members.js';
import { type EventMembers, type LogEvent, messageOf } from '../../src/oauth/event-messages.js';
import { EVENTS, type EventName } from '../../src/oauth/events.js';

const NAMES = Object.keys(EVENTS) as EventName[];
/** Every member there is, each with a text of its own. */
const ALL = Object.fromEntries((Object.keys(MEMBERS) as MemberName[]).map((name) => [name, `<${name}>`]));
/** What says who did it and to what; a line has one or the other. */
const OWNERS = [
  'by',
  'userId',
  'clientId',
  'sid',
  'address',
  'targetUserId',
  'targetClientId',
  'activatesAt',
  'signal',
];

t.test('every event has a sentence, which is not the name of the event', async (t) => {
  for (const event of NAMES) {
    for (const absent of ['', ...OWNERS]) {
      const sentence = messageOf({ ...ALL, event, [absent]: undefined });
      t.match(sentence, /^\S+ .*\S$/, `${event}: ${sentence}`);
      t.not(sentence, event);
    }
  }
});

const ADA = { userId: 'ada', clientId: 'web' };

t.test('a sentence says what happened to whom, by what is known', async (t) => {
  const rows: readonly (readonly [line: LogEvent, sentence: string])[] = [
    [{ event: 'login', ...ADA }, 'user ada logged in at client web'],
    [
      { event: 'login_failed', reason: 'user_unknown', clientId: 'web' },
      'a login at client web failed: no user has that name',
    ],
    [
      { event: 'login_failed', reason: 'password_wrong', ...ADA },
      'the login of user ada at client web failed: the password is wrong',
    ],
    [
      { event: 'login_failed', reason: 'current_password_wrong', ...ADA },
      'user ada could not change the own password: the current password is wrong',
    ],
    [
      { event: 'login_failed', reason: 'login_blocked', ...ADA, limit: 'address', retryAfterSeconds: 9 },
      'a login at client web was not tried: too many from this address failed, next try in 9 s',
    ],
    [
      { event: 'login_failed', reason: 'login_blocked', ...ADA, limit: 'account', retryAfterSeconds: 9 },
      'a login at client web was not tried: too many of this account failed, next try in 9 s',
    ],
    [{ event: 'revoked', clientId: 'web' }, 'client web revoked a token: there was no session to end'],
    [{ event: 'revoked', ...ADA, sid: 's' }, 'client web revoked a token: session s of user ada was ended'],
    [
      { event: 'refused', reason: 'url_malformed' },
      'a request from an unknown address was refused: the URL cannot be read',
    ],
    [{ event: 'refused', reason: 'a_new_one', address: '::1' }, 'a request from ::1 was refused: a new one'],
    [
      { event: 'refused', reason: 'session_unknown', userId: 'ada' },
      'user ada was refused: the user has no such session',
    ],
    [
      { event: 'refused', reason: 'session_unknown', ...ADA },
      'user ada at client web was refused: the user has no such session',
    ],
    [
      { event: 'refused', reason: 'scope_not_allowed', clientId: 'web', scope: 'admin' },
      'client web was refused: this scope may not be granted (admin)',
    ],
    [
      { event: 'refused', reason: 'registration_blocked', address: '::1', retryAfterSeconds: 9 },
      'a request from ::1 was refused: too many accounts were asked for from this address, next try in 9 s',
    ],
    [
      { event: 'refused', reason: 'family_expired', clientId: 'web', sid: 's' },
      'client web was refused: the session has expired (session s)',
    ],
    [
      { event: 'user_changed', by: { userId: 'root' }, targetUserId: 'ada', changed: ['roles', 'email'] },
      'user root changed roles, email of user ada',
    ],
    [{ event: 'user_removed', by: { clientId: 'console' }, targetUserId: 'ada' }, 'client console deleted user ada'],
    [
      { event: 'user_removed', by: { command: 'users remove' }, targetUserId: 'ada' },
      '`mintd users remove` deleted user ada',
    ],
    [{ event: 'migrated', applied: ['1_init'] }, 'brought the database up to date with 1 migration(s)'],
    [{ event: 'introspected', clientId: 'api', active: true }, 'client api asked about a token: it is active'],
    [
      { event: 'introspected', clientId: 'api', active: false, inactive: 'family_expired' },
      'client api asked about a token: not active, the session has expired',
    ],
    [{ event: 'key_rotated', kid: 'k', activatesAt: null }, 'key k was planned as the next signing key'],
    [{ event: 'key_rotated', kid: 'k', activatesAt: '2026' }, 'key k was planned as the next signing key, from 2026'],
    [{ event: 'failure', err: new TypeError('x') }, 'a request got a 500, because of a bug: TypeError'],
    [{ event: 'failure', err: 'x' }, 'a request got a 500, because of a bug: no error'],
    [{ event: 'stopping' }, 'mintd stops'],
    [{ event: 'stopping', signal: 'SIGTERM' }, 'mintd stops, because it was sent SIGTERM'],
  ];
  for (const [line, sentence] of rows) t.equal(messageOf(line), sentence, JSON.stringify(line satisfies EventMembers));
});
