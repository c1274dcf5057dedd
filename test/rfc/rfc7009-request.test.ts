import t from 'tap';
import { DatabaseUnavailable } from '../../src/store/outage.js';
import { aClient } from '../helper.js';
import { assertNotStored, postForm, rowOf, sidOf, whileFailing } from '../http/support.js';
import { aService, assertError, assertTokens, FORM, issuerWithClients, logIn, refresh, send } from './setup.js';

const issuer = await issuerWithClients(t, { clients: [aClient(), aService(), aClient({ id: 'old' })] });
const body = await logIn(issuer);
const token = String(body['refresh_token']);
const before = await rowOf(issuer, sidOf(body));

const BAD: readonly [what: string, form: readonly [string, string][], status: number, error: string][] = [
  ['no token', [['client_id', 'app']], 400, 'invalid_request'],
  [
    'an empty token',
    [
      ['client_id', 'app'],
      ['token', ''],
    ],
    400,
    'invalid_request',
  ],
  [
    'the token twice',
    [
      ['client_id', 'app'],
      ['token', token],
      ['token', token],
    ],
    400,
    'invalid_request',
  ],
  [
    'the token under another name',
    [
      ['client_id', 'app'],
      ['refresh_token', token],
    ],
    400,
    'invalid_request',
  ],
  [
    'the client twice',
    [
      ['client_id', 'app'],
      ['client_id', 'app'],
      ['token', token],
    ],
    400,
    'invalid_request',
  ],
  ['no client', [['token', token]], 401, 'invalid_client'],
  [
    'an unknown client',
    [
      ['client_id', 'nobody'],
      ['token', token],
    ],
    401,
    'invalid_client',
  ],
  [
    'a public client with a secret',
    [
      ['client_id', 'app'],
      ['client_secret', 'x'],
      ['token', token],
    ],
    401,
    'invalid_client',
  ],
];

t.test('§2.1: a request that is not right ends nothing', async (t) => {
  for (const [what, form, status, error] of BAD) {
    assertError(t, await postForm(issuer, '/revoke', form), status, error, what);
  }
  t.strictSame(await rowOf(issuer, sidOf(body)), before);
});

t.test('§2.1: it is POST; another method is 405', async (t) => {
  for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const) {
    const reply = await send(issuer, { method, url: '/revoke' });
    t.equal(reply.status, 405, method);
    t.equal(reply.headers['allow'], 'POST', `${method}: Allow`);
    assertNotStored(t, reply, method);
  }
});

t.test('a token in the URL is refused, and not ended: it may stand in logs', async (t) => {
  for (const method of ['POST', 'GET'] as const) {
    const url = `/revoke?client_id=app&token=${token}`;
    const reply = await send(issuer, { method, url, headers: { 'content-type': FORM }, payload: '' });
    assertError(t, reply, 400, 'invalid_request', method);
  }
  const both = await postForm(issuer, `/revoke?token=${token}`, { client_id: 'app', token });
  assertError(t, both, 400, 'invalid_request', 'also beside one in the body');
  t.strictSame(await rowOf(issuer, sidOf(body)), before);
  t.notMatch(issuer.log.join(''), token);
});

t.test('bodies that cannot be read end nothing', async (t) => {
  const json = JSON.stringify({ client_id: 'app', token });
  const bodies: readonly [type: string, payload: string][] = [
    ['application/json', json.slice(0, -1)],
    ['application/json', `[${json}]`],
    ['application/json', json.replace('{', `{"token":"${token}",`)],
    ['application/json', JSON.stringify({ client_id: 'app', token: [token] })],
    ['text/plain', json],
    [FORM, `client_id=app&token=${token}&x=%zz`],
  ];
  for (const [type, payload] of bodies) {
    const headers = { 'content-type': type };
    const reply = await send(issuer, { method: 'POST', url: '/revoke', headers, payload });
    assertError(t, reply, 400, 'invalid_request', payload.slice(0, 12));
  }
  const long = await postForm(issuer, '/revoke', { client_id: 'app', token, x: 'x'.repeat(17_000) });
  assertError(t, long, 413, 'invalid_request', 'a long one');
  t.strictSame(await rowOf(issuer, sidOf(body)), before);
});

t.test('the same request as JSON', async (t) => {
  const login = await logIn(issuer);
  const payload = JSON.stringify({ client_id: 'app', token: login['refresh_token'], token_type_hint: 'refresh_token' });
  const headers = { 'content-type': 'application/json' };
  const reply = await send(issuer, { method: 'POST', url: '/revoke', headers, payload });
  t.equal(reply.status, 200);
  t.equal(reply.text, '');
  assertError(t, await refresh(issuer, login['refresh_token']), 400, 'invalid_grant');
});

t.test('a disabled client ends nothing: its logins are over anyhow', async (t) => {
  const login = await logIn(issuer, { client_id: 'old' });
  await issuer.clients.disable('old', issuer.clock.now);
  const form = { client_id: 'old', token: String(login['refresh_token']) };
  assertError(t, await postForm(issuer, '/revoke', form), 401, 'invalid_client');
});

t.test('§2.2.1: while the database is in trouble it is 503 with Retry-After, and the token is as it was', async (t) => {
  const { clients, families, grants } = issuer;
  const form = { client_id: 'app', token };
  const access = { client_id: 'app', token: String(body['access_token']) };
  const breaks: readonly [part: object, name: string, form: Record<string, string>][] = [
    [clients, 'find', form],
    [families, 'find', form],
    [families, 'revoke', form],
    [families, 'revoke', access],
  ];
  for (const [part, name, request] of breaks) {
    const error = new DatabaseUnavailable('postgres://mintd:hunter2@db');
    const reply = await whileFailing(part, name, error, () => postForm(issuer, '/revoke', request));
    assertError(t, reply, 503, 'temporarily_unavailable', name);
    t.match(reply.headers['retry-after'], /^[1-9]\d*$/, `${name}: Retry-After`);
    t.notMatch(JSON.stringify(reply), /hunter2|postgres/, name);
  }
  const bug = await whileFailing(grants.signer, 'verify', new Error('x'), () => postForm(issuer, '/revoke', access));
  assertError(t, bug, 500, 'server_error', 'a bug');
  t.strictSame(await rowOf(issuer, sidOf(body)), before);
  assertTokens(t, await refresh(issuer, token), 'it lives on');
});

t.test('the log says which login ended, and holds no token', async (t) => {
  const login = await logIn(issuer);
  const logged = issuer.log.length;
  await postForm(issuer, '/revoke', { client_id: 'app', token: String(login['refresh_token']) });
  const lines = issuer.log.slice(logged).map((line) => JSON.parse(line));
  t.match(
    lines.find(({ event }) => event === 'revoked'),
    { level: 30, clientId: 'app', sid: sidOf(login) },
  );
  for (const secret of [login['refresh_token'], login['access_token'], token]) {
    t.notOk(issuer.log.join('').includes(String(secret)));
  }
});
