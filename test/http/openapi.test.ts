import { readFileSync } from 'node:fs';
import { validate } from '@readme/openapi-parser';
import { validatorCompiler } from 'fastify-type-provider-zod';
import t from 'tap';
import { z } from 'zod';
import { aClient, ISSUER, PASSWORD } from '../helper.js';
import { issuerWithClients, logIn, refresh, SERVICE, send } from '../rfc/setup.js';
import { anOffice } from './admin-support.js';
import { administeredWithKeys, beRefused, doEverything } from './admin-tour.js';
import { described, type OpenapiDocument, operationsOf, surpriseIn, witnessed } from './openapi-support.js';
import { CASES, CLIENTS } from './refusals.js';
import { asBearer, logInAtPage, postAtPage, postForm, sidOf } from './support.js';

const VERSION = '1.2.3';
const {
  made: issuer,
  routes,
  given,
} = await witnessed(() => issuerWithClients(t, { clients: [...CLIENTS, anOffice()], apiDocs: described(VERSION) }));
const admin = await administeredWithKeys(t, issuer);
const reply = await send(issuer, { url: '/openapi.json' });
const document = reply.body as unknown as OpenapiDocument;
const operations = operationsOf(document);

t.test('the document is OpenAPI 3.1, of this version, for this issuer', async (t) => {
  const { openapi, info, servers } = document;
  t.match([openapi, info.version, servers], ['3.1.0', VERSION, [{ url: ISSUER }]]);
  const validated = await validate(structuredClone(document) as unknown as Parameters<typeof validate>[0]);
  t.match(validated, { valid: true, warnings: [] });
  const broken = await validate({ ...document, paths: { x: 1 } } as unknown as Parameters<typeof validate>[0]);
  t.notOk(broken.valid, 'and the validator knows a wrong one');
});

t.test('the one in docs/ describes the same routes', async (t) => {
  const written: OpenapiDocument = JSON.parse(readFileSync('docs/openapi.json', 'utf8'));
  t.strictSame(written.paths, document.paths);
});

t.test('caches may keep it, as they may the metadata', async (t) => {
  const { etag, 'cache-control': caching } = reply.headers;
  t.equal(caching, 'public, max-age=300');
  t.match(reply.headers['content-type'], /^application\/json(;|$)/);
  const again = await send(issuer, { url: '/openapi.json', headers: { 'if-none-match': String(etag) } });
  t.strictSame([again.status, again.text], [304, '']);
});

t.test('every route is in it, with a summary and its answers, and nothing else is', async (t) => {
  const hidden = (name: string) => /^(HEAD|OPTIONS) |^GET \/docs(\/|$)/.test(name);
  const expected = [...routes].filter((name) => !hidden(name));
  t.strictSame([...operations.keys()].sort(), expected.sort());
  t.ok(expected.length > 14);
  for (const [name, { summary, security, responses }] of operations) {
    t.match(summary, /^.{5,60}$/, `${name}: summary`);
    t.ok(Array.isArray(security), `${name}: who may ask`);
    for (const [status, { description }] of Object.entries(responses)) {
      t.not(description, 'Default Response', `${name}: ${status}`);
    }
  }
});

t.test('the ways to show who one is are those the operations name', async (t) => {
  const { oauth2, ...others } = document.components.securitySchemes;
  const tokenUrl = `${ISSUER}/token`;
  t.match(oauth2, {
    type: 'oauth2',
    flows: { password: { tokenUrl, refreshUrl: tokenUrl, scopes: {} }, clientCredentials: { tokenUrl } },
  });
  t.match(others, { client: { type: 'http', scheme: 'basic' }, bearer: { type: 'http', scheme: 'bearer' } });
  const named = [...operations.values()].flatMap(({ security = [] }) => security.flatMap((one) => Object.keys(one)));
  t.strictSame([...new Set(named)].sort(), ['bearer', 'client', 'oauth2']);
});

t.test('a list in a form is its parameter again and again', async (t) => {
  const list = { style: 'form', explode: true };
  const form = operations.get('POST /token')?.requestBody?.content['application/x-www-form-urlencoded'];
  t.strictSame(form?.encoding, { resource: list, audience: list });
});

const isAdmin = (name: string) => / \/admin\//.test(name);

/** What each request with parameters must have, as described: one for each operation, or for each alternative in it. */
const requests = [...operations].flatMap(([name, { requestBody }]) =>
  Object.entries((isAdmin(name) ? undefined : requestBody)?.content ?? {}).flatMap(([type, { schema }]) => {
    const { oneOf = [schema] } = schema as { oneOf?: readonly Record<string, unknown>[] };
    return oneOf.map(({ required, properties }) => {
      const values = Object.entries(properties as Record<string, { const?: string }>);
      const fixed = Object.fromEntries(values.map(([parameter, { const: value = 'x' }]) => [parameter, value]));
      const names = required as readonly string[];
      return { name, type, form: Object.fromEntries(names.map((one) => [one, fixed[one] ?? 'x'])) };
    });
  }),
);

t.test('a request without a parameter that is described as required is refused, and the answer names it', async (t) => {
  const login = await logIn(issuer);
  const ask = (name: string, type: string, form: Record<string, string>) => {
    const [, url = ''] = name.split(' ');
    const payload = type === 'application/json' ? JSON.stringify(form) : new URLSearchParams(form).toString();
    const who = url === '/password' ? { authorization: `Bearer ${login['access_token']}` } : SERVICE;
    return send(issuer, { method: 'POST', url, headers: { 'content-type': type, ...who }, payload });
  };
  t.strictSame([...new Set(requests.map(({ name }) => name))].sort(), [
    'POST /introspect',
    'POST /logout',
    'POST /password',
    'POST /register',
    'POST /revoke',
    'POST /token',
  ]);
  for (const { name, type, form } of requests) {
    for (const missing of Object.keys(form)) {
      const { [missing]: _, ...rest } = form;
      const { status, body } = await ask(name, type, rest);
      const description = `The parameter ${missing} is missing.`;
      t.match({ status, body }, { status: 400, body: { error: 'invalid_request', error_description: description } });
    }
    const { body } = await ask(name, type, form);
    const isCookieOnly = form['grant_type'] === 'refresh_token';
    t.equal(/missing/.test(String(body['error_description'])), isCookieOnly, `${name}: they are all, but the cookie`);
  }
});

t.test('every answer that is given is described: good ones', async (t) => {
  const body = await logIn(issuer);
  await refresh(issuer, body['refresh_token']);
  const client = await postForm(issuer, '/token', { grant_type: 'client_credentials' }, SERVICE);
  for (const token of [client.body['access_token'], 'x']) {
    await postForm(issuer, '/introspect', { token: String(token) }, SERVICE);
  }
  const own = await postForm(issuer, '/token', { grant_type: 'password', username: 'ada', password: 'x' }, SERVICE);
  t.equal(own.status, 400);
  for (const method of ['GET', 'POST'] as const) await asBearer(issuer, method, '/userinfo', body['access_token']);
  await asBearer(issuer, 'GET', '/sessions', body['access_token']);
  await asBearer(issuer, 'DELETE', `/sessions/${sidOf(body)}`, body['access_token']);
  await asBearer(issuer, 'DELETE', '/sessions', (await logIn(issuer))['access_token']);
  await postForm(issuer, '/revoke', { client_id: 'app', token: String((await logIn(issuer))['refresh_token']) });
  await postAtPage(issuer, '/logout', (await logInAtPage(issuer)).cookie, {}, {});
  for (const url of ['/livez', '/readyz', '/.well-known/jwks.json', '/.well-known/openid-configuration']) {
    await send(issuer, { url });
  }
  await send(issuer, { url: '/.well-known/oauth-authorization-server' });
  await issuer.app.inject({ url: '/metrics' });
  await postForm(issuer, '/register', { username: 'new', password: 'correct horse and cart' });
  const change = { current_password: PASSWORD, new_password: 'correct horse and cart' };
  const { access_token: token } = await logIn(issuer);
  await postForm(issuer, '/password', change, { authorization: `Bearer ${token}` });
  const back = { current_password: change.new_password, new_password: PASSWORD };
  await postForm(issuer, '/password', back, { authorization: `Bearer ${token}` });
  await doEverything(admin);
  const good = new Set(given.filter(({ status }) => status < 300).map(({ operation }) => operation));
  t.strictSame(
    [...operations.keys()].filter((name) => !good.has(name)),
    [],
    'there was one of each operation',
  );
});

t.test('and refusals', async (t) => {
  await beRefused(admin);
  for (const [, , ask] of Object.values(CASES)) await ask(issuer);
  t.ok(given.length > 80);
  const refused = given.filter(({ operation, status }) => isAdmin(operation) && status >= 400);
  const statuses = [...new Set(refused.map(({ status }) => status))].sort();
  t.strictSame(statuses, [400, 401, 403, 404, 409, 412, 413, 415, 422], 'of the administration every kind');
  for (const one of given) {
    const operation = operations.get(one.operation.replace(/^HEAD /, 'GET '));
    if (operation === undefined) continue;
    t.equal(surpriseIn(one, operation), null, `${one.operation} ${one.status} ${one.body.slice(0, 80)}`);
  }
});

t.test('a route that is checked by zod is described by the same schema', async (t) => {
  const { made } = await witnessed(() => issuerWithClients(t, { clients: [aClient()], apiDocs: described(VERSION) }));
  await made.app.register(async (scope) => {
    scope.setValidatorCompiler(validatorCompiler);
    const body = z.strictObject({ name: z.string().min(1).describe('A name.'), count: z.int().optional() });
    const schema = {
      summary: 'Try',
      body,
      params: z.object({ id: z.uuid() }),
      response: { 201: body.describe('Made.') },
    };
    scope.post('/admin/things/:id', { schema }, async (request) => request.body);
  });
  const url = `/admin/things/${crypto.randomUUID()}`;
  for (const [payload, status] of [
    [{ name: 'x' }, 200],
    [{ name: 'x', more: 1 }, 400],
    [{ name: '' }, 400],
  ] as const) {
    t.equal((await made.app.inject({ method: 'POST', url, payload })).statusCode, status, JSON.stringify(payload));
  }
  const { paths } = (await send(made, { url: '/openapi.json' })).body as unknown as OpenapiDocument;
  t.match(paths['/admin/things/{id}']?.['post'], {
    summary: 'Try',
    parameters: [{ in: 'path', name: 'id', required: true }],
    requestBody: {
      content: {
        'application/json': {
          schema: { properties: { name: { minLength: 1, description: 'A name.' } }, required: ['name'] },
        },
      },
    },
    responses: { 201: { description: 'Made.' } },
  });
});

t.test('the administration: conditions, entity tags, and which bodies may be left out', async (t) => {
  const described = reply.body['paths'] as Record<string, Record<string, Record<string, unknown>>>;
  const conditional: string[] = [];
  const tagged: string[] = [];
  const optional: string[] = [];
  for (const [name, operation] of [...operations].filter(([name]) => isAdmin(name))) {
    const [method = '', path = ''] = name.split(' ');
    const { parameters, tags, requestBody } = described[path.replace(/:(\w+)/, '{$1}')]?.[method.toLowerCase()] ?? {};
    t.strictSame(tags, ['Administration'], name);
    if (JSON.stringify(parameters ?? []).includes('"if-match"')) conditional.push(name);
    if (Object.values(operation.responses).some((one) => 'headers' in one)) tagged.push(name);
    if ((requestBody as { required?: boolean } | undefined)?.required === false) optional.push(name);
  }
  const [users, clients] = ['/admin/users/:id', '/admin/clients/:id'];
  t.strictSame(conditional.sort(), [
    ...[`DELETE ${clients}`, `DELETE ${users}`, `PATCH ${clients}`, `PATCH ${users}`],
    ...[`POST ${clients}/secret`, `PUT ${users}/password`],
  ]);
  t.strictSame(tagged.sort(), [
    ...[`GET ${clients}`, `GET ${users}`, `PATCH ${clients}`, `PATCH ${users}`],
    ...['POST /admin/clients', `POST ${clients}/secret`, 'POST /admin/users'],
  ]);
  t.strictSame(optional.sort(), ['POST /admin/clients/:id/secret', 'POST /admin/keys/rotate', `PUT ${users}/password`]);
});
