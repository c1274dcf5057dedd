import { randomUUID } from 'node:crypto';
import t from 'tap';
import { rotateKeys } from '../../src/keys/rotate.js';
import { ADMIN } from '../../src/oauth/admin.js';
import { EVENTS, type EventName, membersOf } from '../../src/oauth/events.js';
import { faultsOfLine, type LogLine } from '../event-lines.js';
import { aClient, ISSUER, PASSWORD, type TestIssuer } from '../helper.js';
import { aKeyFolder } from '../keys/support.js';
import { read, sourceFiles } from '../layers.js';
import { aSigner, assertionForm, assertionOf, clientKey } from '../rfc/assertions.js';
import { aService, issuerWithClients, logIn, refresh, SECRET, SERVICE, send } from '../rfc/setup.js';
import { asBearer, aWebClient, logInAtPage, postAtPage, postForm, refreshAtPage, sent, sidOf } from './support.js';

const NEW_PASSWORD = 'a new horse and its battery';

/** Answers of administration: what was made, and secrets that were shown once. */
type Made = { readonly status: number; readonly body: Record<string, unknown> };
type Admin = (method: 'POST' | 'PATCH' | 'PUT' | 'DELETE', path: string, payload?: object) => Promise<Made>;

/** What people and clients do for themselves, once each; returns every secret that was used or given out. */
async function ownRequests(issuer: TestIssuer): Promise<string[]> {
  const first = await logIn(issuer);
  const second = (await refresh(issuer, first['refresh_token'])).body;
  const again = (await refresh(issuer, first['refresh_token'])).body;
  await refresh(issuer, again['refresh_token']);
  await refresh(issuer, first['refresh_token']);
  await postForm(issuer, '/token', { grant_type: 'password', client_id: 'app', username: 'ada', password: 'wrong' });
  const assertion = await assertionOf(key, issuer.clock.now);
  const form = { grant_type: 'client_credentials', ...assertionForm(assertion) };
  const own = (await postForm(issuer, '/token', form)).body;
  await postForm(issuer, '/token', form);

  const third = await logIn(issuer);
  for (const path of ['/userinfo', '/sessions']) await asBearer(issuer, 'GET', path, third['access_token']);
  await postForm(issuer, '/introspect', { token: String(third['access_token']) }, SERVICE);
  await asBearer(issuer, 'DELETE', `/sessions/${sidOf(await logIn(issuer))}`, third['access_token']);
  const change = { current_password: PASSWORD, new_password: NEW_PASSWORD };
  await postForm(issuer, '/password', change, { authorization: `Bearer ${third['access_token']}` });
  await asBearer(issuer, 'DELETE', '/sessions', third['access_token']);
  const fourth = await logIn(issuer, { password: NEW_PASSWORD });
  await postForm(issuer, '/revoke', { client_id: 'app', token: String(fourth['refresh_token']) });
  await postForm(issuer, '/revoke', { client_id: 'app', token: 'mrt_none' });

  const page = await logInAtPage(issuer, { password: NEW_PASSWORD });
  const next = await refreshAtPage(issuer, page.cookie);
  for (const cookie of [page.cookie, null]) await postAtPage(issuer, '/logout', cookie, {}, {});
  const account = { username: 'bob', email: 'bob@example.com', password: NEW_PASSWORD };
  for (let times = 0; times < 2; times++) await postForm(issuer, '/register', account);

  const cookies = [sent(page.cookie), String(next.headers['set-cookie'])].map((text) => text.split(/[=;]/)[1] ?? '');
  const tokens = [first, second, again, own, third, fourth, next.body].flatMap(tokensIn);
  return [PASSWORD, NEW_PASSWORD, SECRET, assertion, ...cookies, ...tokens];
}

function tokensIn(body: Record<string, unknown>): string[] {
  return ['access_token', 'refresh_token'].flatMap((name) => (name in body ? [String(body[name])] : []));
}

/** What administrators do over HTTP, once each; returns every secret that was used or given out. */
async function administration(issuer: TestIssuer): Promise<string[]> {
  const asked = { grant_type: 'password', client_id: 'console', username: 'root', password: PASSWORD, scope: ADMIN };
  const access = String((await postForm(issuer, '/token', asked)).body['access_token']);
  const headers = { authorization: `Bearer ${access}` };
  const admin: Admin = (method, path, payload) =>
    send(issuer, { method, url: `/admin${path}`, headers, ...(payload !== undefined && { payload }) });
  const { body: user } = await admin('POST', '/users', { username: 'eve', password: PASSWORD, roles: ['audit'] });
  const id = String(user['id']);
  await admin('PATCH', `/users/${id}`, { roles: ['audit', 'staff'], disabled: false });
  const { body: generated } = await admin('PUT', `/users/${id}/password`, {});
  const login = await logIn(issuer, { username: 'eve', password: String(generated['password']) });
  await admin('DELETE', `/sessions/${sidOf(login)}`);
  await admin('DELETE', `/users/${id}/sessions`);
  await admin('DELETE', `/users/${id}`);
  const worker = { client_id: 'worker', kind: 'confidential', grants: ['client_credentials'] };
  const { body: client } = await admin('POST', '/clients', worker);
  await admin('PATCH', '/clients/worker', { disabled: true });
  const { body: rotated } = await admin('POST', '/clients/worker/secret', { overlap_seconds: 60 });
  await admin('DELETE', '/clients/worker/sessions');
  await admin('DELETE', '/clients/worker');
  await admin('POST', '/keys/rotate', { dry_run: false, force: false });
  // And what may not be.
  await admin('POST', '/users', { [SECRET]: PASSWORD });
  const stranger = await logIn(issuer, { password: NEW_PASSWORD });
  await asBearer(issuer, 'DELETE', `/admin/users/${id}`, stranger['access_token']);
  await admin('POST', '/users', { username: 'x', password: 'short' });
  return [
    access,
    ...[login, stranger].flatMap(tokensIn),
    generated['password'],
    client['client_secret'],
    rotated['client_secret'],
  ].map(String);
}

const key = clientKey();
const issuer = await issuerWithClients(t, {
  clients: [aClient(), aService(), aWebClient(), aSigner([key]), aClient({ id: 'console', scopes: [ADMIN] })],
});
await issuer.addUser({ username: 'root', roles: [ADMIN] });
const { store } = await aKeyFolder(t);
Object.assign(issuer.deps.keyAdmin, { rotate: (options: object) => rotateKeys(store, options) });
const secrets = [...(await ownRequests(issuer)), ...(await administration(issuer))];
const lines = issuer.log.map((line): LogLine => JSON.parse(line));

t.test('every line is one that src/oauth/events.ts describes, with exactly its members', async (t) => {
  t.strictSame(lines.flatMap(faultsOfLine), []);
});

t.test('everything happened that requests and administrators can make happen', async (t) => {
  const happened = new Set(lines.map(({ event, by }) => `${event} ${by === undefined ? 'request' : 'change'}`));
  const missing = (Object.keys(EVENTS) as EventName[]).flatMap((event) =>
    (['request', 'change'] as const)
      .filter((origin) => membersOf(event, origin) !== null && !happened.has(`${event} ${origin}`))
      .map((origin) => `${event} ${origin}`),
  );
  t.strictSame(missing, []);
});

t.test('lines say who did what to whom', async (t) => {
  const root = await issuer.database.prisma.user.findFirstOrThrow({ where: { username: 'root' } });
  const ada = await issuer.database.prisma.user.findFirstOrThrow({ where: { username: 'ada' } });
  const last = (name: string) => lines.findLast(({ event, reason }) => event === name || reason === name) ?? {};
  const by = { clientId: 'console', userId: root.id };
  const { targetUserId } = last('user_removed');
  const rows: readonly (readonly [name: string, what: LogLine])[] = [
    ['user_changed', { by, targetUserId, roles: ['audit', 'staff'], changed: ['roles', 'disabled'], disabled: false }],
    ['user_removed', { by, targetUserId: String, address: '127.0.0.1' }],
    ['client_changed', { by, targetClientId: 'worker', changed: ['disabled'], disabled: true }],
    ['login_ended', { by, sid: String, targetUserId }],
    ['admin_scope_missing', { event: 'refused', clientId: 'app', userId: ada.id, address: '127.0.0.1' }],
    ['client_assertion_replayed', { event: 'refused', clientId: 'signer' }],
    ['password_wrong', { event: 'login_failed', clientId: 'app', userId: ada.id, grantType: 'password' }],
    ['reuse', { clientId: 'app', userId: ada.id, sid: String }],
    ['password_changed', { clientId: 'app', userId: ada.id }],
  ];
  for (const [name, what] of rows) t.match(last(name), what, name);
});

t.test('each line has a sentence of what happened to whom, which is more than the name of the event', async (t) => {
  for (const line of lines) {
    const { event, msg } = line;
    t.match(msg, /^[^ ]+( [^ ]+)+$/, String(event));
    t.notMatch(msg, /undefined|null|\[object/, String(event));
    if (line['address'] === undefined) continue;
    const whom = ['targetUserId', 'targetClientId', 'kid', 'userId', 'clientId', 'address'];
    const name = whom.find((one) => line[one] !== undefined) ?? '';
    t.ok(String(msg).includes(String(line[name])), `${event} says whom it is about: ${msg}`);
  }
});

t.test('a refused scope is named, and so is a refused audience', async (t) => {
  const ask = { grant_type: 'password', client_id: 'app', username: 'ada', password: 'wrong' };
  const answers = [
    await postForm(issuer, '/token', { ...ask, scope: 'read admin' }),
    await postForm(issuer, '/token', { ...ask, resource: 'https://api.example.com/orders?x=y' }),
  ];
  const named = issuer.log.slice(-2 * 3).map((line): LogLine => JSON.parse(line));
  t.match(
    named.filter(({ event }) => event === 'refused'),
    [
      { reason: 'scope_not_allowed', scope: 'admin', msg: /\(admin\)$/ },
      { reason: 'audience_not_allowed', audience: 'https://api.example.com/orders', msg: /\(https:\S+orders\)$/ },
    ],
  );
  t.notMatch(JSON.stringify(answers.map(({ body }) => body)), /admin|orders/, 'the client is not told');
});

t.test('no secret is in any line, nor a name that somebody chose', async (t) => {
  const log = issuer.log.join('');
  t.ok(secrets.length > 25 && secrets.every((secret) => secret.length > 8), 'there are secrets');
  const parts = secrets.flatMap((secret) => [secret, secret.split('.')[2] ?? secret]);
  t.strictSame(
    parts.filter((part) => log.includes(part)),
    [],
  );
  t.notMatch(log, /"(ada|bob|eve|root)"|@example/);
});

t.test('a line that the table does not know is found', async (t) => {
  const good = { level: 30, time: 1, msg: 'x', event: 'user_registered', userId: randomUUID(), address: null };
  const rows: readonly (readonly [line: LogLine, fault: RegExp | null])[] = [
    [good, null],
    [{ level: 30, msg: `mintd listens on ${ISSUER}` }, null],
    [{ ...good, event: 'user_registred' }, /there is no event/],
    [{ ...good, event: 'toString' }, /there is no event/],
    [{ ...good, username: 'ada' }, /has userId address username/],
    [{ ...good, userId: undefined, by: {} }, /has/],
    [{ level: 30, event: 'user_registered', userId: '' }, /has userId$/],
    [{ ...good, level: 40 }, /level 40/],
    [{ level: 30, password: 'x' }, /without event/],
  ];
  for (const [line, fault] of rows) {
    const faults = faultsOfLine(line);
    if (fault === null) t.strictSame(faults, []);
    else t.match(faults, [fault], fault.source);
  }
});

t.test('every event that the source names is in the table, and the other way round', async (t) => {
  const files = sourceFiles('src').filter((path) => path !== 'src/oauth/events.ts');
  const source = files.map(read).join('\n');
  const named = [...source.matchAll(/\bevent: '(\w+)'|\baudit\((?:request, )?'(\w+)'/g)].map(([, a, b]) => a ?? b);
  t.ok(named.length > 50, 'they were found');
  t.strictSame(
    named.filter((name) => !Object.hasOwn(EVENTS, name ?? '')),
    [],
  );
  t.strictSame(
    Object.keys(EVENTS).filter((name) => !source.includes(`'${name}'`)),
    [],
  );
});
