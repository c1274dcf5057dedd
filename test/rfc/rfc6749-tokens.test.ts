import t from 'tap';
import { formatRefreshToken } from '../../src/oauth/refresh-token.js';
import { aClient, PASSWORD } from '../helper.js';
import { assertError, assertTokens, issuerWithClients, logIn, loginForm, refresh, SERVICE, sendBody } from './setup.js';

const issuer = await issuerWithClients(t);

t.test('§5.1: a login answers with an access token, its type and lifetime, and a refresh token', async (t) => {
  const reply = await issuer.post('/token', loginForm());
  assertTokens(t, reply);
  t.equal(reply.body['expires_in'], 600);
  t.match(reply.body['refresh_token'], /^mrt_[A-Za-z0-9_-]{64}$/);
  t.strictSame(Object.keys(reply.body).sort(), ['access_token', 'expires_in', 'refresh_token', 'scope', 'token_type']);
});

t.test('§5.1: expires_in is the lifetime the client has', async (t) => {
  const clients = [aClient({ accessTokenTtlSeconds: 1 }), aClient({ id: 'long', accessTokenTtlSeconds: 86_400 })];
  const issuer = await issuerWithClients(t, { clients });
  t.equal((await logIn(issuer))['expires_in'], 1);
  t.equal((await logIn(issuer, { client_id: 'long' }))['expires_in'], 3600, 'no more than the server allows');
});

t.test('§4.4.3: client_credentials gives no refresh token', async (t) => {
  const reply = await issuer.post('/token', { grant_type: 'client_credentials' }, SERVICE);
  assertTokens(t, reply);
  t.equal(Object.hasOwn(reply.body, 'refresh_token'), false);
});

t.test('§5.2: wrong user credentials are invalid_grant, and nobody learns which part was wrong', async (t) => {
  const off = await issuer.addUser({ username: 'off' });
  await issuer.users.disable(off, issuer.clock.now);
  const attempts = {
    'wrong password': loginForm({ password: 'wrong' }),
    'unknown user': loginForm({ username: 'nobody' }),
    'disabled user': loginForm({ username: 'off' }),
    'disabled user, wrong password': loginForm({ username: 'off', password: 'wrong' }),
    'impossible user name': loginForm({ username: 'a\u0000b' }),
    'overlong user name': loginForm({ username: 'x'.repeat(8000) }),
    'password of 73 bytes': loginForm({ password: 'x'.repeat(73) }),
    'password with NUL': loginForm({ password: `${PASSWORD}\0` }),
    'password in another case': loginForm({ password: PASSWORD.toUpperCase() }),
    'password with a space behind': loginForm({ password: `${PASSWORD} ` }),
  };
  const bodies = new Set<string>();
  for (const [what, form] of Object.entries(attempts)) {
    const reply = await issuer.post('/token', form);
    assertError(t, reply, 400, 'invalid_grant', what);
    bodies.add(JSON.stringify(reply.body));
  }
  t.equal(bodies.size, 1, 'one answer for all');
});

t.test('§5.2, §6: refresh tokens that are wrong in whatever way are invalid_grant, with one answer', async (t) => {
  const login = await logIn(issuer);
  const token = String(login['refresh_token']);
  const wrong = {
    truncated: token.slice(0, -1),
    'too long': `${token}A`,
    'without prefix': token.slice(4),
    'another prefix': token.replace('mrt_', 'MRT_'),
    padded: `${token}=`,
    'with a space': ` ${token}`,
    'with a newline': `${token}\n`,
    'with NUL': `${token}\0`,
    'base64 instead of base64url': `mrt_${'+/'.repeat(32)}`,
    unknown: formatRefreshToken({ handle: new Uint8Array(16), secret: new Uint8Array(28) }),
    'an access token': String(login['access_token']),
    'a prototype name': '__proto__',
    huge: 'x'.repeat(12_000),
  };
  const bodies = new Set<string>();
  for (const [what, presented] of Object.entries(wrong)) {
    const reply = await refresh(issuer, presented);
    assertError(t, reply, 400, 'invalid_grant', what);
    bodies.add(JSON.stringify(reply.body));
  }
  t.equal(bodies.size, 1, 'one answer for all');
  assertTokens(t, await refresh(issuer, token), 'and none of it ended the login');
});

t.test('§6: a refresh token belongs to the client it was issued to', async (t) => {
  const login = await logIn(issuer);
  const form = { grant_type: 'refresh_token', refresh_token: String(login['refresh_token']) };
  assertError(t, await issuer.post('/token', form, SERVICE), 400, 'invalid_grant');
  assertTokens(t, await refresh(issuer, login['refresh_token']), 'its own client is not harmed');
});

t.test('§6: a refresh gives a new access token and a new refresh token', async (t) => {
  const login = await logIn(issuer);
  const reply = await refresh(issuer, login['refresh_token']);
  assertTokens(t, reply);
  t.not(reply.body['access_token'], login['access_token']);
  t.not(reply.body['refresh_token'], login['refresh_token']);
});

t.test('§10.4, §10.10: refresh tokens are not guessable', async (t) => {
  const tokens: string[] = [];
  while (tokens.length < 20) tokens.push(String((await logIn(issuer))['refresh_token']));
  const bytes = tokens.map((token) => Buffer.from(token.slice(4), 'base64url'));
  t.ok(bytes.every(({ length }) => length === 48));
  const eightBytePieces = bytes.flatMap((all) => [0, 8, 16, 24, 32, 40].map((at) => all.toString('hex', at, at + 8)));
  t.equal(new Set(eightBytePieces).size, 120, 'no part of one is a part of another');
});

t.test('the same as a flat JSON object works alike', async (t) => {
  const login = await sendBody(issuer, 'application/json', JSON.stringify(loginForm({ scope: 'read write' })));
  assertTokens(t, login);
  const form = { grant_type: 'refresh_token', client_id: 'app', refresh_token: login.body['refresh_token'] };
  assertTokens(t, await sendBody(issuer, 'application/json; charset=utf-8', JSON.stringify(form)));
});
