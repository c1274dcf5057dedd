import { createHash } from 'node:crypto';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { type AppDeps, buildApp } from '../../src/app.js';
import { DatabaseUnavailable } from '../../src/store/outage.js';
import { aClient, START, statusOf } from '../helper.js';
import { assertError, issuerWithClients, send } from '../rfc/setup.js';
import { described } from './openapi-support.js';

const issuer = await issuerWithClients(t);
const DAY_MS = 86_400_000;
const READY = { database: true, schema: true, keys: true };

/** What a test makes different. */
type Setup = Partial<AppDeps> & { readonly address?: string; readonly status?: Partial<ReturnType<typeof statusOf>> };

async function appWith(t: Test, { address = 'http://localhost:4000', status = {}, ...deps }: Setup = {}) {
  const app = await buildApp({
    ...issuer.deps,
    grants: { ...issuer.grants, settings: { ...issuer.grants.settings, issuer: address } },
    keeper: { ...issuer.deps.keeper, status: () => ({ ...statusOf(), kid: 'the-kid', ...status }) },
    logger: pino({ level: 'silent' }),
    startPage: { version: '1.2.3', command: 'npx mintd' },
    apiDocs: described('1.2.3'),
    ...deps,
  });
  t.teardown(() => app.close());
  return app;
}

const page = async (t: Test, setup?: Setup) => (await (await appWith(t, setup)).inject('/')).body;
const linksIn = (body: string) => [...body.matchAll(/<a href="([^"]*)"/g)].map(([, link = '']) => link);

t.test('in production nothing is there', async (t) => {
  assertError(t, await send(issuer, { url: '/' }), 404, 'not_found');
});

t.test('a page for people that loads nothing, runs nothing and is kept by no cache', async (t) => {
  const { statusCode, headers, body } = await (await appWith(t)).inject('/');
  t.match({ statusCode, headers }, { statusCode: 200, headers: { 'content-type': 'text/html; charset=utf-8' } });
  t.match(headers, {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  });
  const style = /<style>(.*?)<\/style>/s.exec(body)?.[1] ?? '';
  const hash = createHash('sha256').update(style).digest('base64');
  const policy = String(headers['content-security-policy']);
  t.match(policy, `default-src 'none'; style-src 'sha256-${hash}'; img-src data:;`);
  t.notMatch(policy, /unsafe|https?:|\*|script-src/);
  t.notMatch(body, /<script|style="|\son\w+="|src="|@import|url\(/, 'nothing inline but the style');
  t.strictSame(
    linksIn(body).filter((link) => !link.startsWith('/')),
    [],
    'no link to elsewhere',
  );
});

t.test('it says how the server is: ready, which key signs, when the next one will', async (t) => {
  const body = await page(t, { status: { nextRotationAt: START + 30 * DAY_MS } });
  t.match(body, /<p class="state">Ready</);
  t.match(body, 'the-kid');
  t.match(body, 'in 30 days <span class="soft">(2026-01-31T00:00:00Z)</span>');
  t.notMatch(body, 'class="bad"');
  const rows: readonly (readonly [ms: number, text: string])[] = [
    [2 * DAY_MS, 'in 2 days'],
    [DAY_MS, 'in 24 hours'],
    [3_600_000, 'in 60 minutes'],
    [90_000, 'in 90 seconds'],
    [-5_000, 'in 0 seconds'],
  ];
  for (const [ms, text] of rows) t.match(await page(t, { status: { nextRotationAt: START + ms } }), text);
  t.match(await page(t), 'none is planned');
  t.match(await page(t, { status: { kid: null } }), '<dt>Signing key</dt><dd>none</dd>');
});

t.test('it says what is not well, and is there all the same', async (t) => {
  const rows: readonly (readonly [setup: Setup, texts: readonly string[]])[] = [
    [
      { readiness: async () => ({ database: false, schema: false, keys: true }) },
      ['state bad">Not ready', '<dd class="bad">does not answer', '<dd class="bad">not known'],
    ],
    [
      { readiness: async () => ({ ...READY, schema: false }) },
      ['Not ready', '<dd class="bad">not that of this version'],
    ],
    [{ readiness: async () => ({ ...READY, keys: false }) }, ['Not ready', '<dd class="bad">has no usable key']],
    [{ status: { isFaulty: true } }, ['state bad">Ready, with the last', '<dd class="bad">cannot be read']],
  ];
  const clients = { ...issuer.clients, find: () => Promise.reject(new DatabaseUnavailable('gone')) };
  for (const [setup, texts] of rows) {
    const isGone = (await setup.readiness?.())?.schema === false;
    const body = await page(t, isGone ? { ...setup, clients } : setup);
    for (const text of texts) t.match(body, text);
  }
});

t.test('the command that gets a token has no password; without the demo client there is none', async (t) => {
  const without = await page(t);
  t.notMatch(without, 'curl');
  t.match(without, 'npx mintd users add ada');
  t.match(without, 'npx mintd clients add web');
  await issuer.clients.add(aClient({ id: 'demo' }));
  const body = await page(t);
  t.match(body, 'curl -s http://localhost:4000/token \\\n  -d grant_type=password \\\n  -d client_id=demo');
  t.match(body, '-d password=…</pre>');
  t.match(body, 'npx mintd users set-password demo');
  t.notMatch(body, /@example|>ada</, 'no user of the database');
});

t.test('its links go to what is there, below the path of the issuer', async (t) => {
  const always = ['/.well-known/oauth-authorization-server', '/.well-known/jwks.json', '/readyz', '/metrics'];
  t.strictSame(linksIn(await page(t)), ['/docs', '/openapi.json', ...always]);
  t.strictSame(linksIn(await page(t, { apiDocs: null })), always);
  const app = await appWith(t);
  for (const url of linksIn((await app.inject('/')).body)) t.equal((await app.inject({ url })).statusCode, 200, url);
  for (const address of ['http://localhost:4000/auth', 'http://localhost:4000/auth/']) {
    const body = await page(t, { address });
    t.equal(linksIn(body)[0], '/auth/docs');
    t.match(body, 'curl -s http://localhost:4000/auth/token ');
  }
});

t.test('everything in it that is not of the page itself is escaped', async (t) => {
  const evil = `"><script>alert('&')</script>`;
  const body = await page(t, { status: { kid: evil }, startPage: { version: evil, command: evil } });
  t.notMatch(body, '<script');
  t.ok(body.split('&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;').length > 4);
});

t.test('what holds for all addresses holds there; the description of the API leaves it out', async (t) => {
  const app = await appWith(t);
  t.match(await app.inject({ method: 'HEAD', url: '/' }), { statusCode: 200, body: '' });
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'] as const) {
    const reply = await app.inject({ method, url: '/' });
    t.match(reply, { statusCode: 405, headers: { allow: 'GET, HEAD' } }, method);
  }
  t.equal((await app.inject('/?password=x')).statusCode, 400);
  t.notOk('/' in (await app.inject('/openapi.json')).json().paths);
});
