import t from 'tap';
import { formatRefreshToken } from '../../src/oauth/refresh-token.js';
import { DatabaseUnavailable } from '../../src/store/outage.js';
import { aClient, basic } from '../helper.js';
import { assertNotStored, type Form, postForm, rowOf, sidOf, whileFailing } from '../http/support.js';
import {
  aService,
  assertError,
  assertTokens,
  issuerWithClients,
  logIn,
  refresh,
  SECRET,
  SERVICE,
  send,
} from './setup.js';

const AS_SERVICE = { client_id: 'service', client_secret: SECRET };
const issuer = await issuerWithClients(t, { clients: [aClient(), aService()] });
const body = await logIn(issuer, AS_SERVICE);
const token = String(body['refresh_token']);
const access = String(body['access_token']);
const before = await rowOf(issuer, sidOf(body));

t.test('§2.1: a public client is told nothing, not even of its own token', async (t) => {
  const own = await logIn(issuer);
  for (const name of ['access_token', 'refresh_token']) {
    const reply = await postForm(issuer, '/introspect', { client_id: 'app', token: String(own[name]) });
    assertError(t, reply, 401, 'invalid_client', name);
    t.equal(reply.headers['www-authenticate'], undefined, 'it used no header, so there is no challenge');
  }
  const header = await postForm(issuer, '/introspect', { token }, { authorization: basic('app', '') });
  assertError(t, header, 401, 'invalid_client', 'named in the header');
  t.match(header.headers['www-authenticate'], /^Basic /);
});

t.test('§2.1: who asks must show who it is', async (t) => {
  const wrong: readonly Record<string, string>[] = [
    {},
    { client_id: 'service' },
    { client_id: 'service', client_secret: '' },
    { client_id: 'service', client_secret: `${SECRET}x` },
    { client_id: 'nobody', client_secret: SECRET },
  ];
  for (const client of wrong) {
    const reply = await postForm(issuer, '/introspect', { token, ...client });
    assertError(t, reply, 401, 'invalid_client', JSON.stringify(client));
  }
  const bearer = await postForm(issuer, '/introspect', { token }, { authorization: `Bearer ${access}` });
  assertError(t, bearer, 401, 'invalid_client', 'an access token shows nobody');
});

t.test('§2.1: token is required, once, and in the body', async (t) => {
  const twice: Form = [
    ['token', token],
    ['token', token],
  ];
  for (const form of [{}, { token: '' }, { access_token: access }, twice]) {
    const reply = await postForm(issuer, '/introspect', form, SERVICE);
    assertError(t, reply, 400, 'invalid_request', JSON.stringify(form).slice(0, 30));
  }
  const inUrl = await postForm(issuer, `/introspect?token=${token}`, {}, SERVICE);
  assertError(t, inUrl, 400, 'invalid_request', 'in the URL');
});

t.test('§2.1: it is POST; another method is 405', async (t) => {
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'] as const) {
    const reply = await send(issuer, { method, url: '/introspect', headers: SERVICE });
    t.equal(reply.status, 405, method);
    t.equal(reply.headers['allow'], 'POST', method);
    assertNotStored(t, reply, method);
  }
});

t.test('§2.2: a text that is no token of ours is not active, whatever it is', async (t) => {
  const nobody = formatRefreshToken({ handle: new Uint8Array(16), secret: new Uint8Array(28) });
  const damaged = [
    token.slice(0, -1),
    `${token}A`,
    `${token.slice(0, 20)}${token[20] === 'A' ? 'B' : 'A'}${token.slice(21)}`,
  ];
  const forged = access.replace(/\.[^.]+\./, `.${Buffer.from('{"sub":"root"}').toString('base64url')}.`);
  const others = [forged, access.slice(0, -10), 'x', 'a.b.c', '..', '\0', 'é', 'null', '{}', 'x'.repeat(10_000)];
  for (const text of [nobody, ...damaged, ...others]) {
    const reply = await postForm(issuer, '/introspect', { token: text }, SERVICE);
    t.equal(reply.status, 200);
    t.equal(reply.text, '{"active":false}', JSON.stringify(text.slice(0, 20)));
  }
  t.strictSame(await rowOf(issuer, sidOf(body)), before, 'a damaged token harms nobody');
});

t.test('§2.1: the hint changes nothing', async (t) => {
  for (const hint of ['refresh_token', 'access_token', 'nonsense', '']) {
    for (const text of [token, access]) {
      const reply = await postForm(issuer, '/introspect', { token: text, token_type_hint: hint }, SERVICE);
      t.equal(reply.body['active'], true, hint);
    }
  }
});

t.test('the same request as JSON', async (t) => {
  const payload = JSON.stringify({ token });
  const headers = { 'content-type': 'application/json', ...SERVICE };
  const reply = await send(issuer, { method: 'POST', url: '/introspect', headers, payload });
  t.equal(reply.body['active'], true);
  t.match(reply.headers['content-type'], /^application\/json(;|$)/);
});

t.test('while the database is in trouble it is 503: not a word on whether the token is active', async (t) => {
  const { clients, families, users } = issuer;
  const breaks: readonly [part: object, name: string, token: string][] = [
    [clients, 'find', token],
    [families, 'find', token],
    [families, 'find', access],
    [users, 'find', access],
  ];
  for (const [part, name, text] of breaks) {
    const ask = () => postForm(issuer, '/introspect', { token: text }, SERVICE);
    const reply = await whileFailing(part, name, new DatabaseUnavailable('postgres://mintd:hunter2@db'), ask);
    assertError(t, reply, 503, 'temporarily_unavailable', name);
    t.match(reply.headers['retry-after'], /^[1-9]\d*$/, name);
    t.notMatch(JSON.stringify(reply), /hunter2|active/, name);
  }
});

t.test('the log says why a token is not active, the answer does not; neither holds a token', async (t) => {
  const logged = issuer.log.length;
  const first = (await logIn(issuer, AS_SERVICE))['refresh_token'];
  const second = (await refresh(issuer, first, AS_SERVICE)).body['refresh_token'];
  await refresh(issuer, second, AS_SERVICE);
  const foreign = (await logIn(issuer))['access_token'];
  for (const text of [first, foreign, 'x']) {
    await postForm(issuer, '/introspect', { token: String(text) }, SERVICE);
  }
  const lines = issuer.log.slice(logged).map((line) => JSON.parse(line));
  const reasons = lines.filter(({ event }) => event === 'introspected').map(({ inactive }) => inactive);
  t.strictSame(reasons, ['refresh_token_superseded', 'token_of_another_client', 'access_token_invalid']);
  for (const secret of [token, access, first, second, foreign]) t.notOk(issuer.log.join('').includes(String(secret)));
});

t.test('after all that the login goes on', async (t) => {
  t.strictSame(await rowOf(issuer, sidOf(body)), before);
  assertTokens(t, await refresh(issuer, token, AS_SERVICE));
});
