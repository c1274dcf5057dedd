import * as oauth from 'oauth4webapi';
import t from 'tap';
import { aClient, claimsOf, ISSUER } from '../helper.js';
import { sidOf } from '../http/support.js';
import { aService, issuerWithClients, listening, logIn, SECRET } from './setup.js';

// A strict client by others drives a whole login over real sockets: refresh, userinfo, introspect, revoke.
const api = aService({ id: 'api', grants: ['client_credentials'], audiences: [], defaultAudiences: [] });
const apps = aClient({ audiences: ['api'], defaultAudiences: ['api'] });
const issuer = await issuerWithClients(t, { clients: [apps, aService(), api] });
issuer.clock.now = Date.now();
const origin = await listening(issuer);

/** ISSUER names a host where nothing listens; requests to it go to the test's server. */
const overTheWire = {
  [oauth.allowInsecureRequests]: true as const,
  [oauth.customFetch]: (url: string, options: { method: string; headers: Record<string, string>; body?: unknown }) => {
    const { method, headers, body } = options;
    return fetch(url.replace(ISSUER, origin), { method, headers, body: body instanceof URLSearchParams ? body : null });
  },
};

const discovered = await oauth.discoveryRequest(new URL(ISSUER), { algorithm: 'oauth2', ...overTheWire });
const server = await oauth.processDiscoveryResponse(new URL(ISSUER), discovered);
const app: oauth.Client = { client_id: 'app' };
const service: oauth.Client = { client_id: 'service' };
const AS_SERVICE = { client_id: 'service', client_secret: SECRET };
const basic = oauth.ClientSecretBasic(SECRET);

const refreshOf = async (token: unknown) => {
  const request = oauth.refreshTokenGrantRequest(server, app, oauth.None(), String(token), overTheWire);
  return oauth.processRefreshTokenResponse(server, app, await request);
};

const introspectionOf = async (token: unknown, client = service, authentication = basic) => {
  const response = await oauth.introspectionRequest(server, client, authentication, String(token), overTheWire);
  return oauth.processIntrospectionResponse(server, client, response);
};

const userinfoOf = async (token: unknown, subject: string) => {
  const response = await oauth.userInfoRequest(server, app, String(token), overTheWire);
  return oauth.processUserInfoResponse(server, app, subject, response);
};

/** What a refusal becomes on the other side. */
const refusedAs = (error: string, status = 400) => ({ code: oauth.RESPONSE_BODY_ERROR, error, status });
const challenge = { code: oauth.WWW_AUTHENTICATE_CHALLENGE, status: 401, cause: [{ scheme: 'bearer' }] };

t.test('a login is refreshed, asked who it is, and revoked by its refresh token', async (t) => {
  const login = await logIn(issuer);
  const sub = String(claimsOf(login['access_token'])['sub']);
  let { refresh_token: token, access_token: access } = login;
  for (let i = 0; i < 3; i++) {
    const answer = await refreshOf(token);
    t.equal(answer.token_type, 'bearer');
    t.equal(answer.expires_in, 600);
    t.not(answer.refresh_token, token, 'it rotates');
    t.match(await userinfoOf(answer.access_token, sub), { sub, preferred_username: 'ada', email: 'ada@example.com' });
    ({ refresh_token: token, access_token: access } = answer);
  }
  const response = await oauth.revocationRequest(server, app, oauth.None(), String(token), overTheWire);
  t.equal(await oauth.processRevocationResponse(response), undefined, 'revoked');
  await t.rejects(refreshOf(token), refusedAs('invalid_grant'), 'the newest');
  await t.rejects(refreshOf(login['refresh_token']), refusedAs('invalid_grant'), 'and the first');
  await t.rejects(userinfoOf(access, sub), challenge, 'the access token says nothing any more');
});

t.test('a login is revoked by its access token, with a hint', async (t) => {
  const login = await logIn(issuer);
  const additionalParameters = { token_type_hint: 'access_token' };
  const options = { ...overTheWire, additionalParameters };
  const token = String(login['access_token']);
  const response = await oauth.revocationRequest(server, app, oauth.None(), token, options);
  t.equal(await oauth.processRevocationResponse(response), undefined);
  await t.rejects(refreshOf(login['refresh_token']), refusedAs('invalid_grant'));
});

t.test('a token of another client is not revoked, and one of no login cannot be', async (t) => {
  const login = await logIn(issuer);
  const ask = async (token: unknown) =>
    oauth.processRevocationResponse(await oauth.revocationRequest(server, service, basic, String(token), overTheWire));
  await t.rejects(ask(login['refresh_token']), refusedAs('invalid_grant'));
  t.ok((await refreshOf(login['refresh_token'])).access_token, 'it lives');
  const granted = await oauth.clientCredentialsGrantRequest(server, service, basic, {}, overTheWire);
  const { access_token: own } = await oauth.processClientCredentialsResponse(server, service, granted);
  await t.rejects(ask(own), refusedAs('unsupported_token_type'));
  t.equal(await ask('nonsense'), undefined, 'what never was is revoked');
});

t.test('a client introspects its own tokens, with both ways of sending the secret', async (t) => {
  const login = await logIn(issuer, AS_SERVICE);
  const expected = { active: true, client_id: 'service', sid: sidOf(login), username: 'ada', iss: ISSUER };
  for (const authentication of [basic, oauth.ClientSecretPost(SECRET)]) {
    for (const name of ['access_token', 'refresh_token']) {
      t.match(await introspectionOf(login[name], service, authentication), expected, name);
    }
  }
  const response = await oauth.revocationRequest(server, service, basic, String(login['refresh_token']), overTheWire);
  await oauth.processRevocationResponse(response);
  for (const name of ['access_token', 'refresh_token']) {
    t.strictSame({ ...(await introspectionOf(login[name])) }, { active: false }, `${name}, revoked`);
  }
});

t.test('a resource server introspects what is meant for it, and nothing else', async (t) => {
  const login = await logIn(issuer);
  const asApi = (token: unknown) => introspectionOf(token, { client_id: 'api' });
  t.match(await asApi(login['access_token']), { active: true, aud: 'api', client_id: 'app', scope: 'read' });
  t.strictSame({ ...(await asApi(login['refresh_token'])) }, { active: false });
  t.strictSame({ ...(await introspectionOf(login['access_token'])) }, { active: false }, 'not of others');
});

t.test('the challenge of RFC 6750 is understood', async (t) => {
  const cause = (error: string) => ({
    ...challenge,
    cause: [{ scheme: 'bearer', parameters: { realm: 'mintd', error } }],
  });
  await t.rejects(userinfoOf('nonsense', 'x'), cause('invalid_token'));
  const granted = await oauth.clientCredentialsGrantRequest(server, service, basic, {}, overTheWire);
  const { access_token: own } = await oauth.processClientCredentialsResponse(server, service, granted);
  await t.rejects(userinfoOf(own, 'service'), { ...cause('insufficient_scope'), status: 403 });
});
