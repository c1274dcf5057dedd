// Two client libraries by others show who they are, in every way there is, over a server that listens.
import { importPKCS8 } from 'jose';
import * as oauth from 'oauth4webapi';
import * as client from 'openid-client';
import t from 'tap';
import { aClient, claimsOf, ISSUER, PASSWORD } from '../helper.js';
import { aSigner, clientKey } from './assertions.js';
import { aService, issuerWithClients, listening, SECRET } from './setup.js';

const KEYS = [
  clientKey('RS256', 'rsa'),
  clientKey('PS256', 'pss'),
  clientKey('ES256', 'ec'),
  clientKey('Ed25519', 'ed'),
];
const issuer = await issuerWithClients(t, { clients: [aClient(), aService(), aSigner(KEYS)] });
issuer.clock.now = Date.now();
const origin = await listening(issuer);

/** ISSUER names a host where nothing listens; requests to it go to the test's server. */
const overTheWire = (url: string, options: object) => fetch(url.replace(ISSUER, origin), options);

/** What each key is to Web Crypto, which the libraries sign with. */
const signers = await Promise.all(
  KEYS.map(async ({ privateKey, algorithm, kid }) => ({
    key: await importPKCS8(String(privateKey.export({ type: 'pkcs8', format: 'pem' })), algorithm),
    kid,
  })),
);
/** What a refusal becomes on the other side. */
const refusedAs = (error: string, status: number) => ({ code: oauth.RESPONSE_BODY_ERROR, error, status });
const login = { username: 'ada', password: PASSWORD };

t.test('openid-client', async (t) => {
  const as = (id: string, authentication: client.ClientAuth) =>
    client.discovery(new URL(ISSUER), id, undefined, authentication, {
      algorithm: 'oauth2',
      execute: [client.allowInsecureRequests],
      [client.customFetch]: overTheWire as client.CustomFetch,
    });
  const methods = {
    client_secret_basic: await as('service', client.ClientSecretBasic(SECRET)),
    client_secret_post: await as('service', client.ClientSecretPost(SECRET)),
    ...Object.fromEntries(
      await Promise.all(
        signers.map(async (signer) => [
          `private_key_jwt ${signer.kid}`,
          await as('signer', client.PrivateKeyJwt(signer)),
        ]),
      ),
    ),
  } as Record<string, client.Configuration>;
  for (const [method, config] of Object.entries(methods)) {
    const { access_token: own } = await client.clientCredentialsGrant(config, { scope: 'read' });
    t.match(claimsOf(own), { scope: 'read', sub: config.clientMetadata().client_id }, `${method}: /token`);
    t.match(await client.tokenIntrospection(config, own), { active: true }, `${method}: /introspect`);
    const { refresh_token: token = '' } = await client.genericGrantRequest(config, 'password', login);
    await client.tokenRevocation(config, token);
    await t.rejects(client.refreshTokenGrant(config, token), refusedAs('invalid_grant', 400), `${method}: /revoke`);
  }
  const app = await as('app', client.None());
  const { refresh_token: token = '' } = await client.genericGrantRequest(app, 'password', login);
  t.match(claimsOf((await client.refreshTokenGrant(app, token)).access_token), { client_id: 'app' }, 'none');
  const wrong = await as('signer', client.PrivateKeyJwt({ key: signers[0]?.key ?? fail(), kid: 'ec' }));
  await t.rejects(client.clientCredentialsGrant(wrong), refusedAs('invalid_client', 401), 'a key under a wrong name');
});

t.test('oauth4webapi', async (t) => {
  const options = {
    [oauth.allowInsecureRequests]: true as const,
    [oauth.customFetch]: overTheWire,
  };
  const discovered = await oauth.discoveryRequest(new URL(ISSUER), { algorithm: 'oauth2', ...options });
  const server = await oauth.processDiscoveryResponse(new URL(ISSUER), discovered);
  t.match(server.token_endpoint_auth_methods_supported, [
    'client_secret_basic',
    'client_secret_post',
    'private_key_jwt',
    'none',
  ]);
  const methods: readonly (readonly [method: string, id: string, authentication: oauth.ClientAuth])[] = [
    ['client_secret_basic', 'service', oauth.ClientSecretBasic(SECRET)],
    ['client_secret_post', 'service', oauth.ClientSecretPost(SECRET)],
    ...signers.map((signer) => [`private_key_jwt ${signer.kid}`, 'signer', oauth.PrivateKeyJwt(signer)] as const),
    ['none', 'app', oauth.None()],
  ];
  for (const [method, id, authentication] of methods) {
    const own = { client_id: id };
    const request = oauth.genericTokenEndpointRequest(server, own, authentication, 'password', login, options);
    const { refresh_token: token = '' } = await oauth.processGenericTokenEndpointResponse(server, own, await request);
    const refreshed = await oauth.refreshTokenGrantRequest(server, own, authentication, token, options);
    const answer = await oauth.processRefreshTokenResponse(server, own, refreshed);
    t.match(claimsOf(answer.access_token), { client_id: id }, method);
  }
});

function fail(): never {
  throw new Error('there is no key');
}
