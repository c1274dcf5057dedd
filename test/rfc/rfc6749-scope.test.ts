import t from 'tap';
import { aClient, claimsOf } from '../helper.js';
import { assertError, assertTokens, issuerWithClients, logIn, loginForm, refresh } from './setup.js';

const issuer = await issuerWithClients(t);

t.test('§3.3: the answer says which scope was granted, and so does the token', async (t) => {
  const asked = { 'read write': 'read write', 'write read': 'write read', write: 'write', 'read read': 'read' };
  for (const [scope, granted] of Object.entries(asked)) {
    const body = await logIn(issuer, { scope });
    t.equal(body['scope'], granted, scope);
    t.equal(claimsOf(body['access_token'])['scope'], granted, scope);
  }
});

t.test('§3.3: without a scope the client gets its default', async (t) => {
  const body = await logIn(issuer);
  t.equal(body['scope'], 'read');
});

t.test('§3.3: a client without any default gets a token without scope', async (t) => {
  const issuer = await issuerWithClients(t, { clients: [aClient({ defaultScope: [] })] });
  const body = await logIn(issuer);
  t.equal(Object.hasOwn(body, 'scope'), false);
  t.equal(Object.hasOwn(claimsOf(body['access_token']), 'scope'), false);
});

t.test('§3.3: a scope outside the grammar or beyond the client is invalid_scope', async (t) => {
  const refused = [
    'admin',
    'read admin',
    'Read',
    'READ',
    ' read',
    'read ',
    'read  write',
    'read\twrite',
    'read\nwrite',
    'read,write',
    'rea"d',
    'rea\\d',
    'réad',
    'read\0',
    '*',
    '.*',
    'constructor',
    ' ',
    'read '.repeat(2000).trim().concat(' x'),
  ];
  for (const scope of refused) {
    const reply = await issuer.post('/token', loginForm({ scope }));
    assertError(t, reply, 400, 'invalid_scope', JSON.stringify(scope).slice(0, 40));
  }
});

t.test('§6: a refresh may ask for less, which affects that access token alone', async (t) => {
  const login = await logIn(issuer, { scope: 'read write' });
  const narrowed = await refresh(issuer, login['refresh_token'], { scope: 'write' });
  assertTokens(t, narrowed);
  t.equal(narrowed.body['scope'], 'write');
  t.equal(claimsOf(narrowed.body['access_token'])['scope'], 'write');
  const whole = await refresh(issuer, narrowed.body['refresh_token']);
  t.equal(whole.body['scope'], 'read write', 'the new refresh token has the scope of the old one');
});

t.test('§6: a refresh must not ask for more than was granted, even if the client could have had it', async (t) => {
  const login = await logIn(issuer, { scope: 'read' });
  for (const scope of ['write', 'read write', 'read"', ' ']) {
    assertError(t, await refresh(issuer, login['refresh_token'], { scope }), 400, 'invalid_scope', scope);
  }
  assertTokens(t, await refresh(issuer, login['refresh_token']), 'nothing was consumed');
});
