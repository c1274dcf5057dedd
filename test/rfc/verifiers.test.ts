import { createVerifier, type DecodedJwt } from 'fast-jwt';
import buildGetJwks from 'get-jwks';
import * as oauth from 'oauth4webapi';
import t from 'tap';
import { ISSUER, PASSWORD } from '../helper.js';
import { issuerWithClients, listening, logIn, SECRET } from './setup.js';

// What others wrote, over real sockets: what they accept is not only what we think is right.
const issuer = await issuerWithClients(t);
issuer.clock.now = Date.now();
const origin = await listening(issuer);

/** ISSUER names a host where nothing listens; requests to it go to the test's server. */
const overTheWire = {
  [oauth.allowInsecureRequests]: true as const,
  [oauth.customFetch]: (url: string, options: { method: string; headers: Record<string, string>; body?: unknown }) => {
    const { method, headers, body } = options;
    return fetch(url.replace(ISSUER, origin), { method, headers, body: body === undefined ? null : String(body) });
  },
};

async function discover(algorithm: 'oauth2' | 'oidc'): Promise<oauth.AuthorizationServer> {
  const response = await oauth.discoveryRequest(new URL(ISSUER), { algorithm, ...overTheWire });
  return oauth.processDiscoveryResponse(new URL(ISSUER), response);
}

const server = await discover('oauth2');
const service: oauth.Client = { client_id: 'service' };
const app: oauth.Client = { client_id: 'app' };
const login = { username: 'ada', password: PASSWORD };

function requestWith(token: string): Request {
  return new Request('https://api.example/', { headers: { authorization: `Bearer ${token}` } });
}

t.test('oauth4webapi: RFC 8414 and OpenID discovery find the same server', async (t) => {
  t.strictSame(await discover('oidc'), server);
});

t.test('oauth4webapi: the password grant of a public client, and RFC 9068 validation of its token', async (t) => {
  const response = await oauth.genericTokenEndpointRequest(server, app, oauth.None(), 'password', login, overTheWire);
  const answer = await oauth.processGenericTokenEndpointResponse(server, app, response);
  t.equal(answer.token_type, 'bearer');
  const claims = await oauth.validateJwtAccessToken(server, requestWith(answer.access_token), ISSUER, overTheWire);
  t.match(claims, { iss: ISSUER, aud: ISSUER, client_id: 'app', scope: 'read', username: 'ada', roles: ['admin'] });
});

t.test('oauth4webapi: the refresh grant rotates', async (t) => {
  let token = String((await logIn(issuer))['refresh_token']);
  for (let i = 0; i < 3; i++) {
    const response = await oauth.refreshTokenGrantRequest(server, app, oauth.None(), token, overTheWire);
    const answer = await oauth.processRefreshTokenResponse(server, app, response);
    t.not(answer.refresh_token, token);
    await oauth.validateJwtAccessToken(server, requestWith(answer.access_token), ISSUER, overTheWire);
    token = answer.refresh_token ?? '';
  }
});

t.test('oauth4webapi: client credentials, with both ways of sending the secret', async (t) => {
  for (const authentication of [oauth.ClientSecretBasic(SECRET), oauth.ClientSecretPost(SECRET)]) {
    const target = new URLSearchParams([
      ['scope', 'read write'],
      ['resource', 'https://api.example'],
      ['resource', 'https://files.example/v1'],
    ]);
    const response = await oauth.clientCredentialsGrantRequest(server, service, authentication, target, overTheWire);
    const answer = await oauth.processClientCredentialsResponse(server, service, response);
    t.equal(answer.scope, 'read write');
    const request = requestWith(answer.access_token);
    const claims = await oauth.validateJwtAccessToken(server, request, 'https://files.example/v1', overTheWire);
    t.equal(claims.sub, 'service');
  }
});

t.test('oauth4webapi: errors are understood as RFC 6749 §5.2 and RFC 7617 challenges', async (t) => {
  const wrong = { ...login, password: 'wrong' };
  const refused = await oauth.genericTokenEndpointRequest(server, app, oauth.None(), 'password', wrong, overTheWire);
  const expected = { code: oauth.RESPONSE_BODY_ERROR, error: 'invalid_grant', status: 400 };
  await t.rejects(oauth.processGenericTokenEndpointResponse(server, app, refused), expected);
  const secret = oauth.ClientSecretBasic('wrong');
  const response = await oauth.clientCredentialsGrantRequest(server, service, secret, {}, overTheWire);
  const challenge = { code: oauth.WWW_AUTHENTICATE_CHALLENGE, status: 401, cause: [{ scheme: 'basic' }] };
  await t.rejects(oauth.processClientCredentialsResponse(server, service, response), challenge);
});

t.test('oauth4webapi: a token for another audience, changed or run out is refused', async (t) => {
  const token = String((await logIn(issuer))['access_token']);
  const validate = (text: string, audience: string) =>
    oauth.validateJwtAccessToken(server, requestWith(text), audience, overTheWire);
  await t.rejects(validate(token, 'https://other.example'), { code: oauth.JWT_CLAIM_COMPARISON });
  const [header, payload, signature = ''] = token.split('.');
  const flipped = `${signature[0] === 'A' ? 'B' : 'A'}${signature.slice(1)}`;
  await t.rejects(validate(`${header}.${payload}.${flipped}`, ISSUER));
  issuer.clock.now -= 3_600_000;
  const old = String((await logIn(issuer))['access_token']);
  issuer.clock.now = Date.now();
  await t.rejects(validate(old, ISSUER), { code: oauth.JWT_TIMESTAMP_CHECK });
});

t.test('fast-jwt with get-jwks verifies with the published keys alone', async (t) => {
  const getJwks = buildGetJwks({ issuersWhitelist: [`${origin}/`] });
  const verify = createVerifier({
    key: ({ header }: DecodedJwt) => getJwks.getPublicKey({ domain: origin, kid: header['kid'], alg: header['alg'] }),
    algorithms: ['RS256'],
    allowedIss: ISSUER,
    allowedAud: ISSUER,
    checkTyp: 'at+jwt',
    requiredClaims: ['exp', 'iat', 'jti', 'sub', 'client_id'],
  });
  const token = String((await logIn(issuer))['access_token']);
  t.match(await verify(token), { username: 'ada', client_id: 'app', iss: ISSUER });
  const [header, , signature] = token.split('.');
  const forged = Buffer.from(JSON.stringify({ iss: ISSUER, aud: ISSUER, sub: 'root' })).toString('base64url');
  await t.rejects(verify(`${header}.${forged}.${signature}`));
});
