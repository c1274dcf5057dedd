import t from 'tap';
import { GRANT_TYPES } from '../../src/oauth/client.js';
import { CLIENT_AUTHENTICATION_METHODS } from '../../src/oauth/client-authentication.js';
import { metadata, PATHS } from '../../src/oauth/metadata.js';

t.test('the issuer stands exactly as configured (RFC 8414 §3.3: identical to what iss says)', async (t) => {
  for (const issuer of ['https://issuer.example', 'https://issuer.example/', 'http://localhost:4000']) {
    t.equal(metadata(issuer)['issuer'], issuer);
  }
});

t.test('endpoints are absolute URLs below the issuer (RFC 8414 §2)', async (t) => {
  for (const issuer of ['https://issuer.example', 'https://issuer.example/']) {
    const said = metadata(issuer);
    t.equal(said['token_endpoint'], 'https://issuer.example/token');
    t.equal(said['jwks_uri'], 'https://issuer.example/.well-known/jwks.json');
  }
  t.equal(metadata('https://issuer.example/base')['token_endpoint'], 'https://issuer.example/base/token');
});

t.test(
  'the required members are there (RFC 8414 §2), and there is no authorization endpoint to speak of',
  async (t) => {
    const said = metadata('https://issuer.example');
    t.strictSame(said['response_types_supported'], []);
    t.notOk('authorization_endpoint' in said);
  },
);

t.test('grants and client authentication methods are those mintd has', async (t) => {
  const said = metadata('https://issuer.example');
  t.strictSame(said['grant_types_supported'], GRANT_TYPES);
  t.strictSame(said['token_endpoint_auth_methods_supported'], CLIENT_AUTHENTICATION_METHODS);
});

t.test('no member is null or undefined: what is not there is left out (RFC 8414 §3.2)', async (t) => {
  const said = metadata('https://issuer.example');
  for (const [name, value] of Object.entries(said)) t.ok(value !== null && value !== undefined, name);
  t.strictSame(JSON.parse(JSON.stringify(said)), said);
});

t.test('the well-known paths are those of the standards', async (t) => {
  t.equal(PATHS.authorizationServerMetadata, '/.well-known/oauth-authorization-server', 'RFC 8414 §3');
  t.equal(PATHS.openidConfiguration, '/.well-known/openid-configuration', 'OpenID Connect Discovery §4');
  t.equal(new Set(Object.values(PATHS)).size, Object.values(PATHS).length, 'no two endpoints share a path');
});
