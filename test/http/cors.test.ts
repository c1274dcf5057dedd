import t, { type Test } from 'tap';
import { DatabaseUnavailable } from '../../src/store/outage.js';
import { aClient, type Reply, type TestIssuer } from '../helper.js';
import {
  aService,
  assertError,
  assertTokens,
  FORM,
  issuerWithClients,
  logIn,
  loginForm,
  SERVICE,
  send,
} from '../rfc/setup.js';
import {
  asBearer,
  aWebClient,
  cookieOf,
  FROM_PAGE,
  logInAtPage,
  PAGE,
  postForm,
  refreshAtPage,
  sidOf,
  whileFailing,
} from './support.js';

const SPA = 'https://spa.example';
const OLD = 'https://old.example';
const EVIL = 'https://evil.example';
/** Origins that nobody gave leave to. */
const STRANGERS = [
  EVIL,
  'null',
  '*',
  `${PAGE}/`,
  'https://evilapp.example.com',
  'http://app.example.com',
  PAGE.toUpperCase(),
];

const CLIENTS = [
  aClient(),
  aService({ origins: [PAGE] }),
  aWebClient(),
  aClient({ id: 'spa', origins: [SPA, 'http://localhost:5173'] }),
  aClient({ id: 'old', origins: [OLD], disabledAt: 1 }),
];
const issuer = await issuerWithClients(t, { clients: CLIENTS });

const corsHeaders = ({ headers }: Reply) => Object.keys(headers).filter((name) => name.startsWith('access-control-'));

/** The page may read the answer, with its cookie. */
function assertReadable(t: Test, reply: Reply, origin: string, what: string): void {
  t.equal(reply.headers['access-control-allow-origin'], origin, `${what}: this very origin`);
  t.equal(reply.headers['access-control-allow-credentials'], 'true', `${what}: with credentials`);
  t.equal(reply.headers['vary'], 'Origin', `${what}: no cache mixes up two pages`);
}

/** No page may read it, and caches keep the answers to different pages apart. */
function assertUnreadable(t: Test, reply: Reply, what: string): void {
  t.strictSame(corsHeaders(reply), [], `${what}: no CORS header`);
  t.equal(reply.headers['vary'], 'Origin', `${what}: Vary`);
}

function preflight(issuer: TestIssuer, url: string, origin: string, method: string) {
  const headers = {
    origin,
    'access-control-request-method': method,
    'access-control-request-headers': 'x-requested-with',
  };
  return send(issuer, { method: 'OPTIONS', url, headers });
}

const ENDPOINTS: readonly [url: string, method: string, methods: string][] = [
  ['/token', 'POST', 'POST'],
  ['/revoke', 'POST', 'POST'],
  ['/introspect', 'POST', 'POST'],
  ['/logout', 'POST', 'POST'],
  ['/userinfo', 'GET', 'GET, POST'],
  ['/sessions', 'DELETE', 'DELETE, GET'],
  ['/sessions/6a1c9d52-0f6e-4a53-9d9c-2b8f0e1d7c11', 'DELETE', 'DELETE'],
];

t.test('a preflight is answered for the pages of every client that is not disabled', async (t) => {
  for (const [url, method, methods] of ENDPOINTS) {
    for (const origin of [PAGE, SPA, 'http://localhost:5173']) {
      const reply = await preflight(issuer, url, origin, method);
      t.strictSame([reply.status, reply.text], [204, ''], `${url} for ${origin}`);
      assertReadable(t, reply, origin, `${url} for ${origin}`);
      t.equal(reply.headers['access-control-allow-methods'], methods, url);
      t.equal(reply.headers['access-control-allow-headers'], 'authorization, content-type, x-requested-with', url);
      t.match(reply.headers['access-control-max-age'], /^[1-9]\d*$/, url);
    }
  }
});

t.test('a preflight of any other page is answered with nothing it could use', async (t) => {
  for (const [url, method] of ENDPOINTS) {
    for (const origin of [...STRANGERS, OLD]) {
      assertUnreadable(t, await preflight(issuer, url, origin, method), `${url} for ${origin}`);
    }
  }
});

t.test('a client that is disabled takes its pages with it, and enabled brings them back', async (t) => {
  const own = await issuerWithClients(t, { clients: CLIENTS });
  const ask = () => preflight(own, '/token', SPA, 'POST');
  assertReadable(t, await ask(), SPA, 'before');
  await own.clients.disable('spa', own.clock.now);
  assertUnreadable(t, await ask(), 'disabled');
  const reply = await postForm(own, '/token', loginForm({ client_id: 'spa' }), { origin: SPA });
  assertError(t, reply, 401, 'invalid_client', 'disabled');
  assertUnreadable(t, reply, 'disabled');
  await own.clients.enable('spa');
  assertReadable(t, await ask(), SPA, 'enabled');
  await own.clients.remove('spa');
  assertUnreadable(t, await ask(), 'removed');
});

t.test('OPTIONS that is no preflight is a wrong method, and elsewhere there is none', async (t) => {
  for (const headers of [{}, { origin: PAGE }, { 'access-control-request-method': 'POST' }]) {
    const reply = await send(issuer, { method: 'OPTIONS', url: '/token', headers });
    t.strictSame([reply.status, reply.headers['allow']], [405, 'POST'], JSON.stringify(headers));
  }
  t.strictSame(corsHeaders(await preflight(issuer, '/nothing', PAGE, 'POST')), []);
  t.equal((await preflight(issuer, '/nothing', PAGE, 'POST')).status, 404);
  t.equal((await preflight(issuer, '/livez', PAGE, 'GET')).status, 405);
});

t.test('an answer may be read by the pages of the client it is for, and by no other', async (t) => {
  for (const origin of [SPA, 'http://localhost:5173']) {
    const reply = await postForm(issuer, '/token', loginForm({ client_id: 'spa' }), { origin });
    assertTokens(t, reply);
    assertReadable(t, reply, origin, 'its own');
    t.match(reply.headers['access-control-expose-headers'], /retry-after/, 'a page may see when to come back');
  }
  for (const origin of [...STRANGERS, OLD, PAGE]) {
    assertUnreadable(t, await postForm(issuer, '/token', loginForm({ client_id: 'spa' }), { origin }), origin);
  }
  assertUnreadable(t, await postForm(issuer, '/token', loginForm({ client_id: 'spa' })), 'no page at all');
  assertUnreadable(t, await postForm(issuer, '/token', loginForm(), { origin: SPA }), 'a client without pages');
});

t.test('a refusal may be read by them too, and the cookie is for nobody else', async (t) => {
  const wrong = loginForm({ client_id: 'spa', password: 'wrong' });
  const refused = await postForm(issuer, '/token', wrong, { origin: SPA });
  assertError(t, refused, 400, 'invalid_grant');
  assertReadable(t, refused, SPA, 'refused');
  assertUnreadable(t, await postForm(issuer, '/token', wrong, { origin: PAGE }), 'to the page of another client');
  const { cookie } = await logInAtPage(issuer);
  const noHeader = await refreshAtPage(issuer, cookie, { 'x-requested-with': '' });
  assertError(t, noHeader, 403, 'access_denied');
  assertReadable(t, noHeader, PAGE, 'its own page that forgot the header');
  for (const origin of [...STRANGERS, SPA]) {
    const foreign = await refreshAtPage(issuer, cookie, { origin });
    assertError(t, foreign, 403, 'access_denied', origin);
    assertUnreadable(t, foreign, origin);
  }
  t.ok(cookieOf(await refreshAtPage(issuer, cookie)), 'after all that the cookie refreshes');
});

t.test('an error before the client is known may be read by the pages of any client', async (t) => {
  const requests: readonly [what: string, form: Record<string, string>, status: number][] = [
    ['no client', { grant_type: 'password' }, 401],
    ['an unknown client', { client_id: 'nobody' }, 401],
    ['a client id that none could have', { client_id: 'a b' }, 401],
    ['a public client with a secret', { client_id: 'spa', client_secret: 'x' }, 401],
    ['a wrong secret', { client_id: 'service', client_secret: 'x' }, 401],
  ];
  for (const url of ['/token', '/revoke', '/introspect', '/logout']) {
    for (const [what, form, status] of requests) {
      for (const origin of [PAGE, SPA]) {
        const reply = await postForm(issuer, url, form, { origin });
        t.equal(reply.status, status, `${url}: ${what}`);
        assertReadable(t, reply, origin, `${url}: ${what}`);
      }
      for (const origin of [EVIL, OLD, 'null']) {
        assertUnreadable(t, await postForm(issuer, url, form, { origin }), `${url}: ${what}, ${origin}`);
      }
    }
    const headers = { 'content-type': FORM, origin: SPA };
    const malformed = await send(issuer, { method: 'POST', url, headers, payload: 'x=%zz' });
    t.equal(malformed.status, 400);
    assertReadable(t, malformed, SPA, `${url}: a body that cannot be read`);
  }
});

t.test('with an access token the pages are those of the client it was given to', async (t) => {
  const login = await logIn(issuer, { client_id: 'spa' });
  const token = login['access_token'];
  for (const [method, url] of [
    ['GET', '/userinfo'],
    ['POST', '/userinfo'],
    ['GET', '/sessions'],
    ['DELETE', `/sessions/${crypto.randomUUID()}`],
  ] as const) {
    assertReadable(t, await asBearer(issuer, method, url, token, { origin: SPA }), SPA, `${method} ${url}`);
    for (const origin of [...STRANGERS, OLD, PAGE]) {
      assertUnreadable(t, await asBearer(issuer, method, url, token, { origin }), `${method} ${url} for ${origin}`);
    }
    assertReadable(t, await asBearer(issuer, method, url, 'x', { origin: PAGE }), PAGE, 'an error of nobody');
    assertUnreadable(t, await asBearer(issuer, method, url, 'x', { origin: EVIL }), 'an error of nobody');
  }
  const refused = await asBearer(issuer, 'GET', '/userinfo', 'x', { origin: SPA });
  t.match(refused.headers['access-control-expose-headers'], /www-authenticate/, 'a page may see the challenge');
  const ended = await asBearer(issuer, 'DELETE', `/sessions/${sidOf(login)}`, token, { origin: SPA });
  t.equal(ended.status, 204);
  assertReadable(t, ended, SPA, 'an answer without a body');
});

t.test('an outage after the client is known may be read by its page, and when to come back', async (t) => {
  const { cookie } = await logInAtPage(issuer);
  const error = new DatabaseUnavailable('x');
  const ask = () => refreshAtPage(issuer, cookie);
  const reply = await whileFailing(issuer.families, 'rotate', error, ask);
  assertError(t, reply, 503, 'temporarily_unavailable');
  assertReadable(t, reply, PAGE, '503');
  t.match(reply.headers['retry-after'], /^[1-9]\d*$/);
});

t.test('keys and metadata are for every page, and need no cookie', async (t) => {
  for (const name of ['jwks.json', 'oauth-authorization-server', 'openid-configuration']) {
    for (const origin of [PAGE, EVIL, 'null']) {
      const reply = await send(issuer, { url: `/.well-known/${name}`, headers: { origin } });
      t.equal(reply.status, 200);
      t.equal(reply.headers['access-control-allow-origin'], '*', name);
      t.equal(reply.headers['access-control-allow-credentials'], undefined, name);
    }
  }
});

t.test('a confidential client may have pages, too', async (t) => {
  const form = { grant_type: 'client_credentials' };
  const own = await postForm(issuer, '/token', form, { ...FROM_PAGE, ...SERVICE });
  assertTokens(t, own);
  assertReadable(t, own, PAGE, 'its own');
  assertUnreadable(t, await postForm(issuer, '/token', form, { origin: SPA, ...SERVICE }), 'the page of another');
});
