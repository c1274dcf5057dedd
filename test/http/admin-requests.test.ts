import t from 'tap';
import { anAdministeredIssuer, assertProblem, pointersIn, type Shown } from './admin-support.js';

const USERS = '/admin/users';
const admin = await anAdministeredIssuer(t);
const { issuer, ask } = admin;

const unique = () => `u${crypto.randomUUID().slice(0, 12)}`;

async function aUser(): Promise<string> {
  return `${USERS}/${await issuer.addUser({ username: unique(), roles: ['x'] })}`;
}

const names = async () => (await issuer.users.list({})).map(({ username }) => username);

const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;

/** Bodies that are no JSON as it has to be. */
const NOT_JSON: Readonly<Record<string, string | Buffer>> = {
  'bad UTF-8': Buffer.from([...Buffer.from('{"username":"'), 0xff, ...Buffer.from('"}')]),
  'an overlong NUL': Buffer.from([...Buffer.from('{"username":"a'), 0xc0, 0x80, ...Buffer.from('"}')]),
  'UTF-16': Buffer.from('{"username":"x"}', 'utf16le'),
  'a byte order mark': '\ufeff{"username":"x"}',
  'a lone surrogate': '{"username":"a\\ud800"}',
  'a lone surrogate in a name': '{"username":"x","\\udc00":1}',
  'a member twice': '{"username":"x","username":"y"}',
  'a member twice, once escaped': '{"username":"x","\\u0075sername":"y"}',
  'a member twice, deep down': '{"username":"x","roles":[{"a":{},"b":[{}],"a":1}]}',
  'a prototype': '{"username":"x","__proto__":{"roles":["mintd.admin"]}}',
  'an escaped __proto__, deep down': '{"username":"x","roles":[{"\\u005f_proto__":1}]}',
  'a form': 'username=x',
  'half of it': '{"username":"x"',
  'two of it': '{"username":"x"}{"username":"y"}',
  'a comment': '{"username":"x"/**/}',
  NaN: '{"username":NaN}',
  'only spaces': '  ',
  'brackets without an end': '['.repeat(16_000),
};

t.test('a body that is no JSON, or of which a reader might see two things', async (t) => {
  const [before, logged] = [await names(), issuer.log.length];
  for (const [what, body] of Object.entries(NOT_JSON)) {
    for (const [method, url] of [
      ['POST', USERS],
      ['PATCH', await aUser()],
    ] as const) {
      const reply = await ask(method, url, body);
      assertProblem(t, reply, 400, 'invalid_request', what);
      t.match(reply.body['detail'], /JSON/, what);
    }
  }
  t.strictSame((await names()).slice(0, 1), before.slice(0, 1));
  t.notOk((await names()).includes('x'), 'nobody was made');
  t.notMatch(issuer.log.slice(logged).join(''), /"level":[56]0/, 'no error in the log');
});

t.test('JSON of another shape', async (t) => {
  for (const body of [
    [],
    [{ username: 'x' }],
    'x',
    '"x"',
    '1',
    'true',
    'null',
    nested(8000),
    `{"a":${nested(8000)}}`,
  ]) {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const reply = await ask('POST', USERS, text);
    assertProblem(t, reply, 400, 'invalid_request', text.slice(0, 20));
  }
  for (const method of ['constructor', 'toString', 'hasOwnProperty']) {
    const reply = await ask('POST', USERS, { username: unique(), [method]: 1 });
    t.strictSame([reply.status, pointersIn(reply)], [400, [`/${method}`]], method);
  }
});

t.test('a name twice is a name twice in one object alone', async (t) => {
  const text = `{ "username" : ${JSON.stringify(unique())}, "roles": ["username", "a:", "{", "}", "\\"b\\":"] }`;
  t.equal((await ask('POST', USERS, text)).status, 201);
});

t.test('too large, of another type, or not there at all', async (t) => {
  const url = await aUser();
  const large = { username: unique(), roles: ['x'.repeat(16_400)] };
  assertProblem(t, await ask('POST', USERS, large), 413, 'too_large');
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/merge-patch+json', 'x', '*/*']) {
    const reply = await ask('PATCH', url, { roles: [] }, { 'content-type': type });
    assertProblem(t, reply, 415, 'unsupported_media_type', type);
  }
  t.equal((await ask('PATCH', url, { roles: [] }, { 'content-type': 'Application/JSON; charset=utf-8' })).status, 200);
  for (const body of [undefined, '']) {
    for (const [method, where] of [
      ['POST', USERS],
      ['POST', '/admin/clients'],
      ['PATCH', url],
      ['PATCH', '/admin/clients/office'],
    ] as const) {
      const reply = await ask(method, where, body);
      assertProblem(t, reply, 400, 'invalid_request', `${method} ${where}`);
      t.strictSame(pointersIn(reply), ['']);
    }
  }
  t.equal((await ask('DELETE', url, '')).status, 204, 'a type without a body, where there should be none');
});

t.test('a query is parameters, each once, and nothing else', async (t) => {
  for (const [query, pointers] of [
    ['limit=1&limit=1', []],
    ['Limit=1', ['/Limit']],
    ['limit[]=1', ['/limit[]']],
    ['__proto__=1', ['/__proto__']],
    ['constructor=1', ['/constructor']],
    ['a~1/b=1', ['/a~01~1b']],
    ['limit=', ['/limit']],
    ['limit=1.5', ['/limit']],
    ['limit=-1', ['/limit']],
    ['limit=1001', ['/limit']],
    ['limit=Infinity', ['/limit']],
    ['limit=x', ['/limit']],
    ['disabled=TRUE', ['/disabled']],
    ['disabled=', ['/disabled']],
    ['search=%00', ['/search']],
    ['search=a%E2%80%8Bb', ['/search']],
    ['role=%00', ['/role']],
    ['role=', ['/role']],
    ['role=a%20b', ['/role']],
  ] as const) {
    const reply = await ask('GET', `${USERS}?${query}`);
    assertProblem(t, reply, 400, 'invalid_request', query);
    t.strictSame(pointersIn(reply), pointers, query);
  }
  for (const query of ['', 'search=', 'search=%20', 'limit=1000&disabled=true', '#limit=0']) {
    t.equal((await ask('GET', `${USERS}?${query}`)).status, 200, query);
  }
  for (const [url, pointer] of [
    ['/admin/sessions?user_id=%00', '/user_id'],
    ['/admin/sessions?user_id=x', '/user_id'],
    ['/admin/sessions?client_id=%00', '/client_id'],
    ['/admin/sessions?client_id=a%20b', '/client_id'],
    ['/admin/sessions?ended=1', '/ended'],
    ['/admin/clients?search=x', '/search'],
  ] as const) {
    const reply = await ask('GET', url);
    t.strictSame([reply.status, pointersIn(reply)], [400, [pointer]], url);
  }
});

/** Conditions that do not hold at revision 1 (RFC 9110 §13.1.1), and some that do. */
const FAILING = ['"0"', '"2"', 'W/"1"', '1', '""', 'x', '"1", "2"', '"01x"', '*, "1"', '"-1"', '"1', '"1e0"', ''];
const HOLDING = ['"1"', ' "1" ', '*'];

t.test('If-Match: only the revision that was read is changed', async (t) => {
  const client = { client_id: 'conditional', kind: 'confidential', grants: ['client_credentials'] };
  t.equal((await ask('POST', '/admin/clients', client)).status, 201);
  await ask('PATCH', '/admin/clients/conditional', { name: 'Conditional' });
  const url = await aUser();
  await ask('PATCH', url, { roles: ['y'] });
  const requests: readonly (readonly ['PATCH' | 'PUT' | 'POST' | 'DELETE', string, Shown | undefined])[] = [
    ['PATCH', url, { roles: ['z'] }],
    ['PUT', `${url}/password`, {}],
    ['DELETE', url, undefined],
    ['PATCH', '/admin/clients/conditional', { name: 'Other' }],
    ['POST', '/admin/clients/conditional/secret', {}],
    ['DELETE', '/admin/clients/conditional', undefined],
  ];
  for (const [method, where, body] of requests) {
    for (const condition of FAILING) {
      const reply = await ask(method, where, body, { 'if-match': condition });
      assertProblem(t, reply, 412, 'revision_changed', `${method} ${where} ${condition}`);
    }
    t.equal((await ask('GET', where.replace(/\/(password|secret)$/, ''))).headers['etag'], '"1"', 'nothing happened');
  }
  for (const [method, where, body] of requests) {
    const gone = where.replace(/[^/]+(\/(password|secret))?$/, `${crypto.randomUUID()}$1`);
    for (const condition of ['"1"', 'x']) {
      const reply = await ask(method, gone, body, { 'if-match': condition });
      assertProblem(t, reply, 404, 'not_found', `${method} ${gone}: what is not there has no revision`);
    }
  }
  for (const condition of HOLDING) {
    const other = await aUser();
    await ask('PATCH', other, { roles: ['y'] });
    const reply = await ask('PATCH', other, { roles: ['z'] }, { 'if-match': condition });
    t.strictSame([reply.status, reply.headers['etag'], reply.body['revision']], [200, '"2"', 2], condition);
    const removed = await ask('DELETE', other, undefined, { 'if-match': condition === '*' ? '*' : '"2"' });
    t.equal(removed.status, 204, condition);
  }
});

t.test('of two who change the same revision one is told', async (t) => {
  const url = await aUser();
  const replies = await Promise.all(
    ['a', 'b', 'c', 'd'].map((role) => ask('PATCH', url, { roles: [role] }, { 'if-match': '"0"' })),
  );
  t.strictSame(replies.map(({ status }) => status).sort(), [200, 412, 412, 412]);
  const winner = replies.find(({ status }) => status === 200);
  t.strictSame((await ask('GET', url)).body, winner?.body);
});

t.test('members that are not for administrators are refused by name', async (t) => {
  const url = await aUser();
  const before = (await ask('GET', url)).body;
  for (const name of [
    'id',
    'password_hash',
    'passwordHash',
    'revision',
    'created_at',
    'disabled_at',
    'login_epoch',
    'a/~b',
  ]) {
    const body = { username: unique(), roles: ['x'], [name]: 1 };
    const pointer = `/${name.replace('~', '~0').replace('a/', 'a~1')}`;
    for (const reply of [await ask('POST', USERS, body), await ask('PATCH', url, body)]) {
      assertProblem(t, reply, 400, 'invalid_request', name);
      t.strictSame(pointersIn(reply), [pointer]);
    }
  }
  for (const name of ['disabled', 'password']) {
    const reply =
      name === 'password'
        ? await ask('PATCH', url, { password: 'battery staple 42' })
        : await ask('POST', USERS, { username: unique(), disabled: true });
    t.strictSame([reply.status, pointersIn(reply)], [400, [`/${name}`]], name);
  }
  t.strictSame((await ask('GET', url)).body, before);
});

t.test('each mistake is pointed at', async (t) => {
  const reply = await ask('POST', USERS, { username: 1, email: null, roles: ['x', 2, null], password: [] });
  assertProblem(t, reply, 400, 'invalid_request');
  t.strictSame(pointersIn(reply), ['/username', '/email', '/roles/1', '/roles/2', '/password']);
  t.strictSame(pointersIn(await ask('POST', USERS, {})), ['/username']);
  t.strictSame(pointersIn(await ask('POST', USERS, [])), [''], 'the whole of it');
  t.strictSame(pointersIn(await ask('GET', `${USERS}?limit=0&disabled=maybe&x=1`)), ['/limit', '/disabled', '/x']);
  t.match((await ask('GET', `${USERS}?limit=0`)).body['detail'], /query/);
});
