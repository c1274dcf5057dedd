import t, { type Test } from 'tap';
import { buildApp } from '../../src/app.js';
import { openHasher } from '../../src/passwords/hasher.js';
import { aClient, PASSWORD, PROVIDERS, type TestIssuer } from '../helper.js';
import { PAGE } from '../http/support.js';
import { assertError, assertTokens, FORM, issuerWithClients, loginForm, send } from '../rfc/setup.js';
import { assertBlocked, eventsIn, STRANGER } from './support.js';

const NEW = { username: 'grace', email: 'grace@example.com', password: 'a bug in the relay' };

type Asked = { readonly address?: string; readonly headers?: Record<string, string>; readonly isJson?: boolean };

/** Makes an account, as a form unless told otherwise. */
function register(issuer: TestIssuer, body: Record<string, unknown> = {}, asked: Asked = {}) {
  const { address = STRANGER, headers = {}, isJson = false } = asked;
  const all = { ...NEW, ...body };
  const payload = isJson ? JSON.stringify(all) : new URLSearchParams(all as Record<string, string>).toString();
  const type = { 'content-type': isJson ? 'application/json' : FORM };
  const options = { method: 'POST', url: '/register', remoteAddress: address, payload } as const;
  return send(issuer, { ...options, headers: { ...type, ...headers } });
}

const usersNamed = ({ database }: TestIssuer, usernameKey: string) =>
  database.prisma.user.findMany({ where: { usernameKey } });

function accounts(t: Test, issuer: TestIssuer, hashes: { count: number }): void {
  t.test('a name that is free, a name and an address that are not: one answer, and one hash each', async (t) => {
    const free = await register(issuer);
    t.equal(free.status, 202);
    t.equal(hashes.count, 1);
    assertTokens(t, await issuer.post('/token', loginForm({ ...NEW, username: NEW.email })), 'it is an account');
    const taken = [{}, { email: 'other@example.com' }, { username: 'other' }, { username: 'GRACE', email: '' }];
    for (const [i, form] of taken.entries()) {
      const reply = await register(issuer, { ...form, password: 'quite another one' });
      t.strictSame([reply.status, reply.text], [202, free.text], JSON.stringify(form));
      t.strictSame(Object.keys(reply.headers), Object.keys(free.headers));
      t.equal(hashes.count, i + 2);
    }
    assertTokens(t, await issuer.post('/token', loginForm(NEW)), 'nobody has got another password');
    t.equal((await usersNamed(issuer, 'other')).length, 0);
    const [made] = eventsIn(issuer, 'user_registered');
    t.equal(made?.['userId'], (await usersNamed(issuer, 'grace'))[0]?.id);
    t.equal(eventsIn(issuer, 'registration_of_taken_name').length, taken.length);
    t.notOk(issuer.log.join('').match(/grace|a bug in the relay/), 'the log has neither name nor password');
  });

  t.test('nobody gets more than an account, whatever else is sent', async (t) => {
    const id = '00000000-0000-4000-8000-000000000000';
    const more = { id, sub: id, user_id: id, disabled: 'true', disabledAt: '1', password_hash: 'x', loginEpoch: '9' };
    const roles = { roles: 'mintd.admin', role: 'admin', 'roles[]': 'admin', scope: 'mintd.admin', isAdmin: 'true' };
    for (const [username, isJson] of [
      ['asform', false],
      ['asjson', true],
    ] as const) {
      t.equal((await register(issuer, { ...more, ...roles, username, email: '' }, { isJson })).status, 202, username);
      const [user] = await usersNamed(issuer, username);
      t.match(user, { roles: '', disabledAt: null, loginEpoch: 0, emailKey: null, revision: 0 }, username);
      t.not(user?.id, id);
      assertTokens(t, await issuer.post('/token', loginForm({ ...NEW, username })), username);
    }
    const listed = await register(issuer, { username: 'listed', roles: ['admin'] }, { isJson: true });
    t.equal((await usersNamed(issuer, 'listed')).filter(({ roles }) => roles !== '').length, 0, `${listed.status}`);
  });

  t.test('of two who want one name at the same moment one gets it, and neither is told', async (t) => {
    const passwords = ['the first of them', 'the second of them'];
    const both = passwords.map((password) => register(issuer, { username: 'wanted', email: '', password }));
    t.strictSame(
      (await Promise.all(both)).map(({ status }) => status),
      [202, 202],
    );
    t.equal((await usersNamed(issuer, 'wanted')).length, 1);
    const logins = passwords.map((password) => issuer.post('/token', loginForm({ username: 'wanted', password })));
    t.strictSame((await Promise.all(logins)).map(({ status }) => status).sort(), [200, 400]);
  });

  t.test('so many tries are let through from one address, for whatever names', async (t) => {
    const address = '2001:db8::1';
    for (let i = 0; i < 5; i++) t.equal((await register(issuer, { username: `n${i % 3}` }, { address })).status, 202);
    const before = hashes.count;
    assertBlocked(t, await register(issuer, {}, { address: '2001:db8::2' }), 10, 'the sixth from this network');
    t.equal(hashes.count, before, 'nothing is hashed');
    t.equal((await register(issuer, {}, { address: '2001:db8:1::1' })).status, 202, 'others may');
    assertTokens(t, await issuer.post('/token', loginForm()), 'and logins do not wait');
  });
}

for (const provider of PROVIDERS) {
  t.test(`on ${provider}`, async (t) => {
    const hashes = { count: 0 };
    const real = openHasher({ cost: 4, threads: 1 });
    t.teardown(() => real.close());
    const inTurn: typeof real.inTurn = (who, work) =>
      real.inTurn(who, (bcrypt) => {
        const hash = (password: string) => bcrypt.hash(password).finally(() => hashes.count++);
        return work({ ...bcrypt, hash });
      });
    const limits = { failuresPerAccount: 10, failuresPerAddress: 5, windowSeconds: 60 };
    const issuer = await issuerWithClients(t, {
      provider,
      overrides: { accounts: { hasher: { ...real, inTurn }, limits } },
    });
    t.beforeEach(() => {
      issuer.clock.now += 3_600_000;
    });
    accounts(t, issuer, hashes);
  });
}

t.test('what is wrong with a name, an address or a password is said', async (t) => {
  const issuer = await issuerWithClients(t);
  const cases: readonly (readonly [form: Record<string, string>, text: RegExp])[] = [
    [{ password: 'seven77' }, /^the password needs at least 8 characters$/],
    [{ password: '😀'.repeat(7) }, /at least 8 characters/],
    [{ password: 'x'.repeat(73) }, /^the password has 73 bytes, at most 72 are possible$/],
    [{ password: 'pass\0word and more' }, /NUL/],
    [{ password: 'iloveyou1' }, /everybody tries first/],
    [{ password: 'PassWord1' }, /everybody tries first/],
    [{ password: 'gracehopper', username: 'GraceHopper' }, /^the password is the user name or the e-mail address$/],
    [{ password: 'gracehopper2026!', username: 'gracehopper' }, /user name or the e-mail/],
    [{ password: 'grace@example.com' }, /user name or the e-mail/],
    [{ password: 'navyadmiral1', email: 'NavyAdmiral@example.com' }, /user name or the e-mail/],
    [{ email: 'no address' }, /^that is not an e-mail address$/],
    [{ email: 'a@b@c' }, /not an e-mail/],
    [{ email: '@example.com' }, /not an e-mail/],
    [{ email: 'gra\u200bce@example.com' }, /not an e-mail/],
    [{ username: 'gra\u200bce' }, /invisible characters/],
    [{ username: 'gra\u0000ce' }, /invisible/],
    [{ username: '\u202egrace' }, /invisible/],
    [{ username: ' grace' }, /user name/],
    [{ username: 'x'.repeat(129) }, /longer than 128/],
    [{ username: 'somebody@example.com' }, /must be the user's own e-mail address/],
    [{ username: 'a\nb', email: 'x' }, /user name is .*; that is not an e-mail/],
  ];
  for (const [form, text] of cases) {
    const reply = await register(issuer, form);
    assertError(t, reply, 400, 'invalid_request', JSON.stringify(form).slice(0, 60));
    t.match(reply.body['error_description'], text);
  }
  for (const name of ['username', 'password']) {
    const reply = await register(issuer, { [name]: '' });
    t.equal(reply.body['error_description'], `The parameter ${name} is missing.`);
  }
  t.equal(await issuer.database.prisma.user.count(), 1, 'only ada');
  t.equal(await issuer.database.prisma.loginFailures.count(), 0, 'a slip is not counted');
  const fits = { password: `${'ü'.repeat(35)}ö`, email: '' };
  t.equal((await register(issuer, fits)).status, 202, '72 bytes');
  assertTokens(t, await issuer.post('/token', loginForm({ ...NEW, ...fits })));
});

t.test('where registration is closed there is nothing', async (t) => {
  const issuer = await issuerWithClients(t);
  const app = await buildApp({ ...issuer.deps, isRegistrationOpen: false });
  t.teardown(() => app.close());
  assertError(t, await register({ ...issuer, app }), 404, 'not_found');
  assertError(t, await send({ ...issuer, app }, { method: 'GET', url: '/register' }), 404, 'not_found');
  t.equal((await usersNamed(issuer, 'grace')).length, 0);
});

t.test('pages of clients may ask and read, others not', async (t) => {
  const issuer = await issuerWithClients(t, { clients: [aClient({ origins: [PAGE] })] });
  const preflight = (origin: string) => {
    const headers = { origin, 'access-control-request-method': 'POST' };
    return send(issuer, { method: 'OPTIONS', url: '/register', headers });
  };
  t.match((await preflight(PAGE)).headers, { 'access-control-allow-methods': 'POST', vary: 'Origin' });
  t.equal((await preflight('https://evil.example')).headers['access-control-allow-origin'], undefined);
  for (const [form, status] of [
    [{ password: 'short' }, 400],
    [{ password: PASSWORD }, 202],
  ] as const) {
    const own = await register(issuer, form, { headers: { origin: PAGE } });
    t.strictSame([own.status, own.headers['access-control-allow-origin']], [status, PAGE]);
    const foreign = await register(issuer, form, { headers: { origin: 'https://evil.example' } });
    t.equal(foreign.headers['access-control-allow-origin'], undefined);
  }
});
