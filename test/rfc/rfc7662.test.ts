import t, { type Test } from 'tap';
import { aClient, ISSUER, PROVIDERS, START, type TestIssuer } from '../helper.js';
import { assertNotStored, postForm, rowOf, sidOf, type TextReply } from '../http/support.js';
import {
  aService,
  assertError,
  assertTokens,
  issuerWithClients,
  logIn,
  loginForm,
  refresh,
  SECRET,
  SERVICE,
} from './setup.js';

/** A resource server is a client whose id is the audience of tokens. */
const API = aClient({
  id: 'api',
  kind: 'confidential',
  secretHash: aService().secretHash,
  grants: ['client_credentials'],
});
const APP = aClient({ audiences: ['api', 'elsewhere'], defaultAudiences: ['api'] });
const CLIENTS = [APP, API, aService(), aClient({ id: 'once', grants: ['password'] })];
const AS_SERVICE = { client_id: 'service', client_secret: SECRET };

/** What a client is told of a token, by default `service`. */
function introspect(issuer: TestIssuer, token: unknown, clientId = 'service'): Promise<TextReply> {
  return postForm(issuer, '/introspect', { token: String(token), client_id: clientId, client_secret: SECRET });
}

/** §2.2: of a token that is not active nothing is said, not even why. */
function assertInactive(t: Test, reply: TextReply, what: string): void {
  t.equal(reply.status, 200, `${what}: status`);
  t.equal(reply.text, '{"active":false}', `${what}: this and no more`);
  assertNotStored(t, reply, what);
}

function assertActive(t: Test, reply: TextReply, what: string): void {
  t.equal(reply.status, 200, `${what}: status`);
  t.equal(reply.body['active'], true, `${what}: active`);
  assertNotStored(t, reply, what);
}

const WEEK = 7 * 86_400_000;

type Ending = (issuer: TestIssuer, sid: string, userId: string) => Promise<unknown>;

const ENDINGS: Readonly<Record<string, Ending>> = {
  'a revoked login': ({ families, clock }, sid) => families.revoke(sid, 'revoked', clock.now),
  'a login that was reused': ({ families, clock }, sid) => families.revoke(sid, 'reuse', clock.now),
  'a disabled user': ({ users, clock }, _sid, id) => users.disable(id, clock.now),
  'a user disabled and enabled again': async ({ users, clock }, _sid, id) => {
    await users.disable(id, clock.now);
    await users.enable(id);
  },
  'a new password': ({ users }, _sid, id) => users.setPassword(id, 'x'),
  'all logins of the user ended': ({ users }, _sid, id) => users.endLogins(id),
  'a deleted user': ({ users }, _sid, id) => users.remove(id),
  'a login that was deleted': ({ database }, id) => database.prisma.family.delete({ where: { id } }),
};

for (const provider of PROVIDERS) {
  t.test(`on ${provider}`, async (t) => {
    const issuer = await issuerWithClients(t, { provider, clients: CLIENTS });

    t.test('§2.2: a token of the client itself is told as it is', async (t) => {
      const login = await logIn(issuer, AS_SERVICE);
      const access = await introspect(issuer, login['access_token']);
      assertActive(t, access, 'access token');
      const claims = { iss: ISSUER, client_id: 'service', username: 'ada', scope: 'read', sid: sidOf(login) };
      t.match(access.body, { ...claims, token_type: 'Bearer', aud: 'https://api.example' });
      t.match(access.body, { iat: START / 1000, exp: START / 1000 + 600, roles: ['admin'], jti: String, sub: String });
      const refreshToken = await introspect(issuer, login['refresh_token']);
      assertActive(t, refreshToken, 'refresh token');
      t.match(refreshToken.body, { ...claims, aud: ['https://api.example'], sub: access.body['sub'] });
      t.match(refreshToken.body, { iat: START / 1000, auth_time: START / 1000, exp: START / 1000 + 14 * 86_400 });
      t.equal(refreshToken.body['token_type'], undefined, 'a refresh token is no bearer token for a resource');
    });

    t.test('a superseded token is not active, and looking at it is no reuse: the login goes on', async (t) => {
      const first = (await logIn(issuer, AS_SERVICE))['refresh_token'];
      const second = await refresh(issuer, first, AS_SERVICE);
      const third = await refresh(issuer, second.body['refresh_token'], AS_SERVICE);
      const before = await rowOf(issuer, sidOf(third.body));
      assertInactive(t, await introspect(issuer, first), 'long superseded');
      assertActive(t, await introspect(issuer, second.body['refresh_token']), 'the previous one, within the window');
      assertActive(t, await introspect(issuer, third.body['refresh_token']), 'the newest');
      issuer.clock.now += 60_000;
      assertInactive(t, await introspect(issuer, second.body['refresh_token']), 'the previous one, after it');
      assertInactive(t, await introspect(issuer, first), 'long superseded, again');
      t.strictSame(await rowOf(issuer, sidOf(third.body)), before, 'nothing was consumed or ended');
      assertTokens(t, await refresh(issuer, third.body['refresh_token'], AS_SERVICE));
    });

    for (const [what, end] of Object.entries(ENDINGS)) {
      t.test(`§4: ${what}: no token of it is active, of either kind`, async (t) => {
        const userId = await issuer.addUser({ username: what });
        const first = await logIn(issuer, { ...AS_SERVICE, username: what });
        const next = (await refresh(issuer, first['refresh_token'], AS_SERVICE)).body;
        for (const body of [first, next]) {
          for (const name of ['access_token', 'refresh_token'])
            assertActive(t, await introspect(issuer, body[name]), name);
        }
        await end(issuer, sidOf(first), userId);
        for (const body of [first, next]) {
          for (const name of ['access_token', 'refresh_token'])
            assertInactive(t, await introspect(issuer, body[name]), name);
        }
      });
    }
  });
}

const issuer = await issuerWithClients(t, { clients: CLIENTS });

t.test(
  '§2.2: a resource server is told of access tokens that name it as audience, and of no refresh token',
  async (t) => {
    const login = await logIn(issuer);
    assertActive(t, await introspect(issuer, login['access_token'], 'api'), 'for it');
    assertInactive(t, await introspect(issuer, login['refresh_token'], 'api'), 'the refresh token');
    const elsewhere = await logIn(issuer, { audience: 'elsewhere' });
    assertInactive(t, await introspect(issuer, elsewhere['access_token'], 'api'), 'for somebody else');
    const both = new URLSearchParams(loginForm()).toString();
    const form = [...new URLSearchParams(`${both}&audience=elsewhere&audience=api`)] as [string, string][];
    const reply = await postForm(issuer, '/token', form);
    assertActive(t, await introspect(issuer, reply.body['access_token'], 'api'), 'for it among others');
  },
);

t.test('§2.2: of the tokens of others a client learns nothing', async (t) => {
  const login = await logIn(issuer);
  const before = await rowOf(issuer, sidOf(login));
  for (const name of ['access_token', 'refresh_token']) assertInactive(t, await introspect(issuer, login[name]), name);
  const own = await postForm(issuer, '/token', { grant_type: 'client_credentials', ...AS_SERVICE });
  assertInactive(t, await introspect(issuer, own.body['access_token'], 'api'), 'of another client itself');
  t.strictSame(await rowOf(issuer, sidOf(login)), before);
});

t.test('the token of a client that speaks for itself is active while it lasts', async (t) => {
  const own = await postForm(issuer, '/token', { grant_type: 'client_credentials', ...AS_SERVICE });
  const reply = await introspect(issuer, own.body['access_token']);
  assertActive(t, reply, 'its own');
  t.match(reply.body, { sub: 'service', client_id: 'service' });
  for (const name of ['sid', 'username', 'roles', 'auth_time']) t.notOk(name in reply.body, name);
  issuer.clock.now += 599_999;
  assertActive(t, await introspect(issuer, own.body['access_token']), 'to the last millisecond');
  issuer.clock.now += 1;
  assertInactive(t, await introspect(issuer, own.body['access_token']), 'expired');
});

t.test('§4: expired is not active, idle or absolute', async (t) => {
  const login = await logIn(issuer, AS_SERVICE);
  issuer.clock.now += 600_000;
  assertInactive(t, await introspect(issuer, login['access_token']), 'the access token');
  issuer.clock.now += 2 * WEEK - 600_001;
  assertActive(t, await introspect(issuer, login['refresh_token']), 'the refresh token at its last moment');
  issuer.clock.now += 1;
  assertInactive(t, await introspect(issuer, login['refresh_token']), 'and then');

  let token = (await logIn(issuer, AS_SERVICE))['refresh_token'];
  const began = issuer.clock.now;
  for (let week = 1; week <= 12; week++) {
    issuer.clock.now = began + week * WEEK;
    token = (await refresh(issuer, token, AS_SERVICE)).body['refresh_token'];
  }
  const { body } = await introspect(issuer, token);
  t.equal(body['exp'], Math.floor(began / 1000) + 90 * 86_400, 'the absolute expiry is nearer than the idle one');
  issuer.clock.now = began + 90 * 86_400_000;
  assertInactive(t, await introspect(issuer, token), 'at the absolute expiry');
});

t.test('a disabled client: its tokens are not active for a resource server, nor may it ask itself', async (t) => {
  const issuer = await issuerWithClients(t, { clients: CLIENTS });
  const login = await logIn(issuer);
  const once = await logIn(issuer, { client_id: 'once' });
  assertInactive(t, await introspect(issuer, once['access_token'], 'api'), 'without audience');
  assertActive(t, await introspect(issuer, login['access_token'], 'api'), 'before');
  await issuer.clients.disable('app', issuer.clock.now);
  assertInactive(t, await introspect(issuer, login['access_token'], 'api'), 'disabled');
  await issuer.clients.enable('app');
  assertInactive(t, await introspect(issuer, login['access_token'], 'api'), 'enabled again: the login stays ended');
  await issuer.clients.remove('app');
  assertInactive(t, await introspect(issuer, login['access_token'], 'api'), 'deleted');
  await issuer.clients.disable('service', issuer.clock.now);
  const form = { token: 'x' };
  assertError(t, await postForm(issuer, '/introspect', form, SERVICE), 401, 'invalid_client', 'a disabled asker');
});
