import t from 'tap';
import { aClient, PASSWORD } from '../helper.js';
import {
  aService,
  assertError,
  assertTokens,
  FORM,
  issuerWithClients,
  loginForm,
  SERVICE,
  send,
  sendBody,
} from './setup.js';

const issuer = await issuerWithClients(t);

t.test('§3.2: the token endpoint takes POST only, and says so', async (t) => {
  for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'SEARCH'] as const) {
    const reply = await send(issuer, { method, url: '/token' });
    t.equal(reply.status, 405, method);
    t.equal(reply.headers['allow'], 'POST', `${method}: Allow`);
    t.equal(reply.headers['cache-control'], 'no-store', `${method}: Cache-Control`);
  }
});

t.test('§3.2: parameters sent without a value are treated as omitted', async (t) => {
  const login = await issuer.post('/token', loginForm({ scope: '', resource: '', audience: '', client_secret: '' }));
  assertTokens(t, login);
  t.equal(login.body['scope'], 'read', 'the default scope');
  for (const name of ['grant_type', 'username', 'password']) {
    assertError(t, await issuer.post('/token', loginForm({ [name]: '' })), 400, 'invalid_request', `empty ${name}`);
  }
  const noToken = { grant_type: 'refresh_token', client_id: 'app', refresh_token: '' };
  assertError(t, await issuer.post('/token', noToken), 400, 'invalid_request', 'empty refresh_token');
  assertError(t, await issuer.post('/token', loginForm({ client_id: '' })), 401, 'invalid_client', 'empty client_id');
});

t.test('§3.2: unrecognised parameters are ignored', async (t) => {
  const odd = { foo: 'bar', '': 'nameless', __proto__x: '1', constructor: 'x', toString: 'x', 'a[b]': '1', é: 'ü' };
  assertTokens(t, await issuer.post('/token', loginForm(odd)));
  const names = ['__proto__', 'hasOwnProperty', 'valueOf'].map((name): [string, string] => [name, 'polluted']);
  assertTokens(t, await issuer.post('/token', [...Object.entries(loginForm()), ...names]));
  t.equal(Object.hasOwn(Object.prototype, 'polluted'), false);
});

t.test('§3.2: no parameter is sent more than once', async (t) => {
  const twice = ['grant_type', 'client_id', 'username', 'password', 'scope', 'client_secret', 'foo', '__proto__'];
  for (const name of twice) {
    const pairs: [string, string][] = [...Object.entries(loginForm({ scope: 'read' }))];
    const same = pairs.find(([known]) => known === name)?.[1] ?? 'x';
    const missing: [string, string][] = pairs.some(([known]) => known === name) ? [] : [[name, same]];
    const reply = await issuer.post('/token', [...pairs, ...missing, [name, same]]);
    assertError(t, reply, 400, 'invalid_request', `${name} twice`);
  }
  const refreshTwice = await sendBody(
    issuer,
    FORM,
    'client_id=app&grant_type=refresh_token&refresh_token=a&refresh_token=b',
  );
  assertError(t, refreshTwice, 400, 'invalid_request', 'refresh_token twice');
  const encoded = new URLSearchParams(loginForm()).toString();
  assertError(t, await sendBody(issuer, FORM, `${encoded}&pass%77ord=x`), 400, 'invalid_request', 'encoded name');
  assertError(t, await sendBody(issuer, FORM, `${encoded}&scope=&scope=`), 400, 'invalid_request', 'empty twice');
});

t.test('§4.3.2, §6: a missing parameter is invalid_request', async (t) => {
  for (const name of ['grant_type', 'username', 'password']) {
    const rest = Object.entries(loginForm()).filter(([known]) => known !== name);
    assertError(t, await issuer.post('/token', rest), 400, 'invalid_request', `no ${name}`);
  }
  const bare = { grant_type: 'refresh_token', client_id: 'app' };
  assertError(t, await issuer.post('/token', bare), 400, 'invalid_request', 'no refresh_token');
});

t.test('§5.2: a grant type mintd does not have is unsupported_grant_type', async (t) => {
  const unknown = [
    'authorization_code',
    'urn:ietf:params:oauth:grant-type:jwt-bearer',
    'urn:ietf:params:oauth:grant-type:device_code',
    'implicit',
    'Password',
    'password ',
    'constructor',
    '__proto__',
    'x'.repeat(4000),
    'a"\\\r\n\u0000b',
    'пароль',
  ];
  for (const grantType of unknown) {
    const reply = await issuer.post('/token', loginForm({ grant_type: grantType }));
    assertError(t, reply, 400, 'unsupported_grant_type', grantType.slice(0, 30));
    t.notOk(JSON.stringify(reply.body).includes(grantType.slice(0, 30)) && grantType.length > 20, 'nothing is echoed');
  }
});

t.test('§5.2: a grant the client may not use is unauthorized_client', async (t) => {
  const clients = [aClient({ grants: ['password'] }), aService({ grants: ['client_credentials'] })];
  const issuer = await issuerWithClients(t, { clients });
  const refused = [
    issuer.post('/token', { grant_type: 'refresh_token', client_id: 'app', refresh_token: 'x' }),
    issuer.post('/token', { grant_type: 'client_credentials', client_id: 'app' }),
    issuer.post('/token', { grant_type: 'password', username: 'ada', password: PASSWORD }, SERVICE),
    issuer.post('/token', { grant_type: 'refresh_token', refresh_token: 'x' }, SERVICE),
  ];
  for (const reply of await Promise.all(refused)) assertError(t, reply, 400, 'unauthorized_client');
});

t.test('§4.4: client_credentials is for confidential clients only, even if one is stored otherwise', async (t) => {
  const issuer = await issuerWithClients(t, { clients: [aClient({ grants: ['password', 'client_credentials'] })] });
  const reply = await issuer.post('/token', { grant_type: 'client_credentials', client_id: 'app' });
  t.not(reply.status, 200, 'whoever knows a public client id would be that client');
});

t.test('Appendix B: the body is UTF-8, + is a space and %XX a byte', async (t) => {
  await issuer.addUser({ username: 'jürgen ünal', password: 'pässwörter + 100% 🔑' });
  const encodings = [
    'username=j%C3%BCrgen+%C3%BCnal&password=p%C3%A4ssw%C3%B6rter+%2B+100%25+%F0%9F%94%91',
    'username=j%c3%bcrgen%20%c3%bcnal&password=p%c3%a4ssw%c3%b6rter%20%2b%20100%25%20%f0%9f%94%91',
    'username=jürgen+ünal&password=pässwörter+%2B+100%25+🔑',
    '&&username=jürgen+ünal&&password=pässwörter+%2B+100%25+🔑&',
  ];
  for (const body of encodings) {
    assertTokens(t, await sendBody(issuer, FORM, `grant_type=password&client_id=app&${body}`), body);
  }
});
