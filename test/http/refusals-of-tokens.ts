import { formatRefreshToken } from '../../src/oauth/refresh-token.js';
import type { Refusal } from '../../src/oauth/refusal.js';
import type { Reply, TestIssuer } from '../helper.js';
import { logIn, loginForm, refresh, SECRET, SERVICE, send } from '../rfc/setup.js';
import { asBearer, FROM_PAGE, logInAtPage, postForm, refreshAtPage, sent, sidOf } from './support.js';

/** How a refusal is brought about, and what the client must be told. */
export type Case = readonly [status: number, error: string, ask: (issuer: TestIssuer) => Promise<Reply>];

/** A login, for which a test says what is wrong about it. */
export const token = (issuer: TestIssuer, more: Record<string, string>) => postForm(issuer, '/token', loginForm(more));
/** What a client sends that wants a token for itself. */
export const CLIENT_TOKEN = { grant_type: 'client_credentials' };

/** Of a person of their own: what happens to them harms no other case. */
async function somebody(issuer: TestIssuer) {
  const username = `user-${crypto.randomUUID()}`;
  const id = await issuer.addUser({ username });
  return { id, username, body: await logIn(issuer, { username }) };
}

/** Does something while one function of a part answers otherwise. */
async function whileAnswering<T>(part: object, name: string, answer: unknown, run: () => Promise<T>): Promise<T> {
  const original = { ...part };
  Object.assign(part, { [name]: async () => answer });
  return run().finally(() => Object.assign(part, original));
}

function register(issuer: TestIssuer, more: Record<string, string>): Promise<Reply> {
  return postForm(issuer, '/register', { username: 'new', password: 'correct horse and cart', ...more });
}

/** A login that does not get to hash its password. */
function withoutTurn(issuer: TestIssuer, reason: Refusal['reason']): Promise<Reply> {
  const refusal = { ok: false, refusal: { reason } };
  return whileAnswering(issuer.accounts.hasher, 'inTurn', refusal, () => token(issuer, {}));
}

/** What the credentials of a person and refresh tokens are refused for. */
export const OF_LOGINS = {
  user_unknown: [400, 'invalid_grant', (issuer) => token(issuer, { username: 'nobody' })],
  user_disabled: [
    400,
    'invalid_grant',
    async (issuer) => {
      const { id, username } = await somebody(issuer);
      await issuer.users.disable(id, issuer.clock.now);
      return token(issuer, { username });
    },
  ],
  password_wrong: [400, 'invalid_grant', (issuer) => token(issuer, { password: 'x' })],
  user_changed_meanwhile: [
    400,
    'invalid_grant',
    (issuer) => whileAnswering(issuer.families, 'begin', false, () => token(issuer, {})),
  ],
  refresh_token_malformed: [400, 'invalid_grant', (issuer) => refresh(issuer, 'x')],
  refresh_token_unknown: [
    400,
    'invalid_grant',
    (issuer) => refresh(issuer, formatRefreshToken({ handle: new Uint8Array(16), secret: new Uint8Array(28) })),
  ],
  refresh_token_of_another_client: [
    400,
    'invalid_grant',
    async (issuer) => {
      const own = { client_id: 'service', client_secret: SECRET };
      return refresh(issuer, (await logIn(issuer))['refresh_token'], own);
    },
  ],
  refresh_token_reused: [
    400,
    'invalid_grant',
    async (issuer) => {
      const { refresh_token: first } = await logIn(issuer);
      await refresh(issuer, first);
      issuer.clock.now += 10_000;
      return refresh(issuer, first);
    },
  ],
  family_expired: [
    400,
    'invalid_grant',
    async (issuer) => {
      const login = await logIn(issuer);
      issuer.clock.now += 14 * 86_400_000;
      return refresh(issuer, login['refresh_token']);
    },
  ],
  family_revoked: [
    400,
    'invalid_grant',
    async (issuer) => {
      const login = await logIn(issuer);
      await issuer.families.revoke(sidOf(login), 'revoked', issuer.clock.now);
      return refresh(issuer, login['refresh_token']);
    },
  ],
  family_ended_with_user_or_client: [
    400,
    'invalid_grant',
    async (issuer) => {
      const { id, body } = await somebody(issuer);
      await issuer.users.endLogins(id);
      return refresh(issuer, body['refresh_token']);
    },
  ],
  login_blocked: [
    429,
    'temporarily_unavailable',
    (issuer) => whileAnswering(issuer.accounts.failures, 'count', issuer.clock.now + 1000, () => token(issuer, {})),
  ],
  registration_blocked: [
    429,
    'temporarily_unavailable',
    (issuer) => whileAnswering(issuer.accounts.failures, 'count', issuer.clock.now + 1000, () => register(issuer, {})),
  ],
  account_unfit: [400, 'invalid_request', (issuer) => register(issuer, { password: 'short' })],
  current_password_wrong: [
    400,
    'invalid_grant',
    async (issuer) => {
      const { body } = await somebody(issuer);
      const authorization = `Bearer ${body['access_token']}`;
      const form = { current_password: 'wrong', new_password: 'correct horse and cart' };
      return postForm(issuer, '/password', form, { authorization });
    },
  ],
  password_queue_full: [503, 'temporarily_unavailable', (issuer) => withoutTurn(issuer, 'password_queue_full')],
  password_wait_too_long: [503, 'temporarily_unavailable', (issuer) => withoutTurn(issuer, 'password_wait_too_long')],
  request_abandoned: [503, 'temporarily_unavailable', (issuer) => withoutTurn(issuer, 'request_abandoned')],
  family_changed_meanwhile: [
    503,
    'temporarily_unavailable',
    async (issuer) => {
      const login = await logIn(issuer);
      return whileAnswering(issuer.families, 'rotate', null, () => refresh(issuer, login['refresh_token']));
    },
  ],
} as const satisfies Partial<Record<Refusal['reason'], Case>>;

/** What the pages of browsers, and tokens at the other endpoints, are refused for. */
export const OF_PAGES_AND_TOKENS = {
  origin_not_allowed: [403, 'access_denied', (issuer) => refreshAtPage(issuer, null, { origin: 'null' })],
  cross_site: [403, 'access_denied', (issuer) => refreshAtPage(issuer, null, { 'sec-fetch-site': 'cross-site' })],
  requested_with_missing: [403, 'access_denied', (issuer) => refreshAtPage(issuer, null, { 'x-requested-with': '' })],
  cookie_repeated: [
    400,
    'invalid_request',
    async (issuer) => {
      const { cookie } = await logInAtPage(issuer);
      return refreshAtPage(issuer, `${sent(cookie)}; ${sent(cookie)}`);
    },
  ],
  refresh_token_in_body: [400, 'invalid_request', (issuer) => refreshAtPage(issuer, null, {}, { refresh_token: 'x' })],
  refresh_cookie_missing: [400, 'invalid_grant', (issuer) => refreshAtPage(issuer, null)],
  client_without_cookies: [
    400,
    'unauthorized_client',
    (issuer) => postForm(issuer, '/logout', { client_id: 'app' }, FROM_PAGE),
  ],
  token_of_another_client: [
    400,
    'invalid_grant',
    async (issuer) => postForm(issuer, '/revoke', { token: String((await logIn(issuer))['refresh_token']) }, SERVICE),
  ],
  access_token_without_login: [
    400,
    'unsupported_token_type',
    async (issuer) => {
      const { body } = await postForm(issuer, '/token', CLIENT_TOKEN, SERVICE);
      return postForm(issuer, '/revoke', { token: String(body['access_token']) }, SERVICE);
    },
  ],
  bearer_missing: [401, 'invalid_token', (issuer) => send(issuer, { url: '/userinfo' })],
  bearer_malformed: [
    400,
    'invalid_request',
    (issuer) => send(issuer, { url: '/userinfo', headers: { authorization: 'x' } }),
  ],
  access_token_invalid: [401, 'invalid_token', (issuer) => asBearer(issuer, 'GET', '/userinfo', 'x')],
  access_token_expired: [
    401,
    'invalid_token',
    async (issuer) => {
      const login = await logIn(issuer);
      issuer.clock.now += 600_000;
      return asBearer(issuer, 'GET', '/userinfo', login['access_token']);
    },
  ],
  access_token_of_nobody: [
    401,
    'invalid_token',
    async (issuer) => {
      const { id, body } = await somebody(issuer);
      await issuer.users.remove(id);
      return asBearer(issuer, 'GET', '/userinfo', body['access_token']);
    },
  ],
  login_ended: [
    401,
    'invalid_token',
    async (issuer) => {
      const { id, body } = await somebody(issuer);
      await issuer.users.endLogins(id);
      return asBearer(issuer, 'GET', '/userinfo', body['access_token']);
    },
  ],
  access_token_without_user: [
    403,
    'insufficient_scope',
    async (issuer) => {
      const { body } = await postForm(issuer, '/token', CLIENT_TOKEN, SERVICE);
      return asBearer(issuer, 'GET', '/sessions', body['access_token']);
    },
  ],
  session_unknown: [
    404,
    'not_found',
    async (issuer) => asBearer(issuer, 'DELETE', '/sessions/x', (await logIn(issuer))['access_token']),
  ],
} as const satisfies Partial<Record<Refusal['reason'], Case>>;
