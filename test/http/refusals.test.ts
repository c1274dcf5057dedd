import t from 'tap';
import { faultsOfLine } from '../event-lines.js';
import { assertError, issuerWithClients } from '../rfc/setup.js';
import { CASES, CLIENTS } from './refusals.js';
import { ASSERTION_REASONS } from './refusals-of-assertions.js';
import { postForm } from './support.js';

const issuer = await issuerWithClients(t, { clients: CLIENTS });

for (const [reason, [status, error, ask]] of Object.entries(CASES)) {
  t.test(`${reason} is ${status} ${error} on the wire, and the log alone has the reason`, async (t) => {
    const logged = issuer.log.length;
    const reply = await ask(issuer);
    assertError(t, reply, status, error, reason);
    const isLater = status === 503 || status === 429;
    t.equal(reply.headers['retry-after'] !== undefined, isLater, 'Retry-After with 429 and 503, and only then');
    const challenge = reply.headers['www-authenticate'];
    t.notOk(typeof challenge === 'string' && challenge.includes(reason), 'not in the challenge either');
    t.notOk(JSON.stringify(reply.body).includes(reason), 'the client is not told which it was');
    const lines = issuer.log.slice(logged).map((line) => JSON.parse(line));
    t.strictSame(lines.flatMap(faultsOfLine), [], 'as src/oauth/events.ts has it');
    const told = lines.filter((line) => line.reason !== undefined);
    t.strictSame(
      told.map((line) => [line.event, line.reason, line.level]),
      [[eventOf(reason), reason, reason === 'refresh_token_reused' ? 40 : 30]],
      'one line, with that reason; an attack is a warning',
    );
  });
}

t.test('what must not be told apart has one answer', async (t) => {
  const alike = [
    ['client_unknown', 'client_disabled', 'client_secret_missing', 'client_secret_wrong', 'client_not_named'],
    ['client_unknown', ...ASSERTION_REASONS],
    ['user_unknown', 'user_disabled', 'password_wrong', 'user_changed_meanwhile'],
    ['refresh_token_malformed', 'refresh_token_unknown', 'refresh_token_of_another_client', 'refresh_token_reused'],
    ['family_expired', 'family_revoked', 'family_ended_with_user_or_client', 'refresh_cookie_missing'],
    ['origin_not_allowed', 'cross_site', 'requested_with_missing'],
    ['access_token_invalid', 'access_token_expired', 'access_token_of_nobody', 'login_ended'],
  ] as const;
  for (const reasons of alike) {
    const replies = [];
    for (const reason of reasons) replies.push(await CASES[reason][2](issuer));
    const answers = new Set(replies.map(({ status, body }) => `${status} ${JSON.stringify(body)}`));
    t.equal(answers.size, 1, reasons.join(', '));
  }
});

t.test('RFC 6749 §4.4: a public client gets no token for itself, even where its row lists the grant', async (t) => {
  const reply = await postForm(issuer, '/token', { grant_type: 'client_credentials', client_id: 'odd' });
  assertError(t, reply, 400, 'unauthorized_client');
});

const LOGIN_FAILURES = [
  ...['user_unknown', 'user_disabled', 'password_wrong', 'user_changed_meanwhile', 'login_blocked'],
  'current_password_wrong',
];

function eventOf(reason: string): string {
  if (reason === 'refresh_token_reused') return 'reuse';
  return LOGIN_FAILURES.includes(reason) ? 'login_failed' : 'refused';
}
