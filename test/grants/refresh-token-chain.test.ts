import t, { type Test } from 'tap';
import { aClient, claimsOf, PROVIDERS, type TestIssuer } from '../helper.js';
import { aService, assertError, assertTokens, issuerWithClients, logIn, refresh, SERVICE } from '../rfc/setup.js';

const DAY_MS = 86_400_000;

function retries(t: Test, issuer: TestIssuer): void {
  t.test('a retry gives the very same successor, with a fresh access token', async (t) => {
    const first = (await logIn(issuer))['refresh_token'];
    const answer = await refresh(issuer, first);
    issuer.clock.now += 9_999;
    const retry = await refresh(issuer, first);
    assertTokens(t, retry);
    t.equal(retry.body['refresh_token'], answer.body['refresh_token']);
    const [before, after] = [claimsOf(answer.body['access_token']), claimsOf(retry.body['access_token'])];
    t.not(after['jti'], before['jti']);
    t.equal(after['sid'], before['sid']);
    t.equal(Number(after['exp']) - Number(after['iat']), 600, 'with its whole lifetime before it');
    t.equal(Number(after['iat']) - Number(before['iat']), 9);
    assertTokens(t, await refresh(issuer, retry.body['refresh_token']), 'the successor works');
  });

  t.test('the retry window ends on the millisecond; then the old token is a reuse', async (t) => {
    const first = (await logIn(issuer))['refresh_token'];
    const second = (await refresh(issuer, first)).body['refresh_token'];
    issuer.clock.now += 10_000;
    assertError(t, await refresh(issuer, first), 400, 'invalid_grant', 'after the window');
    assertError(t, await refresh(issuer, second), 400, 'invalid_grant', 'the login has ended');
  });

  t.test('a retry does not prolong its own window', async (t) => {
    const first = (await logIn(issuer))['refresh_token'];
    await refresh(issuer, first);
    for (const pause of [6_000, 3_000]) {
      issuer.clock.now += pause;
      assertTokens(t, await refresh(issuer, first), `after another ${pause} ms`);
    }
    issuer.clock.now += 1_000;
    assertError(t, await refresh(issuer, first), 400, 'invalid_grant', '10 s after the rotation');
  });
}

function windows(t: Test, issuer: TestIssuer): void {
  t.test('with a retry window of 0 the second use is a reuse, at once', async (t) => {
    const app = { client_id: 'strict' };
    const first = (await logIn(issuer, app))['refresh_token'];
    const second = (await refresh(issuer, first, app)).body['refresh_token'];
    assertError(t, await refresh(issuer, first, app), 400, 'invalid_grant', 'second use');
    assertError(t, await refresh(issuer, second, app), 400, 'invalid_grant', 'the login has ended');
  });

  t.test('a clock that went back does not open a window of 0', async (t) => {
    const app = { client_id: 'strict' };
    const first = (await logIn(issuer, app))['refresh_token'];
    await refresh(issuer, first, app);
    issuer.clock.now -= 5_000;
    assertError(t, await refresh(issuer, first, app), 400, 'invalid_grant');
    issuer.clock.now += 5_000;
  });

  t.test('a confidential client has a window of 60 s', async (t) => {
    const login = await issuer.post(
      '/token',
      { grant_type: 'password', username: 'ada', password: 'correct horse battery' },
      SERVICE,
    );
    const form = { grant_type: 'refresh_token', refresh_token: String(login.body['refresh_token']) };
    const answer = await issuer.post('/token', form, SERVICE);
    issuer.clock.now += 59_999;
    const retry = await issuer.post('/token', form, SERVICE);
    t.equal(retry.body['refresh_token'], answer.body['refresh_token']);
    issuer.clock.now += 1;
    assertError(t, await issuer.post('/token', form, SERVICE), 400, 'invalid_grant');
  });
}

function reuse(t: Test, issuer: TestIssuer): void {
  t.test('a reuse ends this login only: the other ones of the user live, and it is in the log', async (t) => {
    const [phone, laptop] = [await logIn(issuer), await logIn(issuer)];
    const second = (await refresh(issuer, phone['refresh_token'])).body['refresh_token'];
    await refresh(issuer, second);
    const logged = issuer.log.length;
    assertError(t, await refresh(issuer, phone['refresh_token']), 400, 'invalid_grant');
    const { sid } = claimsOf(phone['access_token']);
    const event = JSON.parse(issuer.log.slice(logged).find((line) => line.includes('reused')) ?? '{}');
    t.match(event, { level: 40, event: 'reuse', reason: 'refresh_token_reused', sid, clientId: 'app' });
    const row = await issuer.database.prisma.family.findUnique({ where: { id: String(sid) } });
    t.equal(row?.revokedReason, 'reuse');
    t.equal(row?.revokedAt?.getTime(), issuer.clock.now);
    assertTokens(t, await refresh(issuer, laptop['refresh_token']), 'the other device');
  });

  t.test("another client's token harms nothing, however old it is", async (t) => {
    const first = (await logIn(issuer))['refresh_token'];
    const second = (await refresh(issuer, first)).body['refresh_token'];
    const third = (await refresh(issuer, second)).body['refresh_token'];
    for (const token of [first, second, third]) {
      const reply = await refresh(issuer, token, { client_id: 'strict' });
      assertError(t, reply, 400, 'invalid_grant', 'from another client');
    }
    assertTokens(t, await refresh(issuer, third), 'its own client goes on');
  });
}

function lifetimes(t: Test, issuer: TestIssuer): void {
  t.test('the idle lifetime starts anew at each refresh', async (t) => {
    const app = { client_id: 'short' };
    let token = (await logIn(issuer, app))['refresh_token'];
    for (let i = 0; i < 2; i++) {
      issuer.clock.now += 99_999;
      const reply = await refresh(issuer, token, app);
      assertTokens(t, reply, `refresh ${i}`);
      token = reply.body['refresh_token'];
    }
  });

  t.test('a login not refreshed for its idle lifetime has ended', async (t) => {
    const token = (await logIn(issuer))['refresh_token'];
    issuer.clock.now += 14 * DAY_MS;
    assertError(t, await refresh(issuer, token), 400, 'invalid_grant', 'to the millisecond');
  });

  t.test('a login ends at its absolute lifetime, however often it is refreshed', async (t) => {
    const app = { client_id: 'short' };
    let token = (await logIn(issuer, app))['refresh_token'];
    for (const pause of [99_000, 99_000, 51_999]) {
      issuer.clock.now += pause;
      const reply = await refresh(issuer, token, app);
      assertTokens(t, reply);
      token = reply.body['refresh_token'];
    }
    issuer.clock.now += 1;
    assertError(t, await refresh(issuer, token, app), 400, 'invalid_grant', 'to the millisecond');
  });

  t.test('an expired login is just over: an old token of it is no reuse', async (t) => {
    const login = await logIn(issuer);
    await refresh(issuer, login['refresh_token']);
    issuer.clock.now += 15 * DAY_MS;
    assertError(t, await refresh(issuer, login['refresh_token']), 400, 'invalid_grant');
    const { sid } = claimsOf(login['access_token']);
    const row = await issuer.database.prisma.family.findUnique({ where: { id: String(sid) } });
    t.equal(row?.revokedAt, null);
  });

  t.test('a chain of 30 stays one row of constant size', async (t) => {
    const count = await issuer.database.prisma.family.count();
    const login = await logIn(issuer);
    let token = login['refresh_token'];
    for (let i = 0; i < 30; i++) token = (await refresh(issuer, token)).body['refresh_token'];
    t.equal(await issuer.database.prisma.family.count(), count + 1);
    const { sid } = claimsOf(login['access_token']);
    const row = await issuer.database.prisma.family.findUnique({ where: { id: String(sid) } });
    t.equal(row?.generation, 30);
  });
}

for (const provider of PROVIDERS) {
  t.test(`on ${provider}`, async (t) => {
    const clients = [
      aClient(),
      aClient({ id: 'strict', retryWindowSeconds: 0 }),
      aClient({ id: 'short', refreshIdleTtlSeconds: 100, refreshAbsoluteTtlSeconds: 250 }),
      aService({ audiences: [], defaultAudiences: [] }),
    ];
    const issuer = await issuerWithClients(t, { provider, clients });
    retries(t, issuer);
    windows(t, issuer);
    reuse(t, issuer);
    lifetimes(t, issuer);
  });
}
