import t from 'tap';
import { DatabaseUnavailable } from '../../src/store/outage.js';
import { aClient, claimsOf, PROVIDERS, type TestIssuer } from '../helper.js';
import { assertError, assertTokens, issuerWithClients, logIn, loginForm, refresh } from '../rfc/setup.js';

type Ending = (issuer: TestIssuer, userId: string) => Promise<unknown>;

const ENDINGS: Readonly<Record<string, Ending>> = {
  'a new password': (issuer, id) => issuer.users.setPassword(id, 'x'),
  'disabling the user': (issuer, id) => issuer.users.disable(id, issuer.clock.now),
  'disabling and enabling the user': async (issuer, id) => {
    await issuer.users.disable(id, issuer.clock.now);
    await issuer.users.enable(id);
  },
  'deleting the user': (issuer, id) => issuer.database.prisma.user.delete({ where: { id } }),
};

for (const provider of PROVIDERS) {
  t.test(`on ${provider}`, async (t) => {
    const issuer = await issuerWithClients(t, { provider, clients: [aClient(), aClient({ id: 'second' })] });

    for (const [what, end] of Object.entries(ENDINGS)) {
      t.test(`${what} ends every login of the user, and nobody else's`, async (t) => {
        const userId = await issuer.addUser({ username: what });
        const others = await logIn(issuer);
        const first = await logIn(issuer, { username: what });
        const rotated = await refresh(issuer, first['refresh_token']);
        const second = await logIn(issuer, { username: what, client_id: 'second' });
        await end(issuer, userId);
        assertError(t, await refresh(issuer, rotated.body['refresh_token']), 400, 'invalid_grant', 'the newest token');
        assertError(t, await refresh(issuer, first['refresh_token']), 400, 'invalid_grant', 'a retry');
        const other = await refresh(issuer, second['refresh_token'], { client_id: 'second' });
        assertError(t, other, 400, 'invalid_grant', 'a login with another client');
        assertTokens(t, await refresh(issuer, others['refresh_token']), 'another user');
      });
    }

    t.test('a login from before a new password is over, one from after it goes on', async (t) => {
      const id = await issuer.addUser({ username: 'again' });
      const before = await logIn(issuer, { username: 'again' });
      const { passwordHash } = await issuer.database.prisma.user.findUniqueOrThrow({ where: { id } });
      await issuer.users.setPassword(id, passwordHash);
      const after = await logIn(issuer, { username: 'again' });
      assertError(t, await refresh(issuer, before['refresh_token']), 400, 'invalid_grant');
      assertTokens(t, await refresh(issuer, after['refresh_token']));
    });

    t.test('a revoked login gives nothing: not by its newest token, not by a retry', async (t) => {
      const login = await logIn(issuer);
      const next = await refresh(issuer, login['refresh_token']);
      await issuer.families.revoke(String(claimsOf(login['access_token'])['sid']), 'revoked', issuer.clock.now);
      assertError(t, await refresh(issuer, next.body['refresh_token']), 400, 'invalid_grant');
      assertError(t, await refresh(issuer, login['refresh_token']), 400, 'invalid_grant');
    });

    t.test('a disabled client is not let in; enabled again, its logins go on', async (t) => {
      const login = await logIn(issuer, { client_id: 'second' });
      const set = (disabledAt: Date | null) =>
        issuer.database.prisma.client.update({ where: { id: 'second' }, data: { disabledAt } });
      await set(new Date(issuer.clock.now));
      const form = { client_id: 'second' };
      assertError(t, await refresh(issuer, login['refresh_token'], form), 401, 'invalid_client');
      assertError(t, await issuer.post('/token', loginForm(form)), 401, 'invalid_client');
      await set(null);
    });

    t.test('what changed about the user is in the next access token', async (t) => {
      const id = await issuer.addUser({ username: 'changing', roles: ['reader'] });
      const login = await logIn(issuer, { username: 'changing' });
      t.strictSame(claimsOf(login['access_token'])['roles'], ['reader']);
      const data = { roles: 'writer admin', username: 'changed', usernameKey: 'changed' };
      await issuer.database.prisma.user.update({ where: { id }, data });
      const next = await refresh(issuer, login['refresh_token']);
      t.match(claimsOf(next.body['access_token']), { roles: ['writer', 'admin'], username: 'changed', sub: id });
      await issuer.database.prisma.user.update({ where: { id }, data: { roles: '' } });
      const retry = await refresh(issuer, login['refresh_token']);
      t.strictSame(claimsOf(retry.body['access_token'])['roles'], [], 'also on a retry');
    });
  });
}

t.test('what kept the newest token from rotating is over by the time it is read: 503, nothing lost', async (t) => {
  const issuer = await issuerWithClients(t);
  const { rotate } = issuer.families;
  const login = await logIn(issuer);
  Object.assign(issuer.families, { rotate: async () => null });
  const reply = await refresh(issuer, login['refresh_token']);
  assertError(t, reply, 503, 'temporarily_unavailable');
  t.match(reply.headers['retry-after'], /^[1-9]\d*$/);
  Object.assign(issuer.families, { rotate });
  assertTokens(t, await refresh(issuer, login['refresh_token']), 'sent again');
});

t.test('a reuse whose revocation cannot be stored is not answered as if it were', async (t) => {
  const issuer = await issuerWithClients(t);
  const revoke = async () => {
    throw new DatabaseUnavailable('gone');
  };
  Object.assign(issuer.families, { revoke });
  const first = (await logIn(issuer))['refresh_token'];
  await refresh(issuer, first);
  issuer.clock.now += 10_000;
  assertError(t, await refresh(issuer, first), 503, 'temporarily_unavailable');
});

t.test('a scope refused only after the rotation costs nothing that a retry does not give back', async (t) => {
  const issuer = await issuerWithClients(t);
  const { find } = issuer.families;
  const token = (await logIn(issuer))['refresh_token'];
  Object.assign(issuer.families, { find: async () => null });
  assertError(t, await refresh(issuer, token, { scope: 'write' }), 400, 'invalid_scope');
  Object.assign(issuer.families, { find });
  assertTokens(t, await refresh(issuer, token));
});
