import t, { type Test } from 'tap';
import { aClient, PROVIDERS, type TestIssuer } from '../helper.js';
import { assertError, assertTokens, issuerWithClients, logIn, loginForm, refresh } from '../rfc/setup.js';
import { assertEnded, end, type Shown, shown, sidsIn } from './sessions-support.js';
import { asBearer, assertNotStored, postForm, rowOf, sidOf } from './support.js';

/** Logs in somebody with a User-Agent. */
async function logInWith(issuer: TestIssuer, userAgent: string, form: Record<string, string> = {}): Promise<Shown> {
  const reply = await postForm(issuer, '/token', loginForm(form), { 'user-agent': userAgent });
  if (reply.status !== 200) throw new Error(`login: ${reply.status} ${reply.text}`);
  return reply.body;
}

/** What holds on every database. */
const BEHAVIOUR: Readonly<Record<string, (t: Test, issuer: TestIssuer) => Promise<void>>> = {
  'a person sees their own living logins, the newest first, and which one asks': async (t, issuer) => {
    const phone = await logInWith(issuer, 'Phone/1');
    issuer.clock.now += 60_000;
    const tv = await logInWith(issuer, 'TV\u0007/2', { client_id: 'tv' });
    issuer.clock.now += 60_000;
    const gone = await logInWith(issuer, 'Gone/3');
    await logInWith(issuer, 'Foreign/4', { username: 'eve' });
    await issuer.families.revoke(sidOf(gone), 'logout', issuer.clock.now);
    const refreshed = (await refresh(issuer, phone['refresh_token'])).body;
    const reply = await asBearer(issuer, 'GET', '/sessions', refreshed['access_token']);
    t.equal(reply.status, 200);
    assertNotStored(t, reply, 'the list');
    const common = { address: '127.0.0.1' };
    t.strictSame(reply.body, {
      sessions: [
        {
          ...common,
          sid: sidOf(tv),
          client_id: 'tv',
          user_agent: 'TV?/2',
          created_at: '2026-01-01T00:01:00Z',
          last_used_at: '2026-01-01T00:01:00Z',
          expires_at: '2026-01-15T00:01:00Z',
          is_current: false,
        },
        {
          ...common,
          sid: sidOf(phone),
          client_id: 'app',
          user_agent: 'Phone/1',
          created_at: '2026-01-01T00:00:00Z',
          last_used_at: '2026-01-01T00:02:00Z',
          expires_at: '2026-01-15T00:02:00Z',
          is_current: true,
        },
      ],
    });
    const seenByTv = await shown(issuer, tv);
    t.strictSame(
      seenByTv.map(({ is_current }) => is_current),
      [true, false],
      'the other one asks',
    );
  },

  'one login is ended, and only that': async (t, issuer) => {
    const [here, there, other] = [await logIn(issuer), await logIn(issuer), await logIn(issuer)];
    assertEnded(t, await end(issuer, here, sidOf(there)), 'the other one');
    assertError(t, await refresh(issuer, there['refresh_token']), 400, 'invalid_grant', 'it refreshes no more');
    assertError(t, await asBearer(issuer, 'GET', '/sessions', there['access_token']), 401, 'invalid_token');
    t.equal((await rowOf(issuer, sidOf(there))).revokedReason, 'ended_by_user');
    t.notOk(sidsIn(await shown(issuer, here)).includes(sidOf(there)), 'it is shown no more');
    assertEnded(t, await end(issuer, here, sidOf(there)), 'once more: as gone as asked');
    assertTokens(t, await refresh(issuer, other['refresh_token']), 'a third one goes on');
    assertEnded(t, await end(issuer, here, sidOf(here)), 'its own');
    assertError(t, await end(issuer, here, sidOf(other)), 401, 'invalid_token', 'and so it may do nothing more');
    assertError(t, await refresh(issuer, here['refresh_token']), 400, 'invalid_grant');
  },

  'the login of somebody else is not there, and is not harmed': async (t, issuer) => {
    const own = await logIn(issuer);
    const foreign = await logIn(issuer, { username: 'eve' });
    const before = await rowOf(issuer, sidOf(foreign));
    const reply = await end(issuer, own, sidOf(foreign));
    assertError(t, reply, 404, 'not_found');
    t.equal(reply.headers['www-authenticate'], undefined, 'nothing is wrong with the token');
    const unknown = await end(issuer, own, crypto.randomUUID());
    t.strictSame([unknown.status, unknown.text], [reply.status, reply.text], 'just as one that never was');
    t.strictSame(await rowOf(issuer, sidOf(foreign)), before);
    assertTokens(t, await refresh(issuer, foreign['refresh_token']));
  },

  'all logins are ended, whatever the client, and nobody else is': async (t, issuer) => {
    const bodies = [await logIn(issuer), await logIn(issuer), await logIn(issuer)];
    const tv = await logIn(issuer, { client_id: 'tv' });
    const foreign = await logIn(issuer, { username: 'eve' });
    const [first = {}] = bodies;
    const rotated = (await refresh(issuer, first['refresh_token'])).body;
    assertEnded(t, await end(issuer, rotated), 'all');
    for (const body of [...bodies, rotated]) {
      assertError(t, await refresh(issuer, body['refresh_token']), 400, 'invalid_grant');
      assertError(t, await asBearer(issuer, 'GET', '/userinfo', body['access_token']), 401, 'invalid_token');
    }
    const onTv = await refresh(issuer, tv['refresh_token'], { client_id: 'tv' });
    assertError(t, onTv, 400, 'invalid_grant', 'at another client');
    assertTokens(t, await refresh(issuer, foreign['refresh_token']), 'somebody else');
    const fresh = await logIn(issuer);
    t.strictSame(sidsIn(await shown(issuer, fresh)), [sidOf(fresh)], 'a new one can be made');
  },

  'a login that was on its way while all were ended is over': async (t, issuer) => {
    const own = await logIn(issuer);
    const { begin } = issuer.families;
    Object.assign(issuer.families, {
      begin: async (family: Parameters<typeof begin>[0]) => {
        Object.assign(issuer.families, { begin });
        assertEnded(t, await end(issuer, own), 'after the password was checked');
        return begin(family);
      },
    });
    const racing = await issuer.post('/token', loginForm());
    if (racing.status === 200) {
      assertError(t, await refresh(issuer, racing.body['refresh_token']), 400, 'invalid_grant');
      const reply = await asBearer(issuer, 'GET', '/userinfo', racing.body['access_token']);
      assertError(t, reply, 401, 'invalid_token');
    } else {
      assertError(t, racing, 400, 'invalid_grant');
    }
  },
};

for (const provider of PROVIDERS) {
  t.test(`on ${provider}`, async (t) => {
    const issuer = await issuerWithClients(t, { provider, clients: [aClient(), aClient({ id: 'tv' })] });
    await issuer.addUser({ username: 'eve' });
    for (const [sentence, behaves] of Object.entries(BEHAVIOUR)) t.test(sentence, (t) => behaves(t, issuer));
  });
}
