import t, { type Test } from 'tap';
import { formatRefreshToken } from '../../src/oauth/refresh-token.js';
import { aClient, claimsOf, PROVIDERS, type TestIssuer } from '../helper.js';
import { assertError, assertTokens, issuerWithClients, logIn, refresh } from '../rfc/setup.js';

const AUDIENCES = ['https://a.example', 'https://b.example'];
const WIDE = { scope: 'read write' };

function narrowing(t: Test, issuer: TestIssuer): void {
  t.test('narrowing affects that access token; the login keeps its own', async (t) => {
    let token = (await logIn(issuer, WIDE))['refresh_token'];
    for (const more of [{ scope: 'write' }, { resource: 'https://b.example' }, { audience: 'https://a.example' }]) {
      const reply = await refresh(issuer, token, more);
      assertTokens(t, reply, JSON.stringify(more));
      const { scope, aud } = claimsOf(reply.body['access_token']);
      t.equal(scope, 'scope' in more ? 'write' : 'read write');
      t.strictSame(aud, 'scope' in more ? AUDIENCES : Object.values(more)[0]);
      token = reply.body['refresh_token'];
    }
    const whole = claimsOf((await refresh(issuer, token)).body['access_token']);
    t.equal(whole['scope'], 'read write');
    t.strictSame(whole['aud'], AUDIENCES);
  });

  t.test('widening is refused and consumes nothing', async (t) => {
    const login = await logIn(issuer, { scope: 'read', resource: 'https://a.example' });
    const { sid } = claimsOf(login['access_token']);
    const cases = [
      [{ scope: 'read write' }, 'invalid_scope'],
      [{ scope: 'write' }, 'invalid_scope'],
      [{ scope: 're"ad' }, 'invalid_scope'],
      [{ resource: 'https://b.example' }, 'invalid_target'],
      [{ resource: 'not a uri' }, 'invalid_target'],
      [{ audience: 'https://c.example' }, 'invalid_target'],
    ] as const;
    for (const [more, error] of cases) {
      assertError(t, await refresh(issuer, login['refresh_token'], more), 400, error, JSON.stringify(more));
    }
    const row = await issuer.database.prisma.family.findUnique({ where: { id: String(sid) } });
    t.equal(row?.generation, 0, 'nothing was consumed');
    assertTokens(t, await refresh(issuer, login['refresh_token'], { scope: 'read' }));
  });
}

function refusals(t: Test, issuer: TestIssuer): void {
  t.test('a retry may narrow too, and is refused to widen', async (t) => {
    const first = (await logIn(issuer, WIDE))['refresh_token'];
    const second = (await refresh(issuer, first)).body['refresh_token'];
    assertError(t, await refresh(issuer, first, { scope: 'admin' }), 400, 'invalid_scope');
    const retry = await refresh(issuer, first, { scope: 'write' });
    assertTokens(t, retry);
    t.equal(retry.body['scope'], 'write');
    t.equal(retry.body['refresh_token'], second);
  });

  t.test('a reuse is a reuse, whatever scope it asks for', async (t) => {
    for (const scope of ['read', 'admin', '"']) {
      const first = (await logIn(issuer))['refresh_token'];
      const second = (await refresh(issuer, first)).body['refresh_token'];
      issuer.clock.now += 10_000;
      assertError(t, await refresh(issuer, first, { scope }), 400, 'invalid_grant', scope);
      assertError(t, await refresh(issuer, second), 400, 'invalid_grant', 'the login has ended');
    }
  });

  t.test('no token at all is invalid_request, one that was never a token invalid_grant', async (t) => {
    const form = { grant_type: 'refresh_token', client_id: 'app' };
    assertError(t, await issuer.post('/token', form), 400, 'invalid_request');
    const token = String((await logIn(issuer))['refresh_token']);
    for (const wrong of [token.slice(0, -1), `${token}A`, token.slice(4), `${token}=`, 'x', '__proto__']) {
      assertError(t, await refresh(issuer, wrong), 400, 'invalid_grant', wrong.slice(0, 9));
    }
    assertTokens(t, await refresh(issuer, token), 'none of it ended the login');
  });

  t.test('an unknown token stays invalid_grant, whatever scope it asks for', async (t) => {
    const reply = await refresh(
      issuer,
      formatRefreshToken({ handle: new Uint8Array(16), secret: new Uint8Array(28) }),
      { scope: 'admin' },
    );
    assertError(t, reply, 400, 'invalid_grant');
  });

  t.test("another client's token tells nothing of its scope", async (t) => {
    const login = await logIn(issuer, { scope: 'read' });
    await issuer.clients.add(aClient({ id: 'other' }));
    const reply = await refresh(issuer, login['refresh_token'], { client_id: 'other', scope: 'write' });
    assertError(t, reply, 400, 'invalid_grant');
  });
}

for (const provider of PROVIDERS) {
  t.test(`on ${provider}`, async (t) => {
    const clients = [aClient({ audiences: [...AUDIENCES, 'https://c.example'], defaultAudiences: AUDIENCES })];
    const issuer = await issuerWithClients(t, { provider, clients });
    narrowing(t, issuer);
    refusals(t, issuer);
  });
}
