import t, { type Test } from 'tap';
import { MADE_PASSWORD, USER } from '../../src/http/admin/shapes.js';
import { PROVIDERS } from '../helper.js';
import { assertError, logIn, loginForm, refresh } from '../rfc/setup.js';
import { type Administered, anAdministeredIssuer, assertFits, assertProblem, type Shown } from './admin-support.js';
import { asBearer, assertNotStored } from './support.js';

const USERS = '/admin/users';
const GOOD = 'battery staple 42';
const NOBODY = crypto.randomUUID();
const BY = { by: { clientId: 'office' }, address: '127.0.0.1' };

/** Makes a user over HTTP, with GOOD as password unless told otherwise. */
async function added({ ask }: Administered, user: Shown = {}): Promise<Shown & { id: string; url: string }> {
  const { status, text, body } = await ask('POST', USERS, { username: unique(), password: GOOD, ...user });
  if (status !== 201) throw new Error(text);
  return { ...body, id: String(body['id']), url: `${USERS}/${body['id']}` };
}

const unique = () => `u${crypto.randomUUID().slice(0, 12)}`;

/** What holds on every database. */
const BEHAVIOUR: Readonly<Record<string, (t: Test, admin: Administered) => Promise<void>>> = {
  'a user is made, shown, changed and deleted': async (t, { issuer, ask, audited }) => {
    const username = unique();
    const email = `${username}@Example.com`;
    const user = { username, email, roles: ['b', 'a', 'b'], password: GOOD };
    const made = await ask('POST', USERS, user);
    t.equal(made.status, 201);
    assertFits(t, USER, made.body, 'made');
    assertNotStored(t, made, 'made');
    const id = String(made.body['id']);
    t.match(made.body, { username, email, roles: ['b', 'a'], revision: 0, disabled_at: null });
    t.strictSame([made.headers['location'], made.headers['etag']], [`http://localhost:4000${USERS}/${id}`, '"0"']);
    t.match(audited('user_added'), [{ ...BY, targetUserId: id }]);
    await logIn(issuer, { username: email, password: GOOD });

    const shown = await ask('GET', `${USERS}/${id.toUpperCase()}`);
    t.strictSame([shown.status, shown.body, shown.headers['etag']], [200, made.body, '"0"'], 'an id in any case');
    assertNotStored(t, shown, 'shown');

    const changed = await ask('PATCH', `${USERS}/${id}`, { roles: ['x', 'y', 'x'], email: null });
    assertFits(t, USER, changed.body, 'changed');
    t.strictSame(changed.body, { ...made.body, roles: ['x', 'y'], email: null, revision: 1 });
    t.equal(changed.headers['etag'], '"1"');
    t.match(audited('user_changed'), [{ ...BY, targetUserId: id, changed: ['email', 'roles'] }]);
    const again = await ask('PATCH', `${USERS}/${id}`, { roles: ['x', 'y'], email: null, disabled: false });
    t.strictSame([again.status, again.body], [200, changed.body], 'what is like that already is not changed');
    t.strictSame(audited('user_changed'), [], 'and no line says it was');

    const gone = await ask('DELETE', `${USERS}/${id}`);
    t.strictSame([gone.status, gone.text], [204, '']);
    t.match(audited('user_removed'), [{ ...BY, targetUserId: id }]);
    assertProblem(t, await ask('GET', `${USERS}/${id}`), 404, 'not_found');
  },

  'a password that is left out is made, and shown once': async (t, admin) => {
    const { issuer, ask } = admin;
    const username = unique();
    const { status, body } = await ask('POST', USERS, { username });
    t.equal(status, 201);
    assertFits(t, USER.extend(MADE_PASSWORD.shape), body, 'made');
    t.match(body['password'], /^[\w-]{22}$/);
    await logIn(issuer, { username, password: String(body['password']) });
    t.notOk('password' in (await ask('GET', `${USERS}/${body['id']}`)).body);
  },

  'a new password ends all logins; one can be made': async (t, admin) => {
    const { issuer, ask, audited } = admin;
    const { id, url, username } = await added(admin);
    const name = String(username);
    const login = await logIn(issuer, { username: name, password: GOOD });
    const set = await ask('PUT', `${url}/password`, { password: `${GOOD} again` });
    t.strictSame([set.status, set.text], [204, '']);
    assertError(t, await refresh(issuer, login['refresh_token']), 400, 'invalid_grant');
    assertError(t, await issuer.post('/token', loginForm({ username: name, password: GOOD })), 400, 'invalid_grant');
    await logIn(issuer, { username: name, password: `${GOOD} again` });
    t.match(audited('user_password_set'), [{ ...BY, targetUserId: id }]);
    for (const body of [undefined, {}, '']) {
      const made = await ask('PUT', `${url}/password`, body);
      t.equal(made.status, 200, 'nothing said, in whatever way');
      assertFits(t, MADE_PASSWORD, made.body, 'made');
      assertNotStored(t, made, 'made');
      await logIn(issuer, { username: name, password: String(made.body['password']) });
    }
    for (const password of ['short', 'x'.repeat(73), 'password1', 'null\u0000byte here']) {
      assertProblem(t, await ask('PUT', `${url}/password`, { password }), 422, 'unfit', password.slice(0, 9));
      assertProblem(t, await ask('POST', USERS, { username: unique(), password }), 422, 'unfit');
    }
    assertProblem(t, await ask('PUT', `${USERS}/${NOBODY}/password`, {}), 404, 'not_found');
  },

  'who is disabled is logged out for good, and may come back': async (t, admin) => {
    const { issuer, ask } = admin;
    const { url, username } = await added(admin);
    const form = { username: String(username), password: GOOD };
    const login = await logIn(issuer, form);
    const disabled = await ask('PATCH', url, { disabled: true });
    t.strictSame([disabled.body['disabled_at'], disabled.body['revision']], ['2026-01-01T00:00:00Z', 1]);
    assertError(t, await refresh(issuer, login['refresh_token']), 400, 'invalid_grant', 'refresh');
    assertError(t, await asBearer(issuer, 'GET', '/userinfo', login['access_token']), 401, 'invalid_token');
    assertError(t, await issuer.post('/token', loginForm(form)), 400, 'invalid_grant', 'log in');
    issuer.clock.now += 1000;
    t.strictSame((await ask('PATCH', url, { disabled: true })).body, disabled.body, 'twice: since the first time');
    t.equal((await ask('PATCH', url, { disabled: false })).body['disabled_at'], null);
    assertError(t, await refresh(issuer, login['refresh_token']), 400, 'invalid_grant', 'the old login stays ended');
    await logIn(issuer, form);
  },

  'all logins of a user are ended, and nobody else notices': async (t, admin) => {
    const { issuer, ask, audited } = admin;
    const [one, other] = [await added(admin), await added(admin)];
    const form = { username: String(one['username']), password: GOOD };
    const logins = [await logIn(issuer, form), await logIn(issuer, form)];
    const foreign = await logIn(issuer, { username: String(other['username']), password: GOOD });
    const reply = await ask('DELETE', `${one.url}/sessions`);
    t.strictSame([reply.status, reply.text], [204, '']);
    for (const login of logins) assertError(t, await refresh(issuer, login['refresh_token']), 400, 'invalid_grant');
    t.equal((await refresh(issuer, foreign['refresh_token'])).status, 200);
    await logIn(issuer, form);
    t.match(audited('all_logins_ended'), [{ ...BY, targetUserId: one.id }]);
    assertProblem(t, await ask('DELETE', `${USERS}/${NOBODY}/sessions`), 404, 'not_found');
  },

  'renaming: a name that is the address takes it along, and any other leaves it': async (t, admin) => {
    const { ask } = admin;
    const [from, to] = [`${unique()}@example.com`, `${unique()}@example.com`];
    const { url, email } = await added(admin, { username: from });
    t.equal(email, from);
    t.match((await ask('PATCH', url, { email: null })).body, { username: from, email: from }, 'it cannot be without');
    t.match((await ask('PATCH', url, { username: to })).body, { username: to, email: to }, 'it moves');
    assertProblem(t, await ask('PATCH', url, { username: from, email: to }), 422, 'unfit', 'not that of another');
    assertProblem(t, await ask('PATCH', url, { email: from }), 422, 'unfit', 'nor alone');
    const plain = unique();
    t.match(
      (await ask('PATCH', url, { username: plain })).body,
      { username: plain, email: to },
      'what is left out stays',
    );
    t.match(
      (await ask('PATCH', url, { username: plain.toUpperCase() })).body,
      { username: plain.toUpperCase() },
      'case',
    );
    assertProblem(t, await ask('PATCH', url, { username: from }), 422, 'unfit', 'a name that is not its address');
    t.match((await ask('PATCH', url, { username: to, email: null })).body, { username: to, email: to });
  },

  'what is taken is taken, however it is written': async (t, admin) => {
    const { ask } = admin;
    const name = unique();
    const email = `${name}@example.com`;
    await added(admin, { username: name, email });
    const wide = name.replace('u', '\uff35');
    for (const user of [
      { username: name },
      { username: name.toUpperCase() },
      { username: wide },
      { email },
      { username: email },
    ]) {
      assertProblem(t, await ask('POST', USERS, { username: unique(), ...user }), 409, 'taken', JSON.stringify(user));
    }
    const { url } = await added(admin);
    assertProblem(t, await ask('PATCH', url, { username: name }), 409, 'taken', 'changed to it');
    assertProblem(t, await ask('PATCH', url, { email: email.toUpperCase() }), 409, 'taken', 'its address');
    t.match((await ask('GET', url)).body, { revision: 0, email: null }, 'and nothing came of it');
  },

  'names and roles that cannot be': async (t, admin) => {
    const { ask } = admin;
    const { url } = await added(admin);
    const bad = ['', ' x', 'x ', 'a\u200bb', 'a\u0000b', 'a\nb', 'a\u202eb', 'x'.repeat(129), '\u{1f600}'.repeat(129)];
    for (const username of bad) {
      assertProblem(t, await ask('POST', USERS, { username }), 422, 'unfit', JSON.stringify(username));
      assertProblem(t, await ask('PATCH', url, { username }), 422, 'unfit', JSON.stringify(username));
    }
    for (const roles of [[''], ['a b'], ['é'], ['x'.repeat(65)], ['a\u0000']]) {
      assertProblem(t, await ask('PATCH', url, { roles }), 422, 'unfit', JSON.stringify(roles));
    }
    for (const email of ['', 'x', '@', 'a@b@c', 'a\u0000@b']) {
      assertProblem(t, await ask('PATCH', url, { email }), 422, 'unfit', JSON.stringify(email));
    }
    t.equal((await ask('PATCH', url, { username: '\u{1f600}'.repeat(128) })).status, 200, '128 characters');
    t.match((await ask('GET', url)).body, { revision: 1 });
  },

  'what is not there': async (t, { ask }) => {
    for (const id of [NOBODY, 'x', '%00', `${NOBODY}x`, '%F0%9F%98%80', '..%2F..', "'--", '1'.repeat(100)]) {
      const url = `${USERS}/${id}`;
      assertProblem(t, await ask('GET', url), 404, 'not_found', id);
      assertProblem(t, await ask('PATCH', url, { roles: [] }), 404, 'not_found', id);
      assertProblem(t, await ask('PUT', `${url}/password`, {}), 404, 'not_found', id);
      assertProblem(t, await ask('DELETE', url), 404, 'not_found', id);
      assertProblem(t, await ask('DELETE', `${url}/sessions`), 404, 'not_found', id);
    }
  },
};

for (const provider of PROVIDERS) {
  t.test(`on ${provider}`, async (t) => {
    const admin = await anAdministeredIssuer(t, { provider });
    for (const [sentence, behaves] of Object.entries(BEHAVIOUR)) t.test(sentence, (t) => behaves(t, admin));
    t.test('and no password is in the log', async (t) => {
      const log = admin.issuer.log.join('');
      for (const secret of [GOOD, 'x'.repeat(73), 'password1', admin.token.slice(-20)]) t.notOk(log.includes(secret));
    });
  });
}
