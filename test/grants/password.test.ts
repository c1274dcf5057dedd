import t, { type Test } from 'tap';
import { openHasher } from '../../src/passwords/hasher.js';
import { aClient, claimsOf, PASSWORD, PROVIDERS, type TestIssuer, testIssuer } from '../helper.js';
import { assertError, assertTokens, issuerWithClients, logIn, loginForm, refresh, send } from '../rfc/setup.js';

/** Why the last request was refused, from the log. */
function reasonIn(log: readonly string[]): unknown {
  return JSON.parse(log.findLast((line) => /"event":"(refused|login_failed)"/.test(line)) ?? '{}').reason;
}

function logins(t: Test, issuer: TestIssuer): void {
  t.test('a login starts a family of its own', async (t) => {
    const [one, two] = [await logIn(issuer), await logIn(issuer)];
    const [first, second] = [claimsOf(one['access_token']), claimsOf(two['access_token'])];
    t.equal(first['sub'], second['sub']);
    t.not(first['sid'], second['sid']);
    t.ok(await issuer.database.prisma.family.findUnique({ where: { id: String(first['sid']) } }));
  });

  t.test('the user is found by name or e-mail address, in any case and any Unicode form', async (t) => {
    const id = await issuer.addUser({ username: 'José', email: 'Jose@Example.com' });
    for (const username of ['José', 'jose\u0301', 'JOSÉ', 'jose@example.com', 'JOSE@EXAMPLE.COM', 'ＪＯＳé']) {
      const reply = await issuer.post('/token', loginForm({ username }));
      assertTokens(t, reply, username);
      t.equal(claimsOf(reply.body['access_token'])['sub'], id, username);
    }
  });
}

function refusals(t: Test, issuer: TestIssuer): void {
  t.test('every refusal has its reason in the log, and one answer', async (t) => {
    const off = await issuer.addUser({ username: 'off' });
    await issuer.users.disable(off, issuer.clock.now);
    const cases = [
      [{ username: 'nobody' }, 'user_unknown'],
      [{ username: 'nobody@example.com' }, 'user_unknown'],
      [{ username: ' ada' }, 'user_unknown'],
      [{ username: 'a\u0000da' }, 'user_unknown'],
      [{ password: 'wrong' }, 'password_wrong'],
      [{ password: `${PASSWORD}\u0000` }, 'password_wrong'],
      [{ username: 'off' }, 'user_disabled'],
      [{ username: 'off', password: 'wrong' }, 'password_wrong'],
    ] as const;
    for (const [form, reason] of cases) {
      assertError(t, await issuer.post('/token', loginForm(form)), 400, 'invalid_grant', reason);
      t.equal(reasonIn(issuer.log), reason, JSON.stringify(form));
    }
  });

  t.test('a password longer than 72 bytes never matches, not even where its first 72 do', async (t) => {
    const longest = 'ü'.repeat(36);
    await issuer.addUser({ username: 'long', password: longest });
    assertTokens(t, await issuer.post('/token', loginForm({ username: 'long', password: longest })));
    for (const password of [`${longest}x`, `${longest}ü`, longest.repeat(50), 'ü'.repeat(35)]) {
      const reply = await issuer.post('/token', loginForm({ username: 'long', password }));
      assertError(t, reply, 400, 'invalid_grant', `${Buffer.byteLength(password)} bytes`);
    }
  });

  t.test('a client without the refresh grant gets an access token, and a login as long as that', async (t) => {
    const body = await logIn(issuer, { client_id: 'once' });
    t.equal(Object.hasOwn(body, 'refresh_token'), false);
    const claims = claimsOf(body['access_token']);
    t.equal(claims['username'], 'ada');
    const row = await issuer.database.prisma.family.findUniqueOrThrow({ where: { id: String(claims['sid']) } });
    t.equal(row.absoluteExpiresAt.getTime(), issuer.clock.now + 600_000);
    t.equal(row.idleExpiresAt.getTime(), issuer.clock.now + 600_000);
  });

  t.test('a request that does not say what it needs is invalid_request', async (t) => {
    for (const name of ['grant_type', 'username', 'password']) {
      assertError(t, await issuer.post('/token', loginForm({ [name]: '' })), 400, 'invalid_request', name);
    }
    assertError(t, await issuer.post('/token', loginForm({ grant_type: 'x' })), 400, 'unsupported_grant_type');
  });

  t.test('scope and audience are checked before the password, and a refusal stores nothing', async (t) => {
    const before = await issuer.database.prisma.family.count();
    const form = { password: 'wrong' };
    assertError(t, await issuer.post('/token', loginForm({ ...form, scope: 'x' })), 400, 'invalid_scope');
    assertError(t, await issuer.post('/token', loginForm({ ...form, audience: 'x' })), 400, 'invalid_target');
    t.equal(await issuer.database.prisma.family.count(), before);
  });

  t.test('a disabled user can log in again once enabled', async (t) => {
    const id = await issuer.addUser({ username: 'back' });
    await issuer.users.disable(id, issuer.clock.now);
    assertError(t, await issuer.post('/token', loginForm({ username: 'back' })), 400, 'invalid_grant');
    await issuer.users.enable(id);
    assertTokens(t, await issuer.post('/token', loginForm({ username: 'back' })));
  });
}

for (const provider of PROVIDERS) {
  t.test(`on ${provider}`, async (t) => {
    const clients = [aClient(), aClient({ id: 'once', grants: ['password'] })];
    const issuer = await issuerWithClients(t, { provider, clients });
    logins(t, issuer);
    refusals(t, issuer);
  });

  t.test(`on ${provider}: what happens to the user while the password is hashed`, async (t) => {
    const meanwhile: { run: () => Promise<unknown> } = { run: async () => undefined };
    const real = openHasher({ cost: 4, threads: 1 });
    t.teardown(() => real.close());
    const hasher: typeof real = {
      ...real,
      inTurn: (who, work) =>
        real.inTurn(who, (bcrypt) =>
          work({
            ...bcrypt,
            verify: async (password, hash) => {
              const verdict = await bcrypt.verify(password, hash);
              await meanwhile.run();
              return verdict;
            },
          }),
        ),
    };
    const issuer = await issuerWithClients(t, { provider, overrides: { accounts: { hasher } } });

    t.test('deleted: the login is refused', async (t) => {
      const id = await issuer.addUser({ username: 'gone' });
      meanwhile.run = () => issuer.database.prisma.user.delete({ where: { id } });
      assertError(t, await issuer.post('/token', loginForm({ username: 'gone' })), 400, 'invalid_grant');
      t.equal(reasonIn(issuer.log), 'user_changed_meanwhile');
    });

    t.test('password set or disabled: the login that raced it cannot be refreshed', async (t) => {
      const changes = {
        password: (id: string) => issuer.users.setPassword(id, 'x'),
        disabled: (id: string) => issuer.users.disable(id, issuer.clock.now),
        'disabled and enabled': async (id: string) => {
          await issuer.users.disable(id, issuer.clock.now);
          await issuer.users.enable(id);
        },
      };
      for (const [username, change] of Object.entries(changes)) {
        const id = await issuer.addUser({ username });
        meanwhile.run = () => change(id);
        const login = await issuer.post('/token', loginForm({ username }));
        meanwhile.run = async () => undefined;
        if (login.status === 200) {
          assertError(t, await refresh(issuer, login.body['refresh_token']), 400, 'invalid_grant', username);
        } else assertError(t, login, 400, 'invalid_grant', username);
      }
    });
  });
}

t.test('an unknown name costs a hash like a known one', async (t) => {
  const hashed: (string | null)[] = [];
  const real = openHasher({ cost: 4, threads: 1 });
  t.teardown(() => real.close());
  const verify = async (_password: string, hash: string | null) => hashed.push(hash) === 0;
  const hasher: typeof real = {
    ...real,
    inTurn: (who, work) => real.inTurn(who, (bcrypt) => work({ ...bcrypt, verify })),
  };
  const issuer = await issuerWithClients(t, { overrides: { accounts: { hasher } } });
  for (const username of ['ada', 'nobody', 'nobody@example.com', 'a\u0000']) {
    await issuer.post('/token', loginForm({ username }));
  }
  t.equal(hashed.length, 4);
  t.equal(hashed.filter((hash) => hash === null).length, 3);
});

t.test('a full queue is 503 with Retry-After at once, and a refresh still works', async (t) => {
  const hasher = openHasher({ cost: 10, threads: 1, limits: { maxWaiting: 1, maxWaitMs: 60_000 } });
  t.teardown(() => hasher.close());
  const issuer = await issuerWithClients(t, { overrides: { accounts: { hasher } } });
  const login = await logIn(issuer);
  const flood = Promise.all(Array.from({ length: 20 }, () => issuer.post('/token', loginForm())));
  assertTokens(t, await refresh(issuer, login['refresh_token']), 'a refresh beside the flood');
  const replies = await flood;
  const full = replies.filter(({ status }) => status === 503);
  t.ok(full.length > 0 && full.length < 20, `${full.length} of 20 were refused`);
  t.equal(replies.filter(({ status }) => status === 200).length, 20 - full.length, 'the others were logged in');
  for (const reply of full) {
    assertError(t, reply, 503, 'temporarily_unavailable');
    t.match(reply.headers['retry-after'], /^[1-9]\d*$/);
  }
  t.equal(await issuer.database.prisma.family.count(), 21 - full.length, 'a refused one stored nothing');
});

t.test('an unknown name meets the full queue like a known one', async (t) => {
  const hasher = openHasher({ cost: 4, threads: 1, limits: { atOnce: 0, maxWaiting: 0 } });
  t.teardown(() => hasher.close());
  const issuer = await testIssuer(t, 'sqlite', { accounts: { hasher } });
  await issuer.clients.add(aClient());
  const reply = await issuer.post('/token', loginForm({ username: 'nobody' }));
  assertError(t, reply, 503, 'temporarily_unavailable');
  t.equal(reasonIn(issuer.log), 'password_queue_full');
  t.equal((await send(issuer, { url: '/livez' })).status, 200);
});
