import t from 'tap';
import { sha256 } from '../../src/oauth/refresh-token.js';
import { aClient, basic, PASSWORD } from '../helper.js';
import { aService, assertError, assertTokens, issuerWithClients, loginForm, SECRET, SERVICE } from './setup.js';

const CLIENT_TOKEN = { grant_type: 'client_credentials' };
const LOGIN = { grant_type: 'password', username: 'ada', password: PASSWORD };

const issuer = await issuerWithClients(t);

t.test('§2.3.1: a client authenticates with HTTP Basic, or with client_id and client_secret in the body', async (t) => {
  assertTokens(t, await issuer.post('/token', CLIENT_TOKEN, SERVICE), 'basic');
  const post = { ...CLIENT_TOKEN, client_id: 'service', client_secret: SECRET };
  assertTokens(t, await issuer.post('/token', post), 'post');
});

t.test('§2.3.1, Appendix B: id and secret in the header are form-decoded', async (t) => {
  const secret = 'a b+c%d:e/é&=';
  const issuer = await issuerWithClients(t, { clients: [aService({ id: 'odd.id', secretHash: sha256(secret) })] });
  const halves = { plus: 'a+b%2Bc%25d%3Ae%2F%C3%A9%26%3D', percent: 'a%20b%2bc%25d:e/%C3%A9%26%3D' };
  for (const [name, half] of Object.entries(halves)) {
    const authorization = `Basic ${Buffer.from(`odd%2Eid:${half}`).toString('base64')}`;
    assertTokens(t, await issuer.post('/token', CLIENT_TOKEN, { authorization }), name);
  }
  const undecoded = { authorization: `Basic ${Buffer.from(`odd.id:${secret}`).toString('base64')}` };
  assertError(t, await issuer.post('/token', CLIENT_TOKEN, undecoded), 401, 'invalid_client', 'not encoded');
});

t.test('§2.3: two methods of authentication in one request are invalid_request', async (t) => {
  const bodies = [
    { ...CLIENT_TOKEN, client_secret: SECRET },
    { ...CLIENT_TOKEN, client_id: 'service', client_secret: SECRET },
    { ...CLIENT_TOKEN, client_id: 'app' },
    { ...CLIENT_TOKEN, client_id: 'app', client_secret: 'another' },
  ];
  for (const body of bodies) {
    assertError(t, await issuer.post('/token', body, SERVICE), 400, 'invalid_request', Object.keys(body).join());
  }
});

t.test('§3.2.1: client_id in the body beside the same one in the header is no second method', async (t) => {
  assertTokens(t, await issuer.post('/token', { ...CLIENT_TOKEN, client_id: 'service' }, SERVICE));
});

t.test('§3.2.1: a confidential client must authenticate, whichever grant it uses', async (t) => {
  const attempts = {
    'no secret': { ...LOGIN, client_id: 'service' },
    'empty secret': { ...LOGIN, client_id: 'service', client_secret: '' },
    'wrong secret': { ...LOGIN, client_id: 'service', client_secret: `${SECRET}x` },
    'secret in another case': { ...LOGIN, client_id: 'service', client_secret: SECRET.toUpperCase() },
    'client_credentials without': { ...CLIENT_TOKEN, client_id: 'service' },
    'refresh without': { grant_type: 'refresh_token', refresh_token: 'mrt_x', client_id: 'service' },
  };
  for (const [what, body] of Object.entries(attempts)) {
    const reply = await issuer.post('/token', body);
    assertError(t, reply, 401, 'invalid_client', what);
    t.equal(reply.headers['www-authenticate'], undefined, `${what}: no header was used, so no challenge`);
  }
});

t.test('§5.2: a client that used the Authorization header gets 401 with the matching scheme', async (t) => {
  const headers = {
    'unknown client': basic('nobody', SECRET),
    'wrong secret': basic('service', 'wrong'),
    'empty secret': basic('service', ''),
    'no colon': `Basic ${Buffer.from('service').toString('base64')}`,
    'no client': `Basic ${Buffer.from(`:${SECRET}`).toString('base64')}`,
    'bad percent encoding': `Basic ${Buffer.from('service:%zz').toString('base64')}`,
    'ill-formed UTF-8': `Basic ${Buffer.from([0xff, 0xfe, 0x3a, 0xff]).toString('base64')}`,
    'not base64': 'Basic !!!!',
    'base64url of nothing': 'Basic',
    'another scheme': 'Bearer abcdef',
    'no scheme': SECRET,
    'empty header': '',
    'a public client with a secret': basic('app', 'secret'),
    'a prototype name': basic('__proto__', 'constructor'),
    'overlong id': basic('x'.repeat(5000), 'y'),
  };
  for (const [what, authorization] of Object.entries(headers)) {
    const reply = await issuer.post('/token', CLIENT_TOKEN, { authorization });
    assertError(t, reply, 401, 'invalid_client', what);
    t.match(reply.headers['www-authenticate'], /^Basic realm="[^"]+"/, `${what}: challenge`);
  }
});

t.test('§5.2: every failed authentication gets one and the same answer', async (t) => {
  const issuer = await issuerWithClients(t, { clients: [aService(), aService({ id: 'off', disabledAt: 1 })] });
  const bodies = [
    { ...CLIENT_TOKEN, client_id: 'nobody', client_secret: SECRET },
    { ...CLIENT_TOKEN, client_id: 'service', client_secret: 'wrong' },
    { ...CLIENT_TOKEN, client_id: 'off', client_secret: SECRET },
    { ...CLIENT_TOKEN, client_id: 'service' },
    CLIENT_TOKEN,
  ];
  const replies = await Promise.all(bodies.map((body) => issuer.post('/token', body)));
  for (const reply of replies) assertError(t, reply, 401, 'invalid_client');
  t.equal(new Set(replies.map(({ body }) => JSON.stringify(body))).size, 1);
});

t.test('§2.1, §3.2.1: a public client names itself; a secret from it is refused', async (t) => {
  assertTokens(t, await issuer.post('/token', loginForm()), 'client_id alone');
  const emptyBasic = { authorization: basic('app', '') };
  assertTokens(t, await issuer.post('/token', LOGIN, emptyBasic), 'Basic with an empty password');
  assertError(t, await issuer.post('/token', loginForm({ client_secret: 'x' })), 401, 'invalid_client');
});

t.test('§5.2: nothing about grant, user or token is told before the client is known', async (t) => {
  for (const grantType of ['password', 'refresh_token', 'client_credentials', 'unknown', '']) {
    const reply = await issuer.post('/token', loginForm({ client_id: 'nobody', grant_type: grantType }));
    assertError(t, reply, 401, 'invalid_client', `grant_type ${grantType}`);
  }
});

t.test('§2.2: client ids are compared exactly', async (t) => {
  const issuer = await issuerWithClients(t, { clients: [aClient()] });
  for (const id of ['APP', 'App', 'app ', ' app', 'app\t', 'app\0', 'ap', 'apps', 'a%', '%', 'a_p']) {
    assertError(
      t,
      await issuer.post('/token', loginForm({ client_id: id })),
      401,
      'invalid_client',
      JSON.stringify(id),
    );
  }
});
