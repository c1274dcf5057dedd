import { createRequire } from 'node:module';
import t from 'tap';
import { assertError, issuerWithClients, send } from '../rfc/setup.js';

const isLoaded = () =>
  Object.keys(createRequire(import.meta.url).cache).some((path) =>
    /@fastify\/(swagger|swagger-ui|static)\//.test(path),
  );

const without = await issuerWithClients(t);
const wasLoaded = isLoaded();
const issuer = await issuerWithClients(t, { apiDocs: { version: '1.2.3' } });

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
  const { app } = await issuerWithClients(t, { overrides: { settings }, apiDocs: { version: '1.2.3' } });
  t.match((await app.inject({ url: '/docs' })).body, '"/auth/docs/static/swagger-ui-bundle.js"');
  t.match((await app.inject({ url: '/docs/' })).body, '"./static/swagger-ui-bundle.js"');
  const { servers, components } = (await app.inject({ url: '/openapi.json' })).json();
  t.strictSame(servers, [{ url: 'https://example.com/auth' }]);
  t.equal(components.securitySchemes.oauth2.flows.password.tokenUrl, 'https://example.com/auth/token');
});
