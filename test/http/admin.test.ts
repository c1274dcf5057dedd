import t from 'tap';
import { ADMIN } from '../../src/oauth/admin.js';
import type { Refusal } from '../../src/oauth/refusal.js';
import { basic, ISSUER } from '../helper.js';
import { logIn, SECRET, send } from '../rfc/setup.js';
import {
  anAdministeredIssuer,
  anOffice,
  askAs,
  assertProblem,
  CONSOLE,
  type Method,
  tokenOf,
} from './admin-support.js';
import { witnessed } from './openapi-support.js';
import { sidOf } from './support.js';

const { made, routes } = await witnessed(() => anAdministeredIssuer(t));
const { issuer } = made;

/** A service of its own, so that what happens to it harms no other case. */
async function aService(then: (id: string) => Promise<unknown>, form: Record<string, string> = {}): Promise<string> {
  const id = `office-${crypto.randomUUID().slice(0, 8)}`;
  await issuer.clients.add(anOffice({ id }));
  const token = await tokenOf(issuer, id, form);
  await then(id);
  return token;
}

/** The same with a person. */
async function aPerson(
  roles: string[],
  then: (id: string, body: Record<string, unknown>) => Promise<unknown> = async () => {},
): Promise<unknown> {
  const username = `person-${crypto.randomUUID()}`;
  const id = await issuer.addUser({ username, roles });
  const body = await logIn(issuer, { client_id: CONSOLE.id, username });
  await then(id, body);
  return body['access_token'];
}

async function withSettings(id: string, settings: Partial<ReturnType<typeof anOffice>>): Promise<void> {
  const client = await issuer.clients.find(id);
  if (client === null || !(await issuer.clients.replace({ ...client, ...settings }))) throw new Error('not changed');
}

async function withRoles(id: string, roles: string[]): Promise<void> {
  const user = await issuer.users.find(id);
  const username = { display: user?.username ?? '', key: user?.username ?? '' };
  const done = await issuer.users.replace({ id, revision: user?.revision ?? 0, username, email: null, roles });
  if (done !== 'replaced') throw new Error(done);
}

const noop = async () => {};
/** Who is refused, and what is said of it. */
const REFUSED: Readonly<
  Record<string, readonly [status: number, code: string, reason: Refusal['reason'], bearer: () => Promise<unknown>]>
> = {
  'a text that is no token': [401, 'invalid_token', 'access_token_invalid', async () => 'x'],
  'a damaged token': [401, 'invalid_token', 'access_token_invalid', async () => `${made.token.slice(0, -9)}AAAAAAAAA`],
  'a refresh token': [
    401,
    'invalid_token',
    'access_token_invalid',
    async () => (await logIn(issuer, { client_id: CONSOLE.id }))['refresh_token'],
  ],
  'two words': [400, 'invalid_request', 'bearer_malformed', async () => `${made.token} x`],
  'a token for another audience': [
    401,
    'invalid_token',
    'admin_audience_missing',
    () => tokenOf(issuer, 'office', { audience: 'https://api.example' }),
  ],
  'a token for another audience as well': [
    401,
    'invalid_token',
    'admin_audience_missing',
    () => tokenOf(issuer, 'office', { audience: ISSUER, resource: 'https://api.example' }),
  ],
  'a token without the scope': [
    403,
    'insufficient_scope',
    'admin_scope_missing',
    () => tokenOf(issuer, 'office', { scope: 'read' }),
  ],
  'a token whose client has lost the scope since': [
    403,
    'insufficient_scope',
    'admin_scope_missing',
    () => aService((id) => withSettings(id, { scopes: ['read'], defaultScope: ['read'] })),
  ],
  'a person without the role': [403, 'insufficient_scope', 'admin_role_missing', () => aPerson(['admin'])],
  'a person with a role that only looks like it': [
    403,
    'insufficient_scope',
    'admin_role_missing',
    () => aPerson([`${ADMIN}s`, ADMIN.toUpperCase()]),
  ],
  'a person who has lost the role since': [
    403,
    'insufficient_scope',
    'admin_role_missing',
    () => aPerson([ADMIN], (id) => withRoles(id, ['x'])),
  ],
  'a user who was disabled': [
    401,
    'invalid_token',
    'access_token_of_nobody',
    () => aPerson([ADMIN], (id) => issuer.users.disable(id, issuer.clock.now)),
  ],
  'a client that was disabled': [
    401,
    'invalid_token',
    'access_token_of_nobody',
    () => aService((id) => issuer.clients.disable(id, issuer.clock.now)),
  ],
  'a client that is gone': [
    401,
    'invalid_token',
    'access_token_of_nobody',
    () => aService((id) => issuer.clients.remove(id)),
  ],
  'a login that ended': [
    401,
    'invalid_token',
    'login_ended',
    () => aPerson([ADMIN], (_id, body) => issuer.families.revoke(sidOf(body), 'logout', issuer.clock.now)),
  ],
  'a token that ran out': [
    401,
    'invalid_token',
    'access_token_expired',
    async () => {
      const token = await aService(noop);
      issuer.clock.now += 600_000;
      return token;
    },
  ],
};

for (const [who, [status, code, reason, bearer]] of Object.entries(REFUSED)) {
  t.test(`${who} is refused: ${reason}`, async (t) => {
    const { now } = issuer.clock;
    const token = await bearer();
    const logged = issuer.log.length;
    const reply = await askAs(issuer, token, 'GET', '/admin/users');
    assertProblem(t, reply, status, code, 'reading');
    const challenge = `Bearer realm="mintd", error="${code}"`;
    t.equal(reply.headers['www-authenticate'], challenge, 'the challenge');
    const told = issuer.log.slice(logged).map((line) => JSON.parse(line));
    t.strictSame(
      told.filter(({ event }) => event === 'refused').map((line) => line.reason),
      [reason],
      'the log knows',
    );
    // What it would be told of its body, if anybody looked: too large, and not JSON.
    const body = Buffer.alloc(17_000, 0xff);
    assertProblem(t, await askAs(issuer, token, 'POST', '/admin/users', body), status, code, 'no body is read');
    const known = JSON.stringify((await issuer.users.list({})).map(({ username }) => username));
    const user = { username: `of-${crypto.randomUUID()}` };
    assertProblem(t, await askAs(issuer, token, 'POST', '/admin/users', user), status, code, 'writing');
    t.equal(JSON.stringify((await issuer.users.list({})).map(({ username }) => username)), known, 'nothing was done');
    t.notOk(issuer.log.slice(logged).join('').includes(String(token).slice(-20)), 'no token is logged');
    issuer.clock.now = now;
  });
}

t.test('a service may, and a person with the role; nothing is kept of the answer', async (t) => {
  const service = await tokenOf(issuer, 'office');
  const person = await aPerson(['x', ADMIN]);
  for (const token of [service, person]) {
    for (const method of ['GET', 'HEAD'] as const) {
      const reply = await askAs(issuer, token, method, '/admin/users');
      t.strictSame([reply.status, reply.headers['cache-control']], [200, 'no-store'], method);
    }
  }
});

t.test('the secret of a client is no access token', async (t) => {
  const reply = await send(issuer, { url: '/admin/users', headers: { authorization: basic('office', SECRET) } });
  assertProblem(t, reply, 400, 'invalid_request');
});

t.test('a token in the URL is refused, also beside a good one', async (t) => {
  const token = await tokenOf(issuer, 'office');
  for (const url of [`/admin/users?access_token=${token}`, `/admin/users?limit=1&Access_Token=${token}`]) {
    for (const reply of [await send(issuer, { url }), await askAs(issuer, token, 'GET', url)]) {
      t.strictSame([reply.status, reply.body['error']], [400, 'invalid_request']);
      t.equal(reply.headers['cache-control'], 'no-store');
    }
  }
  t.notOk(issuer.log.join('').includes(token.slice(-20)), 'and not logged');
});

/** Every route of the administration, with an id that fits. */
function everyRoute(): readonly (readonly [method: Method, url: string])[] {
  return [...routes].flatMap((name) => {
    const [method = '', url = ''] = name.split(' ');
    return /^\/admin(\/|$)/.test(url) ? [[method as Method, url.replace(':id', crypto.randomUUID())] as const] : [];
  });
}

t.test('no route below /admin is without the guard', async (t) => {
  const all = everyRoute();
  t.strictSame(all.filter(([method]) => method !== 'HEAD').length, 18, 'all are known here');
  for (const [method, url] of all) {
    const reply = await issuer.app.inject({ method, url });
    t.equal(reply.statusCode, 401, `${method} ${url}`);
    t.equal(reply.headers['www-authenticate'], 'Bearer realm="mintd"', 'no error, as nothing was tried');
    t.equal(reply.headers['cache-control'], 'no-store');
    t.match(reply.headers['content-type'], /^application\/problem\+json/);
  }
});

t.test('a wrong method is told which are right, and what is not there is not there', async (t) => {
  const token = await tokenOf(issuer, 'office');
  for (const [method, url, allow] of [
    ['PUT', '/admin/users', 'GET, HEAD, POST'],
    ['OPTIONS', '/admin/users', 'GET, HEAD, POST'],
    ['POST', `/admin/users/${crypto.randomUUID()}`, 'DELETE, GET, HEAD, PATCH'],
    ['POST', `/admin/users/${crypto.randomUUID()}/password`, 'PUT'],
    ['DELETE', '/admin/clients/office/secret', 'POST'],
    ['POST', '/admin/sessions', 'GET, HEAD'],
    ['GET', '/admin/keys/rotate', 'POST'],
  ] as const) {
    const reply = await askAs(issuer, token, method, url);
    t.strictSame([reply.status, reply.headers['allow']], [405, allow], `${method} ${url}`);
  }
  for (const url of ['/admin', '/admin/', '/admin/users/', '/admin/nothing', '/admin/keys/x/revoke']) {
    t.equal((await askAs(issuer, token, 'GET', url)).status, 404, url);
  }
});
