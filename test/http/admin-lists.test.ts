import t, { type Test } from 'tap';
import { SESSION, USER } from '../../src/http/admin/shapes.js';
import { aClient, PROVIDERS } from '../helper.js';
import { assertError, logIn, refresh } from '../rfc/setup.js';
import {
  type Administered,
  anAdministeredIssuer,
  assertFits,
  assertProblem,
  query,
  type Shown,
} from './admin-support.js';
import { asBearer, assertNotStored, rowOf, sidOf } from './support.js';

/** All of a list, page by page; the sizes of its pages. */
async function walk({ ask }: Administered, list: string, parameters: Record<string, string>) {
  const [items, sizes]: [Shown[], number[]] = [[], []];
  let after: string | null = null;
  do {
    const { status, text, body } = await ask(
      'GET',
      `/admin/${list}${query({ ...parameters, ...(after && { after }) })}`,
    );
    if (status !== 200) throw new Error(text);
    const page = body[list] as Shown[];
    items.push(...page);
    sizes.push(page.length);
    after = body['next'] as string | null;
  } while (after !== null);
  return { items, sizes };
}

/** The whole list is the same whatever the size of its pages, and each page but the last is full. */
async function assertPaged(
  t: Test,
  admin: Administered,
  list: string,
  id: string,
  parameters: Record<string, string> = {},
) {
  const idsOf = (items: readonly Shown[]) => items.map((item) => item[id]);
  const whole = idsOf((await walk(admin, list, { ...parameters, limit: '1000' })).items);
  t.equal(new Set(whole).size, whole.length, `${list}: each once`);
  for (const limit of [1, 2, 3, 4, 5, whole.length]) {
    const { items, sizes } = await walk(admin, list, { ...parameters, limit: String(limit) });
    t.strictSame(idsOf(items), whole, `${list} by ${limit}`);
    t.strictSame(
      sizes.slice(0, -1).filter((size) => size !== limit),
      [],
      'full pages',
    );
    t.equal(sizes.length, Math.ceil(whole.length / limit), 'and none that is empty');
  }
  return whole;
}

/** Names whose order is not that of their bytes in some language, or that differ by little. */
const NAMES = [
  'Zoë',
  'zoe',
  'ZOF',
  'ångström',
  'angstrom',
  'Straße 1',
  'strasse 2',
  'ß',
  'Ωmega',
  'ωmega 2',
  'i',
  'a_b',
];
const MORE_NAMES = [
  'a%b',
  'axb',
  'a-b',
  'a b',
  'ab',
  'a.b',
  '中文',
  '中',
  '\u{1f600}',
  'é',
  'e\u0301a',
  "o'b",
  'a\\b',
  '_',
  '%',
];

const usersIn = ({ body }: { body: Shown }) => (body['users'] as Shown[]).map(({ username }) => username);

/** What holds on every database. */
const BEHAVIOUR: Readonly<Record<string, (t: Test, admin: Administered) => Promise<void>>> = {
  'every user is seen once, whatever the size of the pages': async (t, admin) => {
    const { issuer, ask } = admin;
    for (const username of [...NAMES, ...MORE_NAMES]) await issuer.addUser({ username });
    const all = await assertPaged(t, admin, 'users', 'id');
    t.equal(all.length, NAMES.length + MORE_NAMES.length + 1, 'and ada');
    const list = await ask('GET', '/admin/users?limit=3');
    assertNotStored(t, list, 'the list');
    t.strictSame(Object.keys(list.body).sort(), ['next', 'users']);
    for (const user of list.body['users'] as Shown[]) assertFits(t, USER, user, 'a user');
    t.equal((await ask('GET', '/admin/users')).body['next'], null, 'there is no more');
  },

  'users are found by how their names begin, and no character stands for others': async (t, admin) => {
    const { ask } = admin;
    for (const [search, found] of [
      ['ZO', ['Zoë', 'zoe', 'ZOF']],
      ['straß', ['Straße 1', 'strasse 2']],
      ['ẞ', ['ß']],
      ['Ω', ['Ωmega', 'ωmega 2']],
      ['ａ_', ['a_b']],
      ['a%', ['a%b']],
      ['%', ['%']],
      ['_', ['_']],
      ['a\\', ['a\\b']],
      ["o'", ["o'b"]],
      ['\u{1f600}', ['\u{1f600}']],
      ['nobody', []],
    ] as const) {
      const reply = await ask('GET', `/admin/users${query({ search })}`);
      t.strictSame(usersIn(reply).sort(), [...found].sort(), search);
    }
    await assertPaged(t, admin, 'users', 'username', { search: 'a' });
  },

  'and by role and state, as they are': async (t, admin) => {
    const { issuer, ask } = admin;
    await issuer.addUser({ username: 'one', roles: ['r_1', 'x%'] });
    await issuer.users.disable(await issuer.addUser({ username: 'two', roles: ['rx1', 'r_1'] }), issuer.clock.now);
    await issuer.addUser({ username: 'three', roles: ['r_12', 'xy'] });
    for (const [filter, found] of [
      [{ role: 'r_1' }, ['one', 'two']],
      [{ role: 'x%' }, ['one']],
      [{ role: '%' }, []],
      [{ role: 'R_1' }, []],
      [{ role: 'r_1', disabled: 'true' }, ['two']],
      [{ role: 'r_1', disabled: 'false' }, ['one']],
      [{ disabled: 'true' }, ['two']],
      [{ role: 'r_1', search: 'T' }, ['two']],
    ] as const) {
      t.strictSame(usersIn(await ask('GET', `/admin/users${query(filter)}`)), found, JSON.stringify(filter));
    }
    const enabled = usersIn(await ask('GET', '/admin/users?disabled=false'));
    t.ok(enabled.includes('one') && !enabled.includes('two'));
  },

  'every client is seen once': async (t, admin) => {
    for (const id of ['a-b', 'a_b', 'a.b', 'A', 'B', 'b', 'Z9', 'z10', '_', '-', '0'])
      await admin.issuer.clients.add(aClient({ id }));
    const all = await assertPaged(t, admin, 'clients', 'client_id');
    t.equal(all.length, 15);
  },

  'every session is seen once, also where several began at one moment': async (t, admin) => {
    const { issuer, ask } = admin;
    for (const username of ['one', 'one', 'one', 'three', 'one', 'three', 'one']) {
      await logIn(issuer, { username });
      issuer.clock.now += username === 'three' ? 1 : 0;
    }
    const all = await assertPaged(t, admin, 'sessions', 'sid');
    t.equal(all.length, 7);
    const { items } = await walk(admin, 'sessions', { limit: '2' });
    for (const session of items) assertFits(t, SESSION, session, 'a session');
    const [first] = items;
    t.match(first, { username: 'one', client_id: 'app', ended: null, address: '127.0.0.1' });
    const ofOne = await assertPaged(t, admin, 'sessions', 'sid', { user_id: String(first?.['user_id']).toUpperCase() });
    t.equal(ofOne.length, 5);
    t.equal((await assertPaged(t, admin, 'sessions', 'sid', { client_id: 'app' })).length, 7);
    t.strictSame((await ask('GET', '/admin/sessions?client_id=nobody')).body, { sessions: [], next: null });
  },

  'a session is ended, and listed as such where that is asked': async (t, admin) => {
    const { issuer, ask, audited } = admin;
    const user = await issuer.addUser({ username: 'four' });
    const [login, other] = [await logIn(issuer, { username: 'four' }), await logIn(issuer, { username: 'four' })];
    const sid = sidOf(login);
    for (const id of [sid.toUpperCase(), sid]) {
      const reply = await ask('DELETE', `/admin/sessions/${id}`);
      t.strictSame([reply.status, reply.text], [204, ''], 'twice is as gone as once');
    }
    t.match(audited('login_ended')[0], { by: { clientId: 'office' }, sid, targetUserId: user, address: '127.0.0.1' });
    t.equal((await rowOf(issuer, sid)).revokedReason, 'ended_by_admin');
    assertError(t, await refresh(issuer, login['refresh_token']), 400, 'invalid_grant');
    assertError(t, await asBearer(issuer, 'GET', '/userinfo', login['access_token']), 401, 'invalid_token');
    t.equal((await refresh(issuer, other['refresh_token'])).status, 200, 'the other goes on');
    const living = (await ask('GET', `/admin/sessions?user_id=${user}`)).body['sessions'] as Shown[];
    t.strictSame(
      living.map((one) => one['sid']),
      [sidOf(other)],
    );
    const all = (await ask('GET', `/admin/sessions?user_id=${user}&ended=true`)).body['sessions'] as Shown[];
    t.strictSame(
      new Map(all.map((one) => [one['sid'], one['ended']])),
      new Map([
        [sid, 'ended_by_admin'],
        [sidOf(other), null],
      ]),
    );
    for (const id of [crypto.randomUUID(), 'x', '%00']) {
      assertProblem(t, await ask('DELETE', `/admin/sessions/${id}`), 404, 'not_found', id);
    }
  },

  'what is no place in a list': async (t, { ask }) => {
    const place = (...parts: unknown[]) => Buffer.from(JSON.stringify(parts)).toString('base64url');
    const bad = [
      '',
      'x',
      '%',
      'AAAA',
      place(),
      place(1),
      place(null),
      place('a', 'b', 'c'),
      place('a\u0000'),
      place(['a']),
    ];
    for (const list of ['users', 'clients', 'sessions']) {
      const worse =
        list === 'sessions'
          ? [
              place('1', 'x'),
              place('-1', crypto.randomUUID()),
              place('1e3', crypto.randomUUID()),
              place('9'.repeat(15), crypto.randomUUID()),
            ]
          : [place('a', 'b')];
      for (const after of [...bad, ...worse]) {
        const reply = await ask('GET', `/admin/${list}${query({ after })}`);
        assertProblem(t, reply, 400, 'invalid_request', `${list} ${after}`);
        t.match(reply.body['errors'], [{ pointer: '/after' }]);
      }
    }
    for (const after of [place('9999999999999', crypto.randomUUID()), place('0', crypto.randomUUID())]) {
      t.equal((await ask('GET', `/admin/sessions${query({ after })}`)).status, 200);
    }
    t.equal((await ask('GET', `/admin/users${query({ after: place("x' OR 1=1 --") })}`)).status, 200);
  },
};

for (const provider of PROVIDERS) {
  t.test(`on ${provider}`, async (t) => {
    const admin = await anAdministeredIssuer(t, { provider });
    for (const [sentence, behaves] of Object.entries(BEHAVIOUR)) t.test(sentence, (t) => behaves(t, admin));
  });
}
