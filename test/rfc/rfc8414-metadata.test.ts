import t from 'tap';
import { aClient, basic, ISSUER, PASSWORD, testIssuer } from '../helper.js';
import { aSigner, askWith, clientKey } from './assertions.js';
import { aService, issuerWithClients, SECRET, send } from './setup.js';

const OAUTH = '/.well-known/oauth-authorization-server';
/** Those of clients; §2 wants RS256 among them, and `none` never. */
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];
const OPENID = '/.well-known/openid-configuration';

const issuer = await issuerWithClients(t);

t.test('§3: both addresses give the same JSON', async (t) => {
  const [oauth, openid] = [await send(issuer, { url: OAUTH }), await send(issuer, { url: OPENID })];
  t.equal(oauth.status, 200);
  t.match(oauth.headers['content-type'], /^application\/json(;|$)/);
  t.equal(oauth.text, openid.text);
  t.equal(oauth.headers['access-control-allow-origin'], '*');
  t.equal(oauth.headers['cache-control'], 'public, max-age=300');
});

t.test('§2: issuer, endpoints and what is switched on, and nothing else', async (t) => {
  t.strictSame((await send(issuer, { url: OAUTH })).body, {
    issuer: ISSUER,
    token_endpoint: `${ISSUER}/token`,
    jwks_uri: `${ISSUER}/.well-known/jwks.json`,
    grant_types_supported: ['password', 'refresh_token', 'client_credentials'],
    response_types_supported: [],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
    token_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
    revocation_endpoint: `${ISSUER}/revoke`,
    revocation_endpoint_auth_methods_supported: [
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
      'none',
    ],
    revocation_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
    introspection_endpoint: `${ISSUER}/introspect`,
    introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    introspection_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
    userinfo_endpoint: `${ISSUER}/userinfo`,
  });
});

t.test('§3.3: issuer is byte for byte the configured one, and what iss says', async (t) => {
  for (const configured of ['https://login.example', 'https://login.example/', 'https://example.com/auth']) {
    const { grants } = await testIssuer(t);
    const settings = { ...grants.settings, issuer: configured };
    const issuer = await issuerWithClients(t, { overrides: { settings } });
    const { body } = await send(issuer, { url: OAUTH });
    t.equal(body['issuer'], configured);
    t.match(body['token_endpoint'], /[^/]\/token$/, `${configured}: no double slash`);
  }
});

t.test('nothing in a request changes the document', async (t) => {
  const plain = await send(issuer, { url: OAUTH });
  const headers = {
    host: 'evil.example',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
    'x-forwarded-for': '1.2.3.4',
    'x-original-url': '/evil',
    forwarded: 'host=evil.example;proto=https',
    'x-http-method-override': 'DELETE',
  };
  const hostile = await send(issuer, { url: `${OAUTH}?issuer=https://evil.example`, headers });
  t.equal(hostile.text, plain.text);
});

t.test('§2: every grant type that is stated works', async (t) => {
  const { body } = await send(issuer, { url: OAUTH });
  const grants = new Set(body['grant_types_supported'] as string[]);
  const authorization = basic('service', SECRET);
  const login = { grant_type: 'password', username: 'ada', password: PASSWORD };
  const loggedIn = await issuer.post('/token', login, { authorization });
  const refreshed = { grant_type: 'refresh_token', refresh_token: String(loggedIn.body['refresh_token']) };
  for (const form of [login, refreshed, { grant_type: 'client_credentials' }]) {
    t.ok(grants.delete(form.grant_type), `${form.grant_type} is stated`);
    t.equal((await issuer.post('/token', form, { authorization })).status, 200, form.grant_type);
  }
  t.equal(grants.size, 0, 'there is no other');
});

t.test('§2: every authentication method that is stated works', async (t) => {
  const key = clientKey();
  const issuer = await issuerWithClients(t, { clients: [aClient(), aService(), aSigner([key])] });
  const { body } = await send(issuer, { url: OAUTH });
  const methods = new Set(body['token_endpoint_auth_methods_supported'] as string[]);
  const form = { grant_type: 'client_credentials' };
  const login = { grant_type: 'password', username: 'ada', password: PASSWORD };
  const replies = {
    client_secret_basic: await issuer.post('/token', form, { authorization: basic('service', SECRET) }),
    client_secret_post: await issuer.post('/token', { ...form, client_id: 'service', client_secret: SECRET }),
    private_key_jwt: await askWith(issuer, key),
    none: await issuer.post('/token', { ...login, client_id: 'app' }),
  };
  for (const [method, { status }] of Object.entries(replies)) {
    t.ok(methods.delete(method), `${method} is stated`);
    t.equal(status, 200, method);
  }
  t.equal(methods.size, 0, 'there is no other');
});

t.test('§3.1: both are there for GET and HEAD only', async (t) => {
  for (const url of [OAUTH, OPENID]) {
    t.equal((await send(issuer, { method: 'HEAD', url })).status, 200);
    const reply = await send(issuer, { method: 'POST', url });
    t.equal(reply.status, 405);
    t.equal(reply.headers['allow'], 'GET, HEAD');
  }
});
