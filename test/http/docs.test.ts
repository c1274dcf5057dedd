import { createRequire } from 'node:module';
import t from 'tap';
import { importOptional } from '../../src/optional-package.js';
import { assertError, issuerWithClients, send } from '../rfc/setup.js';

const isLoaded = () =>
  Object.keys(createRequire(import.meta.url).cache).some((path) =>
    /@fastify\/(swagger|swagger-ui|static)\//.test(path),
  );

const without = await issuerWithClients(t);
const wasLoaded = isLoaded();
const swaggerUi = await importOptional(['@fastify/swagger-ui'], () => import('@fastify/swagger-ui'));
const apiDocs = { version: '1.2.3', swaggerUi, hasDemo: false };
const issuer = await issuerWithClients(t, { apiDocs });

t.test('without API_DOCS there is nothing, and nothing is loaded for it', async (t) => {
  for (const url of ['/docs', '/docs/', '/docs/json', '/docs/static/swagger-ui.css', '/openapi.json']) {
    assertError(t, await send(without, { url }), 404, 'not_found', url);
  }
  t.notOk(wasLoaded);
});

const get = (url: string) => issuer.app.inject({ url });
/** What the page of swagger-ui refers to; the rest of its files is there as well. */
const FILES = [
  'swagger-ui.css',
  'index.css',
  'theme/mintd.css',
  'swagger-ui-bundle.js',
  'swagger-ui-standalone-preset.js',
  'swagger-initializer.js',
  'favicon-32x32.png',
];

t.test('with it, the page and all its files come from here', async (t) => {
  t.ok(isLoaded());
  const page = await get('/docs');
  t.match(page, { statusCode: 200, headers: { 'content-type': /^text\/html/ } });
  const links = [...page.body.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, link]) => link ?? '');
  t.strictSame(new Set([...FILES, 'favicon-16x16.png'].map((name) => `/docs/static/${name}`)), new Set(links));
  for (const link of links) t.equal((await get(link)).statusCode, 200, link);
  t.notMatch(page.body, /<script>|<style|style="|on\w+="/, 'nothing inline');
  t.notMatch(page.body, /https?:\/\//, 'no other host');
});

t.test('it may ask nobody but its own server, and run nothing but its own files', async (t) => {
  for (const url of ['/docs', '/docs/', '/docs/json', ...FILES.map((name) => `/docs/static/${name}`)]) {
    const { statusCode, headers } = await get(url);
    t.equal(statusCode, 200, url);
    const policy = String(headers['content-security-policy']);
    t.match(policy, /^default-src 'none';/, url);
    t.notMatch(policy, /unsafe|https?:|\*/, url);
    t.equal(headers['x-content-type-options'], 'nosniff', url);
    t.equal(headers['access-control-allow-origin'], undefined, url);
  }
});

t.test('it describes the same as /openapi.json', async (t) => {
  t.strictSame((await get('/docs/json')).json(), (await get('/openapi.json')).json());
});

t.test('what holds for all addresses holds there', async (t) => {
  for (const url of ['/docs', '/docs/', '/docs/json', '/docs/static/index.css', '/docs/static/nothing.js']) {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'] as const) {
      const reply = await send(issuer, { method, url, headers: { origin: 'https://evil.example' }, payload: '{' });
      assertError(t, reply, 405, 'method_not_allowed', `${method} ${url}`);
      t.equal(reply.headers['allow'], 'GET, HEAD', `${method} ${url}`);
    }
    assertError(t, await send(issuer, { url: `${url}?password=x` }), 400, 'invalid_request', url);
  }
});

t.test('a file that is not there, or not for others, is 404 as anything else', async (t) => {
  const paths = ['nothing.js', '../index.js', '..%2findex.js', '%2e%2e/csp.json', '%2e%2e%2f%2e%2e%2fpackage.json'];
  for (const path of [...paths, '//index.css', '.env', 'a%00b', '..%5cindex.js', 'x'.repeat(4000)]) {
    assertError(t, await send(issuer, { url: `/docs/static/${path}` }), 404, 'not_found', path.slice(0, 40));
  }
  for (const url of ['/docs/nothing', '/docsx', '/docs//']) {
    assertError(t, await send(issuer, { url }), 404, 'not_found', url);
  }
  t.notMatch(issuer.log.join(''), /"event":"failure"/);
});

t.test('an issuer with a path has its page below it', async (t) => {
  const settings = { ...issuer.grants.settings, issuer: 'https://example.com/auth' };
  const { app } = await issuerWithClients(t, { overrides: { settings }, apiDocs });
  t.match((await app.inject({ url: '/docs' })).body, '"/auth/docs/static/swagger-ui-bundle.js"');
  t.match((await app.inject({ url: '/docs/' })).body, '"./static/swagger-ui-bundle.js"');
  const { servers, components } = (await app.inject({ url: '/openapi.json' })).json();
  t.strictSame(servers, [{ url: 'https://example.com/auth' }]);
  t.equal(components.securitySchemes.oauth2.flows.password.tokenUrl, 'https://example.com/auth/token');
});

t.test('where Swagger UI is not installed, the page says how to get it, and the description is there', async (t) => {
  const missing = { command: 'npm install <it>', globalCommand: 'npm install -g <it>' };
  const settings = { ...issuer.grants.settings, issuer: 'https://example.com/auth' };
  const made = { overrides: { settings }, apiDocs: { ...apiDocs, swaggerUi: { missing } } };
  const bare = await issuerWithClients(t, made);
  for (const url of ['/docs', '/docs/']) {
    const { statusCode, headers, body } = await bare.app.inject({ url });
    t.match({ statusCode, headers }, { statusCode: 200, headers: { 'content-type': /^text\/html/ } }, url);
    t.match(headers['content-security-policy'], /^default-src 'none'; style-src 'sha256-/, url);
    for (const command of Object.values(missing)) t.match(body, `<pre>${command.replace('<it>', '&lt;it&gt;')}</pre>`);
    t.match(body, '<a href="/auth/openapi.json">');
    assertError(t, await send(bare, { method: 'POST', url }), 405, 'method_not_allowed', url);
  }
  assertError(t, await send(bare, { url: '/docs/json' }), 404, 'not_found');
  const { statusCode, body } = await bare.app.inject({ url: '/openapi.json' });
  t.equal(statusCode, 200);
  t.strictSame(Object.keys(JSON.parse(body).paths), Object.keys((await get('/openapi.json')).json().paths));
});

t.test('the login form starts with the demo client and user where they may be, and nowhere else', async (t) => {
  const initializer = '/docs/static/swagger-initializer.js';
  t.match((await get(initializer)).body, 'ui.initOAuth({})');
  const { app } = await issuerWithClients(t, { apiDocs: { ...apiDocs, hasDemo: true } });
  t.match((await app.inject(initializer)).body, 'ui.initOAuth({"clientId":"demo","username":"demo"})');
  t.strictSame(
    (await app.inject('/docs/json')).json(),
    (await get('/docs/json')).json(),
    'the description is the same',
  );
});
