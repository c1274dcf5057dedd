import t from 'tap';
import { assertError, assertTokens, FORM, issuerWithClients, loginForm, send, sendBody } from '../rfc/setup.js';

const issuer = await issuerWithClients(t);
const payload = new URLSearchParams(loginForm()).toString();
const post = (url: string) => send(issuer, { method: 'POST', url, headers: { 'content-type': FORM }, payload });

t.test('a credential in the URL is refused, however its name is written', async (t) => {
  const families = await issuer.database.prisma.family.count();
  const queries = [
    '?password=hunter2',
    '?password',
    '?PassWord=x',
    '?x=1&client_secret=x',
    '?refresh_token=x',
    '?access_token=x',
    '?token=x',
    '?client_assertion=x',
    '?%70assword=x',
    '?pass%77ord=x',
    '?%50%41%53%53%57%4f%52%44=x',
    '?&&password=x',
    '?x=1?&password=x',
    '?x=?&password=x',
    '??&password=x',
    '?password=x#y',
    '?%zz=x',
    '?x&%ff',
  ];
  for (const query of queries) assertError(t, await post(`/token${query}`), 400, 'invalid_request', query);
  t.equal(await issuer.database.prisma.family.count(), families, 'nobody was logged in');
});

t.test('it is refused at every address, also at those that are not there', async (t) => {
  for (const path of ['/livez', '/.well-known/jwks.json', '/nothing', '/']) {
    for (const method of ['GET', 'HEAD', 'POST', 'DELETE'] as const) {
      const reply = await send(issuer, { method, url: `${path}?token=x` });
      t.equal(reply.status, 400, `${method} ${path}`);
      t.equal(reply.headers['cache-control'], 'no-store', `${method} ${path}`);
    }
  }
});

t.test('a query without a credential is ignored: parameters in the URL are no parameters', async (t) => {
  for (const query of [
    '?',
    '?x=y',
    '?grant_type=client_credentials',
    '?scope=admin',
    '?tokens=x&mypassword=x',
    '?a=token',
  ]) {
    assertTokens(t, await post(`/token${query}`), query);
  }
  const inUrl = await send(issuer, { method: 'POST', url: '/token?grant_type=password&client_id=app' });
  assertError(t, inUrl, 400, 'invalid_request', 'all in the URL');
});

t.test('an address that is not there is 404 JSON, whatever is sent to it', async (t) => {
  const urls = [
    '/',
    '/nothing',
    '/token/',
    '/token/x',
    '/Token',
    '/tokens',
    '/toke',
    '/..',
    '/.well-known',
    '/.well-known/',
    '/.well-known/jwks',
    '/.well-known/jwks.json/',
    '/__proto__',
    '/constructor',
    '/toString',
    '/admin',
    '//',
    '//token',
    '/token%00',
    '/token%2f',
    '/%F0%9F%94%91',
    `/${'x'.repeat(4000)}`,
  ];
  for (const url of urls) assertError(t, await send(issuer, { url }), 404, 'not_found', url.slice(0, 40));
});

t.test('404 and 405 do not depend on the body', async (t) => {
  const bodies = [
    [FORM, payload],
    ['application/json', '{'],
    ['application/json', ''],
    ['application/json', '{"__proto__":{"x":1}}'],
    ['text/plain', 'x'],
    ['application/xml', '<x/>'],
    ['////', 'x'],
  ] as const;
  for (const [type, body] of bodies) {
    const headers = { 'content-type': type };
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      const reply = await send(issuer, { method, url: '/nothing', headers, payload: body });
      assertError(t, reply, 404, 'not_found', `${method} /nothing, ${type} ${body.slice(0, 10)}`);
    }
    const reply = await send(issuer, { method: 'PUT', url: '/token', headers, payload: body });
    assertError(t, reply, 405, 'method_not_allowed', `PUT /token, ${type} ${body.slice(0, 10)}`);
  }
});

t.test('a wrong method is 405 and says which are right', async (t) => {
  const right: Readonly<Record<string, string>> = {
    '/token': 'POST',
    '/token?x=y': 'POST',
    '/.well-known/jwks.json': 'GET, HEAD',
    '/.well-known/oauth-authorization-server': 'GET, HEAD',
    '/.well-known/openid-configuration': 'GET, HEAD',
    '/livez': 'GET, HEAD',
    '/readyz': 'GET, HEAD',
  };
  for (const [url, allow] of Object.entries(right)) {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'] as const) {
      if (allow.split(', ').includes(method)) continue;
      const reply = await send(issuer, { method, url });
      t.equal(reply.status, 405, `${method} ${url}`);
      t.equal(reply.headers['allow'], allow, `${method} ${url}: Allow`);
      if (method !== 'HEAD') assertError(t, reply, 405, 'method_not_allowed', `${method} ${url}`);
    }
  }
});

t.test('an address written with escapes is the same address, also for a wrong method', async (t) => {
  assertTokens(t, await post('/%74oken'));
  const reply = await send(issuer, { method: 'GET', url: '/%74oken' });
  assertError(t, reply, 405, 'method_not_allowed');
});

t.test('a URL that cannot be decoded is 400 JSON that speaks of no body', async (t) => {
  for (const url of ['/%zz', '/token%', '/%', '/%ff', '/%c0%af', '/%zz?password=x']) {
    for (const method of ['GET', 'POST'] as const) {
      const reply = await send(issuer, { method, url });
      assertError(t, reply, 400, 'invalid_request', `${method} ${url}`);
      t.notMatch(reply.body['error_description'], /body/i, `${method} ${url}: the text is about what is wrong`);
      t.equal(reply.headers['x-content-type-options'], 'nosniff', `${method} ${url}`);
    }
  }
});

t.test('no answer lets a browser guess its type, names the software or sets a cookie', async (t) => {
  const replies = [
    await post('/token'),
    await send(issuer, { url: '/livez' }),
    await send(issuer, { url: '/nothing' }),
    await send(issuer, { url: '/.well-known/jwks.json' }),
    await sendBody(issuer, 'text/plain', 'x'),
  ];
  for (const { headers } of replies) {
    t.equal(headers['x-content-type-options'], 'nosniff');
    for (const name of ['server', 'x-powered-by', 'set-cookie', 'location']) t.equal(headers[name], undefined, name);
  }
});

t.test('nothing of a request comes back in an error', async (t) => {
  const canary = 'c4n4ry';
  const replies = [
    await send(issuer, { url: `/${canary}` }),
    await send(issuer, { method: 'PUT', url: `/token?x=${canary}` }),
    await sendBody(issuer, `text/${canary}`, canary),
    await sendBody(issuer, 'application/json', `{"${canary}"`),
    ...(await Promise.all(
      ['grant_type', 'client_id', 'scope', 'resource', 'audience', 'username', 'password'].map((name) =>
        issuer.post('/token', loginForm({ [name]: canary })),
      ),
    )),
    await issuer.post('/token', loginForm(), { authorization: `Basic ${Buffer.from(canary).toString('base64')}` }),
    await issuer.post('/token', loginForm(), { authorization: canary }),
  ];
  for (const reply of replies) {
    t.ok(reply.status >= 400, String(reply.status));
    t.notMatch(JSON.stringify([reply.body, reply.headers]), canary);
  }
});
