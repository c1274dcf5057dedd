import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { DatabaseUnavailable } from '../../src/store/outage.js';
import { aClient } from '../helper.js';
import { assertError, FORM, issuerWithClients, listening, loginForm } from '../rfc/setup.js';
import {
  aWebClient,
  cookieOf,
  FROM_PAGE,
  logInAtPage,
  PAGE,
  postForm,
  refreshAtPage,
  rowOf,
  sent,
  setCookies,
  type TextReply,
  type WebLogin,
  whileFailing,
} from './support.js';

const PORT = 'https://app.example.com:8443';
const CLIENTS = [
  aClient(),
  aWebClient({ origins: [PAGE, PORT] }),
  aWebClient({ id: 'shop', origins: ['https://shop.example'] }),
];
const issuer = await issuerWithClients(t, { clients: CLIENTS });

/** Refused, the cookie left as it was, and nothing consumed: the row is the same, and the same cookie refreshes. */
async function assertHarmless(t: Test, login: WebLogin, what: string, ask: () => Promise<TextReply>) {
  const before = await rowOf(issuer, login.sid);
  const reply = await ask();
  t.strictSame(setCookies(reply), [], `${what}: no cookie is set or cleared`);
  t.notOk('access_token' in reply.body, `${what}: no token`);
  t.strictSame(await rowOf(issuer, login.sid), before, `${what}: nothing in the row changed`);
  const next = cookieOf(await refreshAtPage(issuer, login.cookie));
  t.equal((await rowOf(issuer, login.sid)).generation, before.generation + 1, `${what}: the same cookie rotates`);
  return { reply, login: { ...login, cookie: next ?? login.cookie } };
}

const FOREIGN: readonly [what: string, headers: Record<string, string>][] = [
  ['no origin', { origin: '' }],
  ['null', { origin: 'null' }],
  ['a wildcard', { origin: '*' }],
  ['a name that ends like it', { origin: 'https://evilapp.example.com' }],
  ['a name that begins like it', { origin: 'https://app.example.com.evil.example' }],
  ['a name below it', { origin: 'https://x.app.example.com' }],
  ['a neighbour', { origin: 'https://other.example.com' }],
  ['the name above', { origin: 'https://example.com' }],
  ['its name as a user', { origin: 'https://app.example.com@evil.example' }],
  ['another scheme', { origin: 'http://app.example.com' }],
  ['another port', { origin: 'https://app.example.com:444' }],
  ['the default port written out', { origin: 'https://app.example.com:443' }],
  ['the host in capitals', { origin: 'https://APP.EXAMPLE.COM' }],
  ['the scheme in capitals', { origin: 'HTTPS://app.example.com' }],
  ['a slash behind', { origin: `${PAGE}/` }],
  ['a path behind', { origin: `${PAGE}/login` }],
  ['a dot behind the host', { origin: 'https://app.example.com.' }],
  ['two origins', { origin: `${PAGE}, https://evil.example` }],
  ['two of its own', { origin: `${PAGE} ${PORT}` }],
  ['the page of another client', { origin: 'https://shop.example' }],
  ['the issuer itself', { origin: 'http://localhost:4000' }],
  ['a good referer alone', { origin: '', referer: `${PAGE}/` }],
  ['no X-Requested-With', { 'x-requested-with': '' }],
  ['a browser that says cross-site', { 'sec-fetch-site': 'cross-site' }],
  ['everything at once', { origin: 'null', 'x-requested-with': '', 'sec-fetch-site': 'cross-site' }],
];

t.test('a page that may not use the client is 403, and consumes nothing', async (t) => {
  let login = await logInAtPage(issuer);
  for (const [what, headers] of FOREIGN) {
    const ask = () => refreshAtPage(issuer, login.cookie, headers);
    const refused = await assertHarmless(t, login, what, ask);
    assertError(t, refused.reply, 403, 'access_denied', what);
    login = refused.login;
  }
});

t.test('what else a browser says of the page is no objection', async (t) => {
  let { cookie } = await logInAtPage(issuer);
  const good: readonly Record<string, string>[] = [
    { 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'same-site' },
    { origin: PORT },
    { 'x-requested-with': 'XMLHttpRequest' },
    { referer: 'https://evil.example/', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
  ];
  for (const headers of good) {
    const next = cookieOf(await refreshAtPage(issuer, cookie, headers));
    t.ok(next, JSON.stringify(headers));
    cookie = next ?? cookie;
  }
});

t.test('a foreign page logs nobody in: the browser would keep the login of an attacker', async (t) => {
  const families = await issuer.database.prisma.family.count();
  for (const [what, changed] of FOREIGN) {
    const headers = Object.entries({ ...FROM_PAGE, ...changed }).filter(([, value]) => value !== '');
    const reply = await postForm(issuer, '/token', loginForm({ client_id: 'web' }), Object.fromEntries(headers));
    assertError(t, reply, 403, 'access_denied', what);
    t.strictSame(setCookies(reply), [], what);
  }
  t.equal(await issuer.database.prisma.family.count(), families);
});

t.test('the page is judged before the token: a foreign one learns nothing of it', async (t) => {
  const foreign = { origin: 'https://evil.example' };
  const { cookie } = await logInAtPage(issuer);
  const replies = [
    await refreshAtPage(issuer, null, foreign),
    await refreshAtPage(issuer, 'refresh_token-web=x', foreign),
    await refreshAtPage(issuer, `${sent(cookie)}; ${sent(cookie)}`, foreign),
    await refreshAtPage(issuer, cookie, foreign, { refresh_token: cookie.value }),
    await refreshAtPage(issuer, cookie, foreign, { scope: 'admin' }),
    await refreshAtPage(issuer, cookie, foreign, { grant_type: 'nonsense' }),
  ];
  t.equal(new Set(replies.map(({ status, text }) => `${status} ${text}`)).size, 1);
  assertError(t, replies[0] ?? (await refreshAtPage(issuer, null)), 403, 'access_denied');
});

t.test('two tokens in one request are 400, wherever they stand, and consume nothing', async (t) => {
  let login = await logInAtPage(issuer);
  const other = await logInAtPage(issuer);
  const bad: readonly [what: string, cookie: (own: string) => string, form: Record<string, string>][] = [
    ['the cookie twice', (own) => `${own}; ${own}`, {}],
    ['beside that of another login', (own) => `${own}; ${sent(other.cookie)}`, {}],
    ['the other way round', (own) => `${sent(other.cookie)}; ${own}`, {}],
    ['with another between', (own) => `${own}; a=b; ${own}`, {}],
    ['one of them empty', (own) => `refresh_token-web=; ${own}`, {}],
    ['one of them damaged', (own) => `${own}; refresh_token-web=x`, {}],
    ['a token in the body beside it', (own) => own, { refresh_token: other.cookie.value }],
    ['anything in the body beside it', (own) => own, { refresh_token: 'x' }],
    ['a token in the body alone', () => '', { refresh_token: other.cookie.value }],
  ];
  for (const [what, cookie, form] of bad) {
    const ask = () => refreshAtPage(issuer, cookie(sent(login.cookie)), {}, form);
    const refused = await assertHarmless(t, login, what, ask);
    assertError(t, refused.reply, 400, 'invalid_request', what);
    login = refused.login;
  }
  const own = () => refreshAtPage(issuer, login.cookie, {}, { refresh_token: login.cookie.value });
  const refused = await assertHarmless(t, login, 'the same token in the body', own);
  assertError(t, refused.reply, 400, 'invalid_request');
  t.equal((await rowOf(issuer, other.sid)).generation, 0, 'the other login was not touched either');
});

t.test('a cookie that is missing, damaged or strange is invalid_grant, and harms nobody', async (t) => {
  let login = await logInAtPage(issuer);
  const flip = (text: string, at: number) => `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;
  const odd: readonly [what: string, cookie: (token: string) => string][] = [
    ['no cookie', () => ''],
    ['others', () => 'a=b; theme=dark'],
    ['an empty one', () => 'refresh_token-web='],
    ['that of another client', (token) => `refresh_token-shop=${token}`],
    ['with __Host- over plain http', (token) => `__Host-refresh_token-web=${token}`],
    ['in another case', (token) => `Refresh_Token-web=${token}`],
    ['cut', (token) => `refresh_token-web=${token.slice(0, -1)}`],
    ['longer', (token) => `refresh_token-web=${token}A`],
    ['a changed handle', (token) => `refresh_token-web=${flip(token, 10)}`],
    ['a changed secret', (token) => `refresh_token-web=${flip(token, 40)}`],
    ['a changed checksum', (token) => `refresh_token-web=${flip(token, 66)}`],
    ['in quotes', (token) => `refresh_token-web="${token}"`],
    ['encoded', (token) => `refresh_token-web=${token.replace('_', '%5F')}`],
    ['very long', (token) => `refresh_token-web=${token.repeat(60)}`],
    ['a comma behind, as RFC 2109 had it', (token) => `refresh_token-web=${token}, a=b`],
  ];
  for (const [what, cookie] of odd) {
    const ask = () => refreshAtPage(issuer, cookie(login.cookie.value));
    const refused = await assertHarmless(t, login, what, ask);
    assertError(t, refused.reply, 400, 'invalid_grant', what);
    login = refused.login;
  }
});

t.test('while the database is in trouble it is 503, and the cookie stays', async (t) => {
  const login = await logInAtPage(issuer);
  for (const [part, name] of [
    [issuer.clients, 'find'],
    [issuer.families, 'rotate'],
  ] as const) {
    const error = new DatabaseUnavailable('x');
    const reply = await whileFailing(part, name, error, () => refreshAtPage(issuer, login.cookie));
    assertError(t, reply, 503, 'temporarily_unavailable', name);
    t.strictSame(setCookies(reply), [], name);
  }
  t.ok(cookieOf(await refreshAtPage(issuer, login.cookie)), 'then it refreshes');
});

t.test('headers that are sent twice on a real connection are no way round', async (t) => {
  const origin = await listening(issuer);
  const login = await logInAtPage(issuer);
  const before = await rowOf(issuer, login.sid);
  const body = 'grant_type=refresh_token&client_id=web';
  const common = ['Content-Type', FORM, 'Content-Length', String(body.length), 'Host', 'localhost'];
  const page = ['Origin', PAGE, 'X-Requested-With', 'fetch'];
  const cookie = ['Cookie', sent(login.cookie)];
  const bad: readonly [what: string, headers: readonly string[], status: number][] = [
    ['two cookie headers', [...page, ...cookie, ...cookie], 400],
    ['a good origin and then a foreign one', [...page, 'Origin', 'https://evil.example', ...cookie], 403],
    ['a foreign origin and then a good one', ['Origin', 'https://evil.example', ...page, ...cookie], 403],
    ['a blank X-Requested-With', ['Origin', PAGE, 'X-Requested-With', '  ', ...cookie], 403],
    ['cross-site twice', [...page, 'Sec-Fetch-Site', 'cross-site', 'Sec-Fetch-Site', 'cross-site', ...cookie], 403],
  ];
  for (const [what, headers, status] of bad) {
    const sending = request(`${origin}/token`, { method: 'POST', headers: [...common, ...headers], agent: false });
    sending.end(body);
    const [reply] = (await once(sending, 'response')) as [IncomingMessage];
    await text(reply);
    t.equal(reply.statusCode, status, what);
    t.equal(reply.headers['set-cookie'], undefined, what);
    t.strictSame(await rowOf(issuer, login.sid), before, `${what}: nothing was consumed`);
  }
});
