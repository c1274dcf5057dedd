import t, { type Test } from 'tap';
import { aClient, claimsOf, type Reply, START, type TestIssuer, testIssuer } from '../helper.js';
import { aService, issuerWithClients, logIn, loginForm, refresh, SERVICE } from '../rfc/setup.js';

const CLIENTS = [aClient(), aService(), aClient({ id: 'own', accessTokenTtlSeconds: 3000 })];

/** An issuer configured for tokens of 10 minutes, and an hour at most, whose ring may say something else. */
async function issuerOf(t: Test, longestTtlSeconds: () => number): Promise<TestIssuer> {
  const { grants } = await testIssuer(t);
  const signer = { sign: grants.signer.sign, longestTtlSeconds };
  return issuerWithClients(t, { clients: CLIENTS, overrides: { signer } });
}

/** How long a token lives, as the answer says and as the token says. */
function lifetimes({ body }: Pick<Reply, 'body'>): readonly unknown[] {
  const { iat, exp } = claimsOf(body['access_token']);
  return [body['expires_in'], Number(exp) - Number(iat)];
}

t.test('no token lives longer than the ring says, by whatever grant', async (t) => {
  const issuer = await issuerOf(t, () => 120);
  const login = await logIn(issuer);
  const first = await refresh(issuer, login['refresh_token']);
  const replies = {
    login: { body: login },
    refresh: first,
    retry: await refresh(issuer, login['refresh_token']),
    client: await issuer.post('/token', { grant_type: 'client_credentials' }, SERVICE),
    own: await issuer.post('/token', loginForm({ client_id: 'own' })),
  };
  for (const [name, reply] of Object.entries(replies)) {
    t.strictSame(lifetimes(reply), [120, 120], name);
    t.equal(claimsOf(reply.body['access_token'])['iat'], START / 1000, name);
  }
});

t.test('a ring that allows more changes nothing', async (t) => {
  const issuer = await issuerOf(t, () => 86_400);
  t.strictSame(lifetimes({ body: await logIn(issuer) }), [600, 600]);
  t.strictSame(lifetimes(await issuer.post('/token', loginForm({ client_id: 'own' }))), [3000, 3000]);
});

t.test('it is what the ring says at that moment', async (t) => {
  const ring = { longestTtlSeconds: 601 };
  const issuer = await issuerOf(t, () => ring.longestTtlSeconds);
  for (const [says, lives] of [
    [601, 600],
    [600, 600],
    [599, 599],
    [1, 1],
    [3600, 600],
  ] as const) {
    ring.longestTtlSeconds = says;
    t.strictSame(lifetimes({ body: await logIn(issuer) }), [lives, lives], `${says} s`);
  }
});
