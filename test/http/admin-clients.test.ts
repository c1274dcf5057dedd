import { generateKeyPairSync } from 'node:crypto';
import t, { type Test } from 'tap';
import { CLIENT, MADE_SECRET } from '../../src/http/admin/shapes.js';
import { ISSUER, PROVIDERS } from '../helper.js';
import { assertError, logIn, refresh } from '../rfc/setup.js';
import {
  type Administered,
  aJwk,
  anAdministeredIssuer,
  assertFits,
  assertProblem,
  opens,
  pointersIn,
  type Shown,
} from './admin-support.js';
import { assertNotStored } from './support.js';

const CLIENTS = '/admin/clients';
const BY = { by: { clientId: 'office' }, address: '127.0.0.1' };
const WITH_SECRET = CLIENT.extend(MADE_SECRET.shape);

let made = 0;
/** Every secret that was answered. */
const secrets: string[] = [];

/** Makes a client over HTTP: a confidential one unless told otherwise. */
async function added({ ask }: Administered, client: Shown = {}): Promise<{ id: string; url: string; secret: string }> {
  made += 1;
  const described = { client_id: `c-${made}`, kind: 'confidential', grants: ['client_credentials'], ...client };
  const { status, text, body } = await ask('POST', CLIENTS, described);
  if (status !== 201) throw new Error(text);
  const secret = String(body['client_secret'] ?? '');
  if (secret !== '') secrets.push(secret);
  return { id: String(body['client_id']), url: `${CLIENTS}/${body['client_id']}`, secret };
}

/** What holds on every database. */
const BEHAVIOUR: Readonly<Record<string, (t: Test, admin: Administered) => Promise<void>>> = {
  'a client is made, shown, changed and deleted': async (t, admin) => {
    const { ask, audited } = admin;
    const settings = {
      name: 'Wörker 1',
      grants: ['client_credentials', 'password', 'refresh_token'],
      scopes: ['b', 'a', 'b'],
      default_scope: ['a'],
      audiences: [ISSUER],
      default_audiences: [],
      access_token_ttl_seconds: 60,
      refresh_idle_ttl_seconds: 61,
      refresh_absolute_ttl_seconds: 62,
      retry_window_seconds: 0,
      delivery: 'body',
      origins: ['https://app.example.com'],
      tokens_per_minute: 5,
    };
    const reply = await ask('POST', CLIENTS, { client_id: 'worker', kind: 'confidential', ...settings });
    t.equal(reply.status, 201);
    assertNotStored(t, reply, 'made');
    assertFits(t, WITH_SECRET, reply.body, 'made');
    const { client_secret: secret, ...shown } = reply.body;
    secrets.push(String(secret));
    t.match(shown, {
      ...settings,
      grants: ['password', 'refresh_token', 'client_credentials'],
      scopes: ['b', 'a'],
      kind: 'confidential',
      revision: 0,
      authentication: 'client_secret',
    });
    t.strictSame([reply.headers['location'], reply.headers['etag']], [`${ISSUER}${CLIENTS}/worker`, '"0"']);
    t.ok(await opens(admin, 'worker', String(secret)));
    t.match(audited('client_added').at(-1), { ...BY, targetClientId: 'worker' });

    const url = `${CLIENTS}/worker`;
    const got = await ask('GET', url);
    t.strictSame([got.body, got.headers['etag']], [shown, '"0"'], 'the secret is shown once');
    assertNotStored(t, got, 'shown');

    const changes = { scopes: ['a', 'c', 'a'], access_token_ttl_seconds: null, origins: [] };
    const changed = await ask('PATCH', url, changes);
    assertFits(t, CLIENT, changed.body, 'changed');
    t.strictSame(changed.body, { ...shown, ...changes, scopes: ['a', 'c'], revision: 1 }, 'what is left out stays');
    t.equal(changed.headers['etag'], '"1"');
    t.strictSame((await ask('GET', url)).body, changed.body, 'and that is what was kept');
    t.match(audited('client_changed'), [{ ...BY, targetClientId: 'worker' }]);
    const again = await ask('PATCH', url, { ...changes, disabled: false });
    t.strictSame([again.status, again.body], [200, changed.body], 'the same again changes nothing');
    t.strictSame(audited('client_changed'), []);

    t.strictSame((await ask('DELETE', url)).status, 204);
    t.match(audited('client_removed'), [{ ...BY, targetClientId: 'worker' }]);
    t.notOk(await opens(admin, 'worker', String(secret)));
    assertProblem(t, await ask('GET', url), 404, 'not_found');
  },

  'a public one has no secret; an id may be made': async (t, admin) => {
    const { ask } = admin;
    const reply = await ask('POST', CLIENTS, { kind: 'public', grants: ['password'] });
    t.equal(reply.status, 201);
    assertFits(t, CLIENT, reply.body, 'made');
    t.match(reply.body, { client_id: /^client-[0-9a-f]{12}$/, authentication: 'none' });
    const url = `${CLIENTS}/${reply.body['client_id']}`;
    assertProblem(t, await ask('POST', `${url}/secret`), 422, 'unfit', 'nor can it get one');
  },

  'a secret is changed; the one before it is good for as long as was said': async (t, admin) => {
    const { issuer, ask, audited } = admin;
    const { id, url, secret } = await added(admin);
    const until = (hours: number) => new Date(issuer.clock.now + hours * 3_600_000).toISOString().replace('.000', '');
    for (const [body, previous] of [
      [undefined, until(24)],
      ['', until(24)],
      [{}, until(24)],
      [{ overlap_seconds: 3600 }, until(1)],
    ] as const) {
      const reply = await ask('POST', `${url}/secret`, body);
      t.equal(reply.status, 200);
      assertFits(t, WITH_SECRET, reply.body, 'rotated');
      assertNotStored(t, reply, 'rotated');
      t.equal(reply.body['previous_secret_expires_at'], previous);
      t.equal(reply.headers['etag'], `"${reply.body['revision']}"`);
      secrets.push(String(reply.body['client_secret']));
    }
    const [before = '', present = ''] = secrets.slice(-2);
    t.match(audited('client_secret_rotated').at(-1), { ...BY, targetClientId: id, overlapSeconds: 3600 });
    t.strictSame(
      [await opens(admin, id, present), await opens(admin, id, before), await opens(admin, id, secret)],
      [true, true, false],
    );
    const { body } = await ask('POST', `${url}/secret`, { overlap_seconds: 0 });
    secrets.push(String(body['client_secret']));
    t.equal(body['previous_secret_expires_at'], null);
    t.strictSame(
      [await opens(admin, id, present), await opens(admin, id, String(body['client_secret']))],
      [false, true],
    );
    for (const overlap_seconds of [-1, 1.5, '1', null]) {
      t.strictSame(pointersIn(await ask('POST', `${url}/secret`, { overlap_seconds })), ['/overlap_seconds']);
    }
    assertProblem(t, await ask('POST', `${url}/secret`, { overlap_seconds: 30 * 86_400 + 1 }), 422, 'unfit');
    assertProblem(t, await ask('POST', `${CLIENTS}/nobody/secret`), 404, 'not_found');
  },

  'keys take the place of a secret, and a private one is refused': async (t, admin) => {
    const { ask } = admin;
    const { id, url, secret } = await added(admin);
    const jwk = aJwk();
    const { privateKey } = generateKeyPairSync('ed25519');
    const leaked = privateKey.export({ format: 'jwk' }) as Shown;
    secrets.push(String(leaked['d']));
    const reply = await ask('PATCH', url, { jwks: { keys: [leaked] } });
    assertProblem(t, reply, 422, 'unfit', 'a private key');
    t.notOk(reply.text.includes(String(leaked['d'])));
    t.ok(await opens(admin, id, secret));
    const deep = `{"jwks":{"keys":[{"x5c":${'['.repeat(7000)}${']'.repeat(7000)},${JSON.stringify(jwk).slice(1)}]}}`;
    assertProblem(t, await ask('PATCH', url, deep), 400, 'invalid_request', 'deeper than anybody nests');
    const changed = await ask('PATCH', url, { jwks: { keys: [{ ...jwk, x5c: [[['x']]] }], more: 1 } });
    t.match(changed.body, { jwks: { keys: [jwk] }, authentication: 'private_key_jwt' }, 'what is known of it is kept');
    assertFits(t, CLIENT, changed.body, 'changed');
    t.notOk(await opens(admin, id, secret), 'the secret has ended');
    assertProblem(t, await ask('POST', `${url}/secret`), 422, 'unfit', 'and there is no way back');
    t.strictSame(pointersIn(await ask('PATCH', url, { jwks: null })), ['/jwks']);
    t.strictSame(pointersIn(await ask('PATCH', url, { jwks: { keys: [] } })), ['/jwks/keys']);
    t.strictSame(pointersIn(await ask('PATCH', url, { jwks: { keys: [jwk, 'x'] } })), ['/jwks/keys/1']);
    const signer = await ask('POST', CLIENTS, {
      client_id: `s-${made}`,
      kind: 'confidential',
      grants: ['client_credentials'],
      jwks: { keys: [jwk] },
    });
    t.equal(signer.status, 201);
    assertFits(t, CLIENT, signer.body, 'without a secret');
  },

  'a client that is disabled or deleted ends its logins, and no others': async (t, admin) => {
    const { issuer, ask, audited } = admin;
    const login = { grants: ['password', 'refresh_token'], kind: 'public' };
    for (const end of ['disable', 'delete', 'end'] as const) {
      const { id, url } = await added(admin, login);
      const [own, other] = [await logIn(issuer, { client_id: id }), await logIn(issuer)];
      if (end === 'disable')
        t.match((await ask('PATCH', url, { disabled: true })).body, { disabled_at: String, revision: 1 });
      if (end === 'delete') t.equal((await ask('DELETE', url)).status, 204);
      if (end === 'end') t.equal((await ask('DELETE', `${url}/sessions`)).status, 204);
      if (end === 'end') t.match(audited('all_logins_ended'), [{ ...BY, targetClientId: id }]);
      if (end === 'disable')
        t.match((await ask('PATCH', url, { disabled: false })).body, { disabled_at: null, revision: 2 });
      const again = await refresh(issuer, own['refresh_token'], { client_id: id });
      if (end === 'delete') assertError(t, again, 401, 'invalid_client');
      else assertError(t, again, 400, 'invalid_grant', end);
      t.equal((await refresh(issuer, other['refresh_token'])).status, 200, 'another goes on');
      if (end !== 'delete') await logIn(issuer, { client_id: id });
    }
  },

  'what cannot be, is taken, or is not there': async (t, admin) => {
    const { ask } = admin;
    const { id, url } = await added(admin);
    const client = { kind: 'confidential', grants: ['client_credentials'] };
    assertProblem(t, await ask('POST', CLIENTS, { ...client, client_id: id }), 409, 'taken');
    for (const client_id of ['', 'a b', 'x'.repeat(65), 'é', '../x', crypto.randomUUID(), 'a\u0000']) {
      assertProblem(t, await ask('POST', CLIENTS, { ...client, client_id }), 422, 'unfit', client_id);
    }
    for (const wrong of [
      { grants: [] },
      { scopes: ['a b'] },
      { default_scope: ['x'] },
      { audiences: ['a b'] },
      { origins: ['https://a.example/path'] },
      { delivery: 'cookie' },
      { access_token_ttl_seconds: 0 },
      { access_token_ttl_seconds: 3601 },
      { retry_window_seconds: 3601 },
      { tokens_per_minute: 1_000_001 },
    ]) {
      for (const reply of [await ask('PATCH', url, wrong), await ask('POST', CLIENTS, { ...client, ...wrong })]) {
        assertProblem(t, reply, 422, 'unfit', JSON.stringify(wrong));
      }
    }
    for (const [name, value] of Object.entries({
      ...{ kind: 'public', client_secret: 'x', secret_hash: 'x', revision: 9, created_at: 'x', login_epoch: 1 },
      ...{ grants: ['implicit'], tokens_per_minute: 0, retry_window_seconds: -1, delivery: 'mail', name: 'a\u0000b' },
    })) {
      const reply = await ask('PATCH', url, { [name]: value });
      assertProblem(t, reply, 400, 'invalid_request', name);
      t.strictSame(pointersIn(reply), [name === 'grants' ? '/grants/0' : `/${name}`]);
    }
    for (const name of ['', 'a\u001b[31m', 'a\u202eb', 'x'.repeat(129)]) {
      t.strictSame(pointersIn(await ask('POST', CLIENTS, { ...client, name })), ['/name'], JSON.stringify(name));
    }
    t.strictSame([(await ask('GET', url)).body['revision'], (await ask('GET', url)).body['kind']], [0, 'confidential']);
    for (const gone of ['nobody', '%00', 'a%20b', 'x'.repeat(65)].map((one) => `${CLIENTS}/${one}`)) {
      assertProblem(t, await ask('GET', gone), 404, 'not_found', gone);
      assertProblem(t, await ask('PATCH', gone, {}), 404, 'not_found', gone);
      assertProblem(t, await ask('DELETE', gone), 404, 'not_found', gone);
      assertProblem(t, await ask('DELETE', `${gone}/sessions`), 404, 'not_found', gone);
    }
  },
};

for (const provider of PROVIDERS) {
  t.test(`on ${provider}`, async (t) => {
    const admin = await anAdministeredIssuer(t, { provider });
    for (const [sentence, behaves] of Object.entries(BEHAVIOUR)) t.test(sentence, (t) => behaves(t, admin));
    t.test('and no secret is in the log', async (t) => {
      const log = admin.issuer.log.join('');
      for (const secret of secrets) t.notOk(log.includes(secret), secret.slice(0, 4));
    });
  });
}
