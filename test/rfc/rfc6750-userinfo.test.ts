import t, { type Test } from 'tap';
import { DatabaseUnavailable } from '../../src/store/outage.js';
import { aClient, basic, claimsOf, PROVIDERS } from '../helper.js';
import { asBearer, assertNotStored, PAGE, postForm, sidOf, type TextReply, whileFailing } from '../http/support.js';
import { aService, assertError, issuerWithClients, logIn, refresh, SECRET, SERVICE, send } from './setup.js';

const APP = aClient({ origins: [PAGE], audiences: ['elsewhere'] });
const CLIENTS = [APP, aService(), aClient({ id: 'once', grants: ['password'] })];
const CLIENT_TOKEN = { grant_type: 'client_credentials' };

/** RFC 6750 §3: the error, and a challenge that names it. */
function assertChallenge(t: Test, reply: TextReply, status: number, error: string, what: string): void {
  assertError(t, reply, status, error, what);
  t.equal(reply.headers['www-authenticate'], `Bearer realm="mintd", error="${error}"`, `${what}: challenge`);
}

for (const provider of PROVIDERS) {
  t.test(`on ${provider}: OIDC Core §5.3: the claims of the user as the database has them now`, async (t) => {
    const issuer = await issuerWithClients(t, { provider, clients: CLIENTS });
    const id = await issuer.addUser({ username: 'Grace', email: 'Grace@example.com', roles: ['a', 'b'] });
    const login = await logIn(issuer, { username: 'grace' });
    const expected = { sub: id, preferred_username: 'Grace', email: 'Grace@example.com', roles: ['a', 'b'] };
    for (const method of ['GET', 'POST'] as const) {
      const reply = await asBearer(issuer, method, '/userinfo', login['access_token']);
      t.equal(reply.status, 200, method);
      t.strictSame(reply.body, { ...expected, sid: sidOf(login) }, method);
      t.match(reply.headers['content-type'], /^application\/json(;|$)/);
      assertNotStored(t, reply, method);
    }
    const data = { roles: '', email: null, emailKey: null };
    await issuer.database.prisma.user.update({ where: { id }, data });
    const { body } = await asBearer(issuer, 'GET', '/userinfo', login['access_token']);
    t.strictSame(body, { sub: id, preferred_username: 'Grace', roles: [], sid: sidOf(login) });

    await issuer.families.revoke(sidOf(login), 'logout', issuer.clock.now);
    const ended = await asBearer(issuer, 'GET', '/userinfo', login['access_token']);
    assertChallenge(t, ended, 401, 'invalid_token', 'after the login ended');
    const again = await logIn(issuer, { username: 'grace' });
    await issuer.users.remove(id);
    const gone = await asBearer(issuer, 'GET', '/userinfo', again['access_token']);
    assertChallenge(t, gone, 401, 'invalid_token', 'after the user was deleted');
  });
}

const issuer = await issuerWithClients(t, { clients: CLIENTS });
const userinfo = (authorization: string) => send(issuer, { url: '/userinfo', headers: { authorization } });

t.test('RFC 6750 §3: a request without a token gets a bare challenge', async (t) => {
  for (const method of ['GET', 'POST'] as const) {
    const reply = await send(issuer, { method, url: '/userinfo' });
    t.equal(reply.status, 401, method);
    t.equal(reply.headers['www-authenticate'], 'Bearer realm="mintd"', `${method}: no error, as nothing was tried`);
    assertNotStored(t, reply, method);
  }
});

t.test('§2.1: the scheme is Bearer in any case, with one token behind it', async (t) => {
  const token = (await logIn(issuer))['access_token'];
  for (const scheme of ['Bearer ', 'bearer ', 'BEARER ', 'bEaReR ', 'Bearer   ']) {
    t.equal((await userinfo(`${scheme}${token}`)).status, 200, scheme);
  }
  const malformed = [
    '',
    'Bearer',
    'Bearer ',
    `Bearer${token}`,
    `Bearer\t${token}`,
    `${token}`,
    `Bearer ${token} ${token}`,
    `Bearer ${token}, Bearer ${token}`,
    `Bearer ${token},`,
    `Bearer "${token}"`,
    `Bearer token=${token}`,
    `Bearer =${token}`,
    'Bearer é',
    `Token ${token}`,
    `DPoP ${token}`,
    `xBearer ${token}`,
    basic('service', SECRET),
    SERVICE.authorization,
  ];
  for (const authorization of malformed) {
    const reply = await userinfo(authorization);
    assertChallenge(t, reply, 400, 'invalid_request', authorization.slice(0, 20));
  }
});

t.test('§2.2, §2.3: a token in the body or the URL is none', async (t) => {
  const token = String((await logIn(issuer))['access_token']);
  const inBody = await postForm(issuer, '/userinfo', { access_token: token });
  assertError(t, inBody, 401, 'invalid_token', 'in the body');
  const inUrl = await send(issuer, { url: `/userinfo?access_token=${token}` });
  assertError(t, inUrl, 400, 'invalid_request', 'in the URL');
  const both = await asBearer(issuer, 'GET', `/userinfo?access_token=${token}`, token);
  assertError(t, both, 400, 'invalid_request', 'in the URL beside the header');
});

t.test('§3.1: what is no good access token is invalid_token', async (t) => {
  const { access_token: access, refresh_token: refreshToken } = await logIn(issuer);
  const [header, , signature] = String(access).split('.');
  const forged = Buffer.from(JSON.stringify({ sub: 'root' })).toString('base64url');
  const tokens = ['x', '.', 'a.b.c', String(refreshToken), `${header}.${forged}.${signature}`, `${header}.${forged}.`];
  for (const token of [...tokens, String(access).slice(0, -9), 'x'.repeat(8000)]) {
    assertChallenge(t, await userinfo(`Bearer ${token}`), 401, 'invalid_token', token.slice(0, 10));
  }
});

t.test('§3.1: an expired token, to the millisecond', async (t) => {
  const token = (await logIn(issuer))['access_token'];
  issuer.clock.now += 599_999;
  t.equal((await asBearer(issuer, 'GET', '/userinfo', token)).status, 200);
  issuer.clock.now += 1;
  assertChallenge(t, await asBearer(issuer, 'GET', '/userinfo', token), 401, 'invalid_token', 'expired');
});

t.test('unlike a local verifier mintd refuses a token as soon as what it rests on is over', async (t) => {
  const endings: Readonly<Record<string, (sid: string, userId: string) => Promise<unknown>>> = {
    reuse: async (sid) => issuer.families.revoke(sid, 'reuse', issuer.clock.now),
    'the user disabled': (_sid, id) => issuer.users.disable(id, issuer.clock.now),
    'a new password': (_sid, id) => issuer.users.setPassword(id, 'x'),
    'the login deleted': (id) => issuer.database.prisma.family.delete({ where: { id } }),
    'the client disabled': () => issuer.clients.disable('app', issuer.clock.now),
    'the client enabled again': async () => issuer.clients.enable('app'),
  };
  const userIds = new Map<string, string>();
  const logins = new Map<string, Record<string, unknown>>();
  for (const what of Object.keys(endings)) {
    userIds.set(what, await issuer.addUser({ username: what }));
    logins.set(what, await logIn(issuer, { username: what }));
  }
  for (const [what, end] of Object.entries(endings)) {
    const login = logins.get(what) ?? {};
    if (!what.startsWith('the client')) {
      t.equal((await asBearer(issuer, 'GET', '/userinfo', login['access_token'])).status, 200, `${what}: before`);
    }
    await end(sidOf(login), userIds.get(what) ?? '');
    const reply = await asBearer(issuer, 'GET', '/userinfo', login['access_token']);
    assertChallenge(t, reply, 401, 'invalid_token', what);
  }
});

t.test('the token of a login without refresh is good until it expires or its user is disabled', async (t) => {
  const id = await issuer.addUser({ username: 'short' });
  const token = (await logIn(issuer, { client_id: 'once', username: 'short' }))['access_token'];
  const { sid } = claimsOf(token);
  t.strictSame((await asBearer(issuer, 'GET', '/userinfo', token)).body, {
    sub: id,
    preferred_username: 'short',
    roles: [],
    sid,
  });
  await issuer.users.disable(id, issuer.clock.now);
  await issuer.users.enable(id);
  assertChallenge(t, await asBearer(issuer, 'GET', '/userinfo', token), 401, 'invalid_token', 'disabled');
});

t.test('§3.1: the token of a client is nobody: 403, on every endpoint for users', async (t) => {
  const token = (await postForm(issuer, '/token', CLIENT_TOKEN, SERVICE)).body['access_token'];
  const id = '6a1c9d52-0f6e-4a53-9d9c-2b8f0e1d7c11';
  for (const [method, url] of [
    ['GET', '/userinfo'],
    ['POST', '/userinfo'],
    ['GET', '/sessions'],
    ['DELETE', '/sessions'],
    ['DELETE', `/sessions/${id}`],
  ] as const) {
    assertChallenge(t, await asBearer(issuer, method, url, token), 403, 'insufficient_scope', `${method} ${url}`);
  }
});

t.test('another audience or a narrower scope does not matter: it says only who the bearer is', async (t) => {
  const login = await logIn(issuer, { audience: 'elsewhere' });
  t.equal((await asBearer(issuer, 'GET', '/userinfo', login['access_token'])).status, 200);
  const narrow = await refresh(issuer, login['refresh_token'], { scope: 'read' });
  t.equal((await asBearer(issuer, 'GET', '/userinfo', narrow.body['access_token'])).status, 200);
});

t.test('other methods are 405, and HEAD is GET without the body', async (t) => {
  const token = (await logIn(issuer))['access_token'];
  for (const method of ['PUT', 'DELETE'] as const) {
    const reply = await asBearer(issuer, method, '/userinfo', token);
    t.equal(reply.status, 405, method);
    t.equal(reply.headers['allow'], 'GET, HEAD, POST', method);
  }
  const head = await asBearer(issuer, 'HEAD', '/userinfo', token);
  t.strictSame([head.status, head.text], [200, '']);
});

t.test('while the database is in trouble it is 503: a good token is not called a bad one', async (t) => {
  const token = (await logIn(issuer))['access_token'];
  for (const [part, name] of [
    [issuer.clients, 'find'],
    [issuer.users, 'find'],
    [issuer.families, 'find'],
  ] as const) {
    const ask = () => asBearer(issuer, 'GET', '/userinfo', token);
    const reply = await whileFailing(part, name, new DatabaseUnavailable('hunter2'), ask);
    assertError(t, reply, 503, 'temporarily_unavailable', name);
    t.match(reply.headers['retry-after'], /^[1-9]\d*$/);
    t.equal(reply.headers['www-authenticate'], undefined, 'no challenge: nothing is wrong with the token');
  }
});

t.test('a page of the client may read it, no other', async (t) => {
  const token = (await logIn(issuer))['access_token'];
  const own = await asBearer(issuer, 'GET', '/userinfo', token, { origin: PAGE });
  t.equal(own.headers['access-control-allow-origin'], PAGE);
  const foreign = await asBearer(issuer, 'GET', '/userinfo', token, { origin: 'https://evil.example' });
  t.equal(foreign.headers['access-control-allow-origin'], undefined);
  for (const { headers } of [own, foreign]) t.equal(headers['vary'], 'Origin');
});
