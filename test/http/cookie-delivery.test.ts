import t, { type Test } from 'tap';
import { aClient, PROVIDERS, type TestIssuer } from '../helper.js';
import { aService, assertError, assertTokens, issuerWithClients, logIn, loginForm, refresh } from '../rfc/setup.js';
import {
  aWebClient,
  type Cookie,
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
} from './support.js';

const DAY = 86_400;
const SHORT = aWebClient({ id: 'short', refreshIdleTtlSeconds: 60, refreshAbsoluteTtlSeconds: 90 });
const BRIEF = aWebClient({ id: 'brief', refreshIdleTtlSeconds: 90, refreshAbsoluteTtlSeconds: 60 });
const CLIENTS = [aClient(), aService(), aWebClient(), aWebClient({ id: 'shop' }), SHORT, BRIEF];

/** A good answer for a page: everything but the refresh token, and that in the cookie. */
function assertDelivered(t: Test, reply: TextReply, what: string): Cookie {
  assertTokens(t, reply, what);
  t.strictSame(Object.keys(reply.body).sort(), ['access_token', 'expires_in', 'scope', 'token_type'], `${what}: body`);
  t.notMatch(reply.text, /mrt_/, `${what}: no refresh token in the body`);
  const cookie = cookieOf(reply);
  t.match(cookie?.value, /^mrt_[\w-]{64}$/, `${what}: it is in the cookie`);
  return cookie ?? { name: '', value: '', attributes: [] };
}

/** What a cookie is told to live for, in seconds. */
function maxAgeOf({ attributes }: Cookie): number {
  const [text, ...others] = attributes.filter((attribute) => attribute.startsWith('Max-Age='));
  if (text === undefined || others.length > 0) throw new Error(`Max-Age in ${attributes}`);
  return Number(text.slice('Max-Age='.length));
}

/** What holds on every database. */
const BEHAVIOUR: Readonly<Record<string, (t: Test, issuer: TestIssuer) => Promise<void>>> = {
  'a login and each refresh put the refresh token into the cookie and nowhere else': async (t, issuer) => {
    let reply = await postForm(issuer, '/token', loginForm({ client_id: 'web' }), FROM_PAGE);
    const seen = new Set<string>();
    for (let i = 0; i < 4; i++) {
      const cookie = assertDelivered(t, reply, `token ${i}`);
      t.equal(cookie.name, 'refresh_token-web');
      t.notOk(seen.has(cookie.value), 'a new one each time');
      seen.add(cookie.value);
      reply = await refreshAtPage(issuer, cookie);
    }
  },

  'a retry gets the same cookie again: an answer may be lost, and two tabs may refresh at once': async (t, issuer) => {
    const { cookie, sid } = await logInAtPage(issuer);
    const replies = await Promise.all([1, 2, 3].map(() => refreshAtPage(issuer, cookie)));
    const cookies = replies.map((reply, i) => assertDelivered(t, reply, `tab ${i}`));
    t.equal(new Set(cookies.map(sent)).size, 1, 'one successor for all');
    issuer.clock.now += 9_000;
    const late = assertDelivered(t, await refreshAtPage(issuer, cookie), 'late');
    t.equal(late.value, cookies[0]?.value, 'late within the window');
    t.equal(maxAgeOf(late), 14 * DAY - 9, 'and what is left is less by now');
    t.equal((await rowOf(issuer, sid)).generation, 1, 'it was one rotation');
    assertDelivered(t, await refreshAtPage(issuer, late), 'the chain goes on');
  },

  'a superseded cookie ends the login, and no refused refresh takes the cookie away': async (t, issuer) => {
    const { cookie: first, sid } = await logInAtPage(issuer);
    const bystander = await logInAtPage(issuer);
    const second = assertDelivered(t, await refreshAtPage(issuer, first), 'second');
    const third = assertDelivered(t, await refreshAtPage(issuer, second), 'third');
    for (const cookie of [first, third, second]) {
      const reply = await refreshAtPage(issuer, cookie);
      assertError(t, reply, 400, 'invalid_grant');
      t.strictSame(setCookies(reply), [], 'the answer may come too late: another tab may have logged in since');
    }
    t.equal((await rowOf(issuer, sid)).revokedReason, 'reuse');
    assertDelivered(t, await refreshAtPage(issuer, bystander.cookie), 'another login');
  },
};

for (const provider of PROVIDERS) {
  t.test(`on ${provider}`, async (t) => {
    const issuer = await issuerWithClients(t, { provider, clients: CLIENTS });
    for (const [sentence, behaves] of Object.entries(BEHAVIOUR)) t.test(sentence, (t) => behaves(t, issuer));
  });
}

const issuer = await issuerWithClients(t, { clients: CLIENTS });

t.test('over plain http the cookie has its plain name, and no script and no other site gets it', async (t) => {
  const { cookie } = await logInAtPage(issuer);
  t.equal(cookie.name, 'refresh_token-web');
  t.strictSame([...cookie.attributes].sort(), ['HttpOnly', `Max-Age=${14 * DAY}`, 'Path=/', 'SameSite=Strict']);
});

t.test('over https it is __Host-, Secure, for the whole host and for no other', async (t) => {
  const settings = { ...issuer.grants.settings, issuer: 'https://login.example.com' };
  const secure = await issuerWithClients(t, { clients: CLIENTS, overrides: { settings } });
  const { cookie } = await logInAtPage(secure);
  t.equal(cookie.name, '__Host-refresh_token-web');
  const attributes = ['HttpOnly', `Max-Age=${14 * DAY}`, 'Path=/', 'SameSite=Strict', 'Secure'];
  t.strictSame([...cookie.attributes].sort(), attributes);
  const plain = `refresh_token-web=${cookie.value}`;
  assertError(t, await refreshAtPage(secure, plain), 400, 'invalid_grant', 'a cookie that a neighbour can plant');
  const planted = `${plain}; ${sent(cookie)}`;
  assertDelivered(t, await refreshAtPage(secure, planted), 'beside the true one it counts for nothing');
});

t.test('what a request says of its scheme and host changes neither name nor attributes', async (t) => {
  const hostile = { 'x-forwarded-proto': 'https', forwarded: 'proto=https', 'x-forwarded-host': 'evil.example' };
  const { cookie } = await logInAtPage(issuer);
  const next = assertDelivered(t, await refreshAtPage(issuer, cookie, hostile), 'hostile');
  t.equal(next.name, 'refresh_token-web');
  t.notOk(next.attributes.some((attribute) => /^(Secure|Domain)/.test(attribute)));
});

t.test('the cookie lives as long as the login: the nearer of idle and absolute expiry', async (t) => {
  const began = issuer.clock.now;
  const { cookie } = await logInAtPage(issuer, { client_id: 'short' });
  t.equal(maxAgeOf(cookie), 60, 'idle');
  const form = { client_id: 'short' };
  issuer.clock.now = began + 20_000;
  const second = assertDelivered(t, await refreshAtPage(issuer, cookie, {}, form), 'after 20 s');
  t.equal(maxAgeOf(second), 60, 'idle again');
  issuer.clock.now = began + 50_000;
  const third = assertDelivered(t, await refreshAtPage(issuer, second, {}, form), 'after 50 s');
  t.equal(maxAgeOf(third), 40, 'the absolute expiry is nearer now');
  issuer.clock.now = began + 89_500;
  const last = assertDelivered(t, await refreshAtPage(issuer, third, {}, form), 'half a second before it');
  t.equal(maxAgeOf(last), 1, 'and never 0, which would take it away');
  issuer.clock.now = began + 90_000;
  assertError(t, await refreshAtPage(issuer, last, {}, form), 400, 'invalid_grant', 'over');
  const brief = await logInAtPage(issuer, { client_id: 'brief' });
  t.equal(maxAgeOf(brief.cookie), 60, 'a login whose absolute expiry is the nearer one from the beginning');
});

t.test('one browser uses several clients, each with its own cookie', async (t) => {
  const web = await logInAtPage(issuer);
  const shop = await logInAtPage(issuer, { client_id: 'shop' });
  t.not(web.cookie.name, shop.cookie.name);
  const both = `theme=dark; ${sent(web.cookie)}; ${sent(shop.cookie)}`;
  const next = assertDelivered(t, await refreshAtPage(issuer, both, {}, { client_id: 'shop' }), 'the shop');
  t.equal(next.name, 'refresh_token-shop');
  t.equal((await rowOf(issuer, web.sid)).generation, 0, 'the other was not touched');
  assertDelivered(t, await refreshAtPage(issuer, both), 'and refreshes by itself');
  const swapped = `refresh_token-web=${next.value}`;
  assertError(
    t,
    await refreshAtPage(issuer, swapped),
    400,
    'invalid_grant',
    'the token of the one as that of the other',
  );
  assertDelivered(t, await refreshAtPage(issuer, next, {}, { client_id: 'shop' }), 'which harms it not');
});

t.test('a refresh may narrow the scope, and a refusal for it costs nothing', async (t) => {
  const { cookie, sid } = await logInAtPage(issuer, { scope: 'read write' });
  const before = await rowOf(issuer, sid);
  const refused = await refreshAtPage(issuer, cookie, {}, { scope: 'admin' });
  assertError(t, refused, 400, 'invalid_scope');
  t.strictSame(setCookies(refused), []);
  t.strictSame(await rowOf(issuer, sid), before);
  const narrowed = await refreshAtPage(issuer, cookie, {}, { scope: 'write' });
  assertDelivered(t, narrowed, 'narrowed');
  t.equal(narrowed.body['scope'], 'write');
});

t.test('the same request as JSON', async (t) => {
  const { cookie } = await logInAtPage(issuer);
  const reply = await issuer.app.inject({
    method: 'POST',
    url: '/token',
    headers: { ...FROM_PAGE, 'content-type': 'application/json', cookie: sent(cookie) },
    payload: JSON.stringify({ grant_type: 'refresh_token', client_id: 'web' }),
  });
  t.equal(reply.statusCode, 200);
  t.equal(cookieOf({ status: 200, headers: reply.headers, body: {} })?.name, 'refresh_token-web');
});

t.test('a client that wants its token in the body sets no cookie and reads none', async (t) => {
  const login = await logIn(issuer);
  const reply = await postForm(issuer, '/token', loginForm(), { origin: PAGE, 'x-requested-with': 'fetch' });
  t.strictSame(setCookies(reply), []);
  t.match(reply.body['refresh_token'], /^mrt_/);
  const cookie = `refresh_token-app=${login['refresh_token']}`;
  const form = { grant_type: 'refresh_token', client_id: 'app' };
  assertError(t, await postForm(issuer, '/token', form, { ...FROM_PAGE, cookie }), 400, 'invalid_request');
  assertTokens(t, await refresh(issuer, login['refresh_token']));
});
