// What is taken from a client is gone with the next refresh of its logins.
import t, { type Test } from 'tap';
import type { Client } from '../../src/oauth/client.js';
import { aClient, claimsOf, ISSUER, PROVIDERS, type TestIssuer } from '../helper.js';
import { rowOf, sidOf } from '../http/support.js';
import { aService, assertError, assertTokens, issuerWithClients, logIn, refresh, SECRET } from '../rfc/setup.js';

const [A, B] = ['https://a.example', 'https://b.example'];
const AS_SERVICE = { client_id: 'service', client_secret: SECRET };

/** Replaces settings of a client. */
async function change({ clients }: TestIssuer, id: string, settings: Partial<Client>): Promise<void> {
  const client = await clients.find(id);
  if (client === null || !(await clients.replace({ ...client, ...settings }))) throw new Error(`${id} was not changed`);
}

const narrowed = async (issuer: TestIssuer, token: unknown, more = {}) => {
  const reply = await refresh(issuer, token, more);
  assertTokens(t, reply);
  const { scope, aud } = claimsOf(reply.body['access_token']);
  return { scope, aud, said: reply.body['scope'], next: reply.body['refresh_token'] };
};

function others(t: Test, issuer: TestIssuer): void {
  t.test("a client without audiences of its own has the server's", async (t) => {
    const login = await logIn(issuer, { client_id: 'plain' });
    const next = await narrowed(issuer, login['refresh_token'], { client_id: 'plain' });
    t.equal(next.aud, ISSUER);
    await change(issuer, 'plain', { audiences: [A] });
    assertError(t, await refresh(issuer, next.next, { client_id: 'plain' }), 400, 'invalid_target');
  });

  t.test('introspection of a refresh token says what a refresh would give', async (t) => {
    const { refresh_token: token } = await logIn(issuer, { ...AS_SERVICE, scope: 'read write' });
    const ask = async () => (await issuer.post('/introspect', { ...AS_SERVICE, token: String(token) })).body;
    t.match(await ask(), { active: true, scope: 'read write', aud: [A, B] });
    await change(issuer, 'service', { scopes: ['read'], audiences: [A] });
    t.match(await ask(), { active: true, scope: 'read', aud: [A] });
    await change(issuer, 'service', { audiences: ['x'] });
    t.strictSame(await ask(), { active: false });
  });
}

for (const provider of PROVIDERS) {
  t.test(`on ${provider}`, async (t) => {
    const clients = [
      aClient({ audiences: [A, B] }),
      aClient({ id: 'plain' }),
      aService({ audiences: [A, B], defaultAudiences: [] }),
    ];
    const issuer = await issuerWithClients(t, { provider, clients });

    t.test('an access token gets what the login was given and the client still has', async (t) => {
      const login = await logIn(issuer, { scope: 'read write' });
      await change(issuer, 'app', {
        scopes: ['write', 'admin'],
        defaultScope: [],
        audiences: [B, 'https://c.example'],
      });
      const first = await narrowed(issuer, login['refresh_token']);
      t.match(first, { scope: 'write', aud: B, said: 'write' });
      for (const [more, error] of [
        [{ scope: 'read' }, 'invalid_scope'],
        [{ scope: 'admin' }, 'invalid_scope'],
        [{ resource: A }, 'invalid_target'],
        [{ audience: 'https://c.example' }, 'invalid_target'],
      ] as const) {
        assertError(t, await refresh(issuer, first.next, more), 400, error, JSON.stringify(more));
      }
      t.equal((await rowOf(issuer, sidOf(login))).generation, 1, 'nothing was consumed');
      await change(issuer, 'app', { scopes: [], audiences: [A, B] });
      const second = await narrowed(issuer, first.next);
      t.match(second, { scope: undefined, said: undefined, aud: [A, B] }, 'what comes back is there again');
      await change(issuer, 'app', { scopes: ['read', 'write'], defaultScope: ['read'] });
      t.match(await narrowed(issuer, second.next), { scope: 'read write', aud: [A, B] });
    });

    t.test('without an audience it is refused, consumes nothing, and goes on when there is one again', async (t) => {
      const login = await logIn(issuer);
      const { refresh_token: token } = login;
      for (const audiences of [['https://c.example'], [`${A}/`, A.toUpperCase(), 'https://a'], []]) {
        await change(issuer, 'app', { audiences });
        assertError(t, await refresh(issuer, token), 400, 'invalid_target', `${audiences}`);
        assertError(t, await refresh(issuer, token, { audience: A }), 400, 'invalid_target', 'one that is gone');
      }
      t.equal((await rowOf(issuer, sidOf(login))).generation, 0);
      await change(issuer, 'app', { audiences: [B] });
      const next = await narrowed(issuer, token);
      t.equal(next.aud, B);
      await change(issuer, 'app', { audiences: ['x'] });
      assertError(t, await refresh(issuer, token), 400, 'invalid_target', 'a retry');
      issuer.clock.now += 60_000;
      assertError(t, await refresh(issuer, token), 400, 'invalid_grant', 'a reuse is a reuse');
      await change(issuer, 'app', { audiences: [A, B] });
      assertError(t, await refresh(issuer, next.next), 400, 'invalid_grant', 'and has ended the login');
    });
    others(t, issuer);
  });
}
