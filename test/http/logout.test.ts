import t, { type Test } from 'tap';
import { DatabaseUnavailable } from '../../src/store/outage.js';
import { aClient, PROVIDERS, type TestIssuer } from '../helper.js';
import { assertError, assertTokens, issuerWithClients, logIn, send } from '../rfc/setup.js';
import {
  assertNotStored,
  aWebClient,
  type Cookie,
  cookieOf,
  FROM_PAGE,
  logInAtPage,
  postAtPage,
  refreshAtPage,
  rowOf,
  sent,
  setCookies,
  type TextReply,
  whileFailing,
} from './support.js';

const CLIENTS = [aClient(), aWebClient(), aWebClient({ id: 'shop' })];

function logOut(
  issuer: TestIssuer,
  cookie: Cookie | string | null,
  headers: Record<string, string> = {},
  form: Record<string, string> = {},
): Promise<TextReply> {
  return postAtPage(issuer, '/logout', cookie, headers, form);
}

/** It is over, and the browser is told to forget. */
function assertLoggedOut(t: Test, reply: TextReply, what: string, name = 'refresh_token-web'): void {
  t.strictSame([reply.status, reply.text], [204, ''], what);
  assertNotStored(t, reply, what);
  const cookie = cookieOf(reply);
  t.strictSame([cookie?.name, cookie?.value], [name, ''], `${what}: the cookie is emptied`);
  t.strictSame([...(cookie?.attributes ?? [])].sort(), ['HttpOnly', 'Max-Age=0', 'Path=/', 'SameSite=Strict'], what);
}

for (const provider of PROVIDERS) {
  t.test(
    `on ${provider}: logout ends the login in the cookie, takes the cookie away, and harms no other`,
    async (t) => {
      const issuer = await issuerWithClients(t, { provider, clients: CLIENTS });
      const [login, other] = [await logInAtPage(issuer), await logInAtPage(issuer)];
      const next = cookieOf(await refreshAtPage(issuer, login.cookie));
      assertLoggedOut(t, await logOut(issuer, next), 'with the newest');
      t.equal((await rowOf(issuer, login.sid)).revokedReason, 'logout');
      for (const cookie of [login.cookie, next]) {
        assertError(t, await refreshAtPage(issuer, cookie), 400, 'invalid_grant', 'no refresh succeeds any more');
      }
      assertLoggedOut(t, await logOut(issuer, next), 'once more');
      const refreshed = await refreshAtPage(issuer, other.cookie);
      assertTokens(t, refreshed, 'another device');
      assertLoggedOut(t, await logOut(issuer, other.cookie), 'with a superseded token: a tab that was slower');
      assertError(t, await refreshAtPage(issuer, cookieOf(refreshed)), 400, 'invalid_grant', 'the login is over too');
    },
  );
}

const issuer = await issuerWithClients(t, { clients: CLIENTS });

t.test('over https the cookie that is taken away is the one with __Host-, with what browsers ask of it', async (t) => {
  const settings = { ...issuer.grants.settings, issuer: 'https://login.example.com' };
  const secure = await issuerWithClients(t, { clients: CLIENTS, overrides: { settings } });
  const { cookie } = await logInAtPage(secure);
  const taken = cookieOf(await logOut(secure, cookie));
  t.strictSame([taken?.name, taken?.value], ['__Host-refresh_token-web', '']);
  const attributes = ['HttpOnly', 'Max-Age=0', 'Path=/', 'SameSite=Strict', 'Secure'];
  t.strictSame([...(taken?.attributes ?? [])].sort(), attributes);
  assertError(t, await refreshAtPage(secure, cookie), 400, 'invalid_grant');
});

t.test('a browser without a living login is logged out already', async (t) => {
  const { cookie } = await logInAtPage(issuer);
  const damaged = `${sent(cookie).slice(0, -1)}${cookie.value.endsWith('A') ? 'B' : 'A'}`;
  const made = 'mrt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
  for (const header of ['', 'a=b', 'refresh_token-web=', 'refresh_token-web=x', damaged, `refresh_token-web=${made}`]) {
    assertLoggedOut(t, await logOut(issuer, header), header.slice(0, 24));
  }
  assertTokens(t, await refreshAtPage(issuer, cookie), 'a damaged cookie harms nobody');
});

t.test('a client without cookies has no logout: its tokens are revoked', async (t) => {
  const login = await logIn(issuer);
  const cookie = `refresh_token-app=${login['refresh_token']}`;
  assertError(t, await logOut(issuer, cookie, {}, { client_id: 'app' }), 400, 'unauthorized_client');
});

const REFUSED: readonly [what: string, headers: Record<string, string>, status: number, error: string][] = [
  ['no origin', { origin: '' }, 403, 'access_denied'],
  ['a null origin', { origin: 'null' }, 403, 'access_denied'],
  ['a foreign origin', { origin: 'https://evil.example' }, 403, 'access_denied'],
  ['an origin that ends like it', { origin: 'https://evilapp.example.com' }, 403, 'access_denied'],
  ['no header of its own', { 'x-requested-with': '' }, 403, 'access_denied'],
  ['a browser that says cross-site', { 'sec-fetch-site': 'cross-site' }, 403, 'access_denied'],
];

t.test('a foreign page logs nobody out', async (t) => {
  const { cookie, sid } = await logInAtPage(issuer);
  const before = await rowOf(issuer, sid);
  const refuse = async (reply: TextReply, status: number, error: string, what: string) => {
    assertError(t, reply, status, error, what);
    t.strictSame(setCookies(reply), [], `${what}: the cookie stays`);
    t.strictSame(await rowOf(issuer, sid), before, `${what}: the login is as it was`);
  };
  for (const [what, headers, status, error] of REFUSED) {
    await refuse(await logOut(issuer, cookie, headers), status, error, what);
  }
  const twice = `${sent(cookie)}; ${sent(cookie)}`;
  await refuse(await logOut(issuer, twice), 400, 'invalid_request', 'the cookie twice');
  const body = { refresh_token: cookie.value };
  await refuse(await logOut(issuer, cookie, {}, body), 400, 'invalid_request', 'a token in the body beside it');
  await refuse(await logOut(issuer, null, {}, body), 400, 'invalid_request', 'a token in the body');
  await refuse(await logOut(issuer, cookie, {}, { client_id: 'nobody' }), 401, 'invalid_client', 'an unknown client');
  await refuse(await logOut(issuer, cookie, {}, { client_id: '' }), 401, 'invalid_client', 'no client');
  const foreign = `refresh_token-shop=${cookie.value}`;
  await refuse(await logOut(issuer, foreign, {}, { client_id: 'shop' }), 400, 'invalid_grant', 'of another client');
  const inUrl = await send(issuer, {
    method: 'POST',
    url: '/logout?refresh_token=x',
    headers: { cookie: sent(cookie) },
  });
  await refuse(inUrl, 400, 'invalid_request', 'a token in the URL');
  const got = await send(issuer, { url: '/logout', headers: { ...FROM_PAGE, cookie: sent(cookie) } });
  t.strictSame([got.status, got.headers['allow']], [405, 'POST'], 'an image in a foreign page');
  assertTokens(t, await refreshAtPage(issuer, cookie), 'after all that it still refreshes');
});

t.test('one client is logged out, the others in the browser are not', async (t) => {
  const web = await logInAtPage(issuer);
  const shop = await logInAtPage(issuer, { client_id: 'shop' });
  const both = `${sent(web.cookie)}; ${sent(shop.cookie)}`;
  assertLoggedOut(t, await logOut(issuer, both, {}, { client_id: 'shop' }), 'the shop', 'refresh_token-shop');
  assertTokens(t, await refreshAtPage(issuer, both), 'the other');
});

t.test(
  'while the database is in trouble it is 503: the login lives, and the cookie stays for another try',
  async (t) => {
    const { cookie } = await logInAtPage(issuer);
    for (const [part, name] of [
      [issuer.clients, 'find'],
      [issuer.families, 'find'],
      [issuer.families, 'revoke'],
    ] as const) {
      const reply = await whileFailing(part, name, new DatabaseUnavailable('x'), () => logOut(issuer, cookie));
      assertError(t, reply, 503, 'temporarily_unavailable', name);
      t.match(reply.headers['retry-after'], /^[1-9]\d*$/, name);
      t.strictSame(setCookies(reply), [], name);
    }
    assertLoggedOut(t, await logOut(issuer, cookie), 'then it works');
  },
);
