import t from 'tap';
import { aClient, claimsOf, PASSWORD, PROVIDERS } from '../helper.js';
import { aService, assertError, assertTokens, issuerWithClients, SECRET, SERVICE } from '../rfc/setup.js';

const SLOW = { client_id: 'slow', client_secret: SECRET };
const CLIENT_TOKEN = { grant_type: 'client_credentials' };

for (const provider of PROVIDERS) {
  t.test(`on ${provider}`, async (t) => {
    const clients = [aClient(), aService(), aService({ id: 'login-only', grants: ['password', 'refresh_token'] })];
    const issuer = await issuerWithClients(t, { provider, clients });
    const { prisma } = issuer.database;
    const everything = async () =>
      JSON.stringify(await Promise.all([prisma.user.findMany(), prisma.client.findMany(), prisma.family.findMany()]));

    t.test('the client gets a token of its own, and nothing is written to the database', async (t) => {
      const before = await everything();
      for (let i = 0; i < 3; i++) {
        const reply = await issuer.post('/token', { ...CLIENT_TOKEN, scope: 'write' }, SERVICE);
        assertTokens(t, reply);
        t.equal(Object.hasOwn(reply.body, 'refresh_token'), false);
        const claims = claimsOf(reply.body['access_token']);
        t.match(claims, { sub: 'service', client_id: 'service', scope: 'write' });
        for (const name of ['sid', 'username', 'roles', 'auth_time']) t.equal(Object.hasOwn(claims, name), false, name);
      }
      t.equal(await everything(), before);
    });

    t.test('a user name and password beside it make no user token', async (t) => {
      const form = { ...CLIENT_TOKEN, username: 'ada', password: 'correct horse battery' };
      const reply = await issuer.post('/token', form, SERVICE);
      t.equal(claimsOf(reply.body['access_token'])['sub'], 'service');
    });

    t.test('its refusals', async (t) => {
      const refused = async (form: Record<string, string>) =>
        issuer.post('/token', { ...CLIENT_TOKEN, ...form }, SERVICE);
      assertError(t, await refused({ scope: 'admin' }), 400, 'invalid_scope');
      assertError(t, await refused({ audience: 'https://other.example' }), 400, 'invalid_target');
      const publicClient = { ...CLIENT_TOKEN, client_id: 'app' };
      assertError(t, await issuer.post('/token', publicClient), 400, 'unauthorized_client');
      const form = { ...CLIENT_TOKEN, client_id: 'login-only', client_secret: SECRET };
      assertError(t, await issuer.post('/token', form), 400, 'unauthorized_client');
    });

    t.test('the event in the log names the client and the token, and no user', async (t) => {
      const reply = await issuer.post('/token', CLIENT_TOKEN, SERVICE);
      const { jti } = claimsOf(reply.body['access_token']);
      const event = JSON.parse(issuer.log.findLast((line) => line.includes('client_token')) ?? '{}');
      t.match(event, { event: 'client_token', clientId: 'service', grantType: 'client_credentials', jti });
      t.equal(Object.hasOwn(event, 'userId'), false);
    });
  });
}

t.test('a client with a limit waits for the next minute; nobody else does', async (t) => {
  const clients = [aService(), aService({ id: 'slow', tokensPerMinute: 2 })];
  const issuer = await issuerWithClients(t, { clients });
  const ask = (form: Record<string, string> = SLOW) => issuer.post('/token', { ...CLIENT_TOKEN, ...form });
  assertTokens(t, await ask());
  assertError(t, await ask({ ...SLOW, scope: 'admin' }), 400, 'invalid_scope', 'what is refused is not counted');
  issuer.clock.now += 20_000;
  assertTokens(t, await ask());
  const refused = await ask();
  assertError(t, refused, 429, 'temporarily_unavailable');
  t.equal(refused.headers['retry-after'], '40', 'the minute began with the first');
  const login = { ...SLOW, grant_type: 'password', username: 'ada', password: PASSWORD };
  assertTokens(t, await issuer.post('/token', login), 'it is for client_credentials alone');
  for (let i = 0; i < 5; i++) assertTokens(t, await issuer.post('/token', CLIENT_TOKEN, SERVICE), 'another client');
  issuer.clock.now += 40_000;
  assertTokens(t, await ask());
});

t.test('the limit of the server is for clients without one of their own', async (t) => {
  const clients = [aService(), aService({ id: 'slow', tokensPerMinute: 2 })];
  const { grants } = await issuerWithClients(t, { clients: [] });
  const settings = { ...grants.settings, clientTokensPerMinute: 1 };
  const issuer = await issuerWithClients(t, { clients, overrides: { settings } });
  const ask = async (headers: Record<string, string>, form = {}) =>
    (await issuer.post('/token', { ...CLIENT_TOKEN, ...form }, headers)).status;
  t.strictSame([await ask(SERVICE), await ask(SERVICE)], [200, 429]);
  t.strictSame([await ask({}, SLOW), await ask({}, SLOW), await ask({}, SLOW)], [200, 200, 429]);
});
