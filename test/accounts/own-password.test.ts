import t, { type Test } from 'tap';
import { PASSWORD, PROVIDERS, type Reply, type TestIssuer } from '../helper.js';
import { asBearer, postForm } from '../http/support.js';
import { assertError, assertTokens, issuerWithClients, loginForm, refresh, SERVICE } from '../rfc/setup.js';
import { assertBlocked, eventsIn, interruptedHasher } from './support.js';

const NEXT = 'a staple in the battery';
type Login = Record<string, unknown>;
type Meanwhile = ReturnType<typeof interruptedHasher>['meanwhile'];

function change(issuer: TestIssuer, login: Login, current = PASSWORD, next = NEXT) {
  const authorization = `Bearer ${login['access_token']}`;
  return postForm(issuer, '/password', { current_password: current, new_password: next }, { authorization });
}

const tryLogin = (issuer: TestIssuer, username: string, password = PASSWORD): Promise<Reply> =>
  issuer.post('/token', loginForm({ username, password }));

/** A user of one's own with so many logins. */
async function withLogins(issuer: TestIssuer, count: number) {
  const username = `u${crypto.randomUUID()}`;
  const id = await issuer.addUser({ username });
  const logins: Login[] = [];
  for (let i = 0; i < count; i++) logins.push((await tryLogin(issuer, username)).body);
  const [login = {}, ...others] = logins;
  return { id, username, login, others };
}

const counters = ({ database }: TestIssuer, kind: string) =>
  database.prisma.loginFailures.count({ where: { key: { startsWith: kind } } });

/** Does something once, right after the next password was checked. */
function after(meanwhile: Meanwhile, run: () => Promise<unknown>): void {
  meanwhile.run = () => {
    meanwhile.run = async () => undefined;
    return run();
  };
}

/** A login whose password was right when it was checked, and is not any more: it was answered, and is over. */
async function assertStillborn(t: Test, issuer: TestIssuer, login: Reply): Promise<void> {
  assertTokens(t, login);
  assertError(t, await refresh(issuer, login.body['refresh_token']), 400, 'invalid_grant', 'it has ended');
  t.equal((await asBearer(issuer, 'GET', '/userinfo', login.body['access_token'])).status, 401);
}

function changes(t: Test, issuer: TestIssuer): void {
  t.test('it ends all other logins, at once, and keeps this one', async (t) => {
    const { username, login, others } = await withLogins(issuer, 3);
    const reply = await change(issuer, login);
    t.strictSame([reply.status, reply.text], [204, '']);
    t.equal(eventsIn(issuer, 'password_changed').length, 1);
    for (const other of others) {
      assertError(t, await refresh(issuer, other['refresh_token']), 400, 'invalid_grant', 'another');
      t.equal((await asBearer(issuer, 'GET', '/userinfo', other['access_token'])).status, 401);
    }
    const next = await refresh(issuer, login['refresh_token']);
    assertTokens(t, next, 'its refresh token works');
    t.equal((await asBearer(issuer, 'GET', '/userinfo', login['access_token'])).status, 200);
    assertError(t, await tryLogin(issuer, username), 400, 'invalid_grant', 'the old password');
    assertTokens(t, await tryLogin(issuer, username, NEXT), 'the new one');
    t.equal((await change(issuer, next.body, NEXT, 'and another one')).status, 204, 'and again');
    t.notOk(issuer.log.join('').includes(NEXT), 'the log has no password');
  });

  t.test('wrong guesses at the present one are limited, apart from logins', async (t) => {
    const { username, login } = await withLogins(issuer, 1);
    for (let i = 0; i < 10; i++) {
      const reply = await change(issuer, login, 'wrong');
      assertError(t, reply, 400, 'invalid_grant', `guess ${i}`);
      t.equal(reply.body['error_description'], 'The current password is wrong.');
    }
    assertBlocked(t, await change(issuer, login, 'wrong'), 10, 'the eleventh');
    assertBlocked(t, await change(issuer, login), 10, 'the right one as well');
    t.equal(await counters(issuer, 'account:'), 0, 'no login was counted');
    assertTokens(t, await tryLogin(issuer, username), 'so nobody is kept from logging in');
    assertBlocked(t, await change(issuer, login), 10, 'which clears nothing here');
    const other = await withLogins(issuer, 1);
    t.equal((await change(issuer, other.login)).status, 204, 'others may');
    issuer.clock.now += 10_000;
    t.equal((await change(issuer, login)).status, 204, 'and after the wait it works');
    assertError(t, await change(issuer, login, 'wrong'), 400, 'invalid_grant', 'from nought');
    t.equal(await counters(issuer, 'password:'), 1);
  });

  t.test('a new password that will not do is refused, and nothing is counted', async (t) => {
    const { id, username, login } = await withLogins(issuer, 1);
    const before = await issuer.users.find(id);
    const counted = await counters(issuer, 'password:');
    for (const [next, text] of [
      ['short', /at least 8 characters/],
      ['x'.repeat(73), /73 bytes/],
      ['iloveyou1', /everybody tries first/],
      [username.toUpperCase(), /user name/],
      ['with a \0 in it', /NUL/],
    ] as const) {
      const reply = await change(issuer, login, PASSWORD, next);
      assertError(t, reply, 400, 'invalid_request', next.slice(0, 10));
      t.match(reply.body['error_description'], text);
    }
    t.strictSame(await issuer.users.find(id), before);
    t.equal(await counters(issuer, 'password:'), counted);
  });

  t.test('it takes the access token of a user', async (t) => {
    t.equal((await postForm(issuer, '/password', {})).status, 401);
    const { body } = await issuer.post('/token', { grant_type: 'client_credentials' }, SERVICE);
    assertError(t, await change(issuer, body), 403, 'insufficient_scope', 'a client has no password');
    const { login } = await withLogins(issuer, 1);
    assertError(t, await change(issuer, login, ''), 400, 'invalid_request', 'the present one is missing');
    await asBearer(issuer, 'DELETE', '/sessions', login['access_token']);
    t.equal((await change(issuer, login)).status, 401, 'not of a login that is over');
  });
}

function races(t: Test, issuer: TestIssuer, meanwhile: Meanwhile): void {
  t.test('a login that is being made with the old password ends with the others', async (t) => {
    const { username, login } = await withLogins(issuer, 1);
    after(meanwhile, async () => t.equal((await change(issuer, login)).status, 204));
    await assertStillborn(t, issuer, await tryLogin(issuer, username));
  });

  t.test('of two changes at once one wins', async (t) => {
    const { username, login, others } = await withLogins(issuer, 2);
    const [winner = {}] = others;
    after(meanwhile, async () => t.equal((await change(issuer, winner, PASSWORD, 'the winning one')).status, 204));
    assertError(t, await change(issuer, login), 503, 'temporarily_unavailable', 'the other may ask again');
    assertError(t, await tryLogin(issuer, username, NEXT), 400, 'invalid_grant');
    assertTokens(t, await tryLogin(issuer, username, 'the winning one'));
    assertTokens(t, await refresh(issuer, winner['refresh_token']), 'the login of the winner');
    assertError(t, await refresh(issuer, login['refresh_token']), 400, 'invalid_grant', 'that of the other');
  });

  t.test('of a user who is disabled meanwhile nothing is changed', async (t) => {
    const { id, login } = await withLogins(issuer, 1);
    const before = (await issuer.users.find(id))?.passwordHash;
    after(meanwhile, () => issuer.users.disable(id, issuer.clock.now));
    assertError(t, await change(issuer, login), 503, 'temporarily_unavailable');
    t.equal((await issuer.users.find(id))?.passwordHash, before);
    t.equal((await change(issuer, login)).status, 401, 'and then the token is good for nothing');
  });

  t.test('a login that is ended meanwhile stays ended', async (t) => {
    const { username, login, others } = await withLogins(issuer, 2);
    const [other = {}] = others;
    const sids = await issuer.database.prisma.family.findMany({ where: { user: { is: { usernameKey: username } } } });
    after(meanwhile, async () => {
      for (const { id } of sids) await issuer.families.revoke(id, 'revoked', issuer.clock.now);
    });
    await change(issuer, login);
    for (const one of [login, other]) {
      assertError(t, await refresh(issuer, one['refresh_token']), 400, 'invalid_grant');
    }
  });
}

/** The cost of a user's hash. */
const costOf = async ({ users }: TestIssuer, id: string) => (await users.find(id))?.passwordHash.slice(4, 6);

function rehashing(t: Test, issuer: TestIssuer, meanwhile: Meanwhile): void {
  t.test('a login raises the cost of a hash, and ends no other login', async (t) => {
    const { id, username, login } = await withLogins(issuer, 1);
    t.equal(await costOf(issuer, id), '05');
    const hash = (await issuer.users.find(id))?.passwordHash;
    assertTokens(t, await tryLogin(issuer, username), 'the next login uses it');
    t.equal((await issuer.users.find(id))?.passwordHash, hash, 'and leaves it');
    assertTokens(t, await refresh(issuer, login['refresh_token']));
    assertError(t, await tryLogin(issuer, username, 'wrong'), 400, 'invalid_grant');
  });

  t.test('a login never lowers it, nor does a failure touch it', async (t) => {
    const username = 'costly';
    const id = await issuer.addUser({ username });
    assertError(t, await tryLogin(issuer, username, 'wrong'), 400, 'invalid_grant');
    t.equal(await costOf(issuer, id), '04', 'a wrong password raises nothing');
    const hash = '$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i';
    await issuer.users.setPassword(id, hash);
    assertTokens(t, await tryLogin(issuer, username, 'abc'));
    t.equal((await issuer.users.find(id))?.passwordHash, hash);
  });

  t.test('a password that is set meanwhile is not overwritten by the old one', async (t) => {
    const username = 'quick';
    const id = await issuer.addUser({ username });
    after(meanwhile, () => issuer.users.setPassword(id, 'a new hash'));
    await assertStillborn(t, issuer, await tryLogin(issuer, username));
    t.equal((await issuer.users.find(id))?.passwordHash, 'a new hash');
  });
}

for (const provider of PROVIDERS) {
  t.test(`on ${provider}`, async (t) => {
    const { hasher, meanwhile } = interruptedHasher(t, 5);
    const issuer = await issuerWithClients(t, { provider, overrides: { accounts: { hasher } } });
    changes(t, issuer);
    races(t, issuer, meanwhile);
    rehashing(t, issuer, meanwhile);
  });
}
