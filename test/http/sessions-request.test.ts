import t from 'tap';
import { DatabaseUnavailable } from '../../src/store/outage.js';
import { aClient, claimsOf, START } from '../helper.js';
import { assertError, assertTokens, issuerWithClients, logIn, refresh } from '../rfc/setup.js';
import { assertEnded, end, shown, sidsIn } from './sessions-support.js';
import { asBearer, rowOf, sidOf, type TextReply, whileFailing } from './support.js';

const issuer = await issuerWithClients(t, { clients: [aClient(), aClient({ id: 'once', grants: ['password'] })] });

t.test('an expired login is not shown', async (t) => {
  const old = await logIn(issuer);
  issuer.clock.now = START + 14 * 86_400_000 - 1;
  const fresh = await logIn(issuer);
  t.strictSame(sidsIn(await shown(issuer, fresh)), [sidOf(fresh), sidOf(old)], 'to its last moment it is');
  issuer.clock.now += 1;
  t.strictSame(sidsIn(await shown(issuer, fresh)), [sidOf(fresh)]);
});

t.test('a text that is no sid is not there', async (t) => {
  const own = await logIn(issuer);
  const { sid } = claimsOf(own['access_token']);
  const before = await rowOf(issuer, String(sid));
  const odd = [
    String(sid).toUpperCase(),
    String(sid).replaceAll('-', ''),
    `{${sid}}`,
    `${sid}%00`,
    `${sid}%0a`,
    `%20${sid}`,
    `${String(sid).slice(1)}`,
    '*',
    '%25',
    "'%20OR%20'1'='1",
    '__proto__',
    '%2e%2e%2fsessions',
    'null',
    '00000000-0000-0000-0000-000000000000',
    'x'.repeat(90),
    '%F0%9F%94%91',
  ];
  for (const text of odd) assertError(t, await end(issuer, own, text), 404, 'not_found', text.slice(0, 40));
  for (const text of ['', `${sid}/`, `${sid}/x`]) {
    const reply = await end(issuer, own, text);
    assertError(t, reply, 404, 'not_found', `an address that is not there: ${text}`);
  }
  assertError(t, await end(issuer, own, 'x'.repeat(4000)), 400, 'invalid_request', 'one that is far too long');
  t.strictSame(await rowOf(issuer, String(sid)), before);
});

t.test('a login without refresh is a session like the others, and ended it is over at once', async (t) => {
  const login = await logIn(issuer);
  const once = await logIn(issuer, { client_id: 'once' });
  const sessions = await shown(issuer, once);
  t.ok(sidsIn(sessions).includes(sidOf(login)));
  t.equal(sessions.find(({ is_current }) => is_current === true)?.['sid'], sidOf(once));
  assertEnded(t, await end(issuer, once), 'all');
  assertError(t, await refresh(issuer, login['refresh_token']), 400, 'invalid_grant');
  const next = await logIn(issuer);
  t.equal((await asBearer(issuer, 'DELETE', '/sessions', once['access_token'])).status, 401);
  assertTokens(t, await refresh(issuer, next['refresh_token']), 'what ended ends no other');
});

t.test('other methods are 405 with Allow', async (t) => {
  const own = await logIn(issuer);
  for (const [method, url, allow] of [
    ['POST', '/sessions', 'DELETE, GET, HEAD'],
    ['PUT', '/sessions', 'DELETE, GET, HEAD'],
    ['GET', `/sessions/${sidOf(own)}`, 'DELETE'],
    ['PUT', `/sessions/${sidOf(own)}`, 'DELETE'],
  ] as const) {
    const reply = await asBearer(issuer, method, url, own['access_token']);
    t.equal(reply.status, 405, `${method} ${url}`);
    t.equal(reply.headers['allow'], allow, `${method} ${url}: Allow`);
  }
});

t.test('while the database is in trouble it is 503, and nothing is said to have ended', async (t) => {
  const own = await logIn(issuer);
  const breaks: readonly [part: object, name: string, ask: () => Promise<TextReply>][] = [
    [issuer.sessions, 'list', () => asBearer(issuer, 'GET', '/sessions', own['access_token'])],
    [issuer.users, 'endLogins', () => end(issuer, own)],
    [issuer.families, 'revoke', () => end(issuer, own, sidOf(own))],
  ];
  for (const [part, name, ask] of breaks) {
    const reply = await whileFailing(part, name, new DatabaseUnavailable('hunter2'), ask);
    assertError(t, reply, 503, 'temporarily_unavailable', name);
    t.match(reply.headers['retry-after'], /^[1-9]\d*$/, name);
  }
  assertTokens(t, await refresh(issuer, own['refresh_token']), 'nothing had');
});
