import t from 'tap';
import { aClient, claimsOf, ISSUER, PASSWORD } from '../helper.js';
import { aService, assertError, assertTokens, issuerWithClients, SECRET, SERVICE, sendBody } from './setup.js';

const API = 'https://api.example';
const FILES = 'https://files.example/v1';
type Pairs = readonly [string, string][];
const CLIENT_TOKEN: Pairs = [['grant_type', 'client_credentials']];
const LOGIN: Pairs = [
  ['grant_type', 'password'],
  ['username', 'ada'],
  ['password', PASSWORD],
];

const issuer = await issuerWithClients(t);

t.test('§2: the token is for the resources that were asked for', async (t) => {
  const cases: [asked: Pairs, aud: unknown][] = [
    [[], API],
    [[['resource', API]], API],
    [[['resource', FILES]], FILES],
    [[['resource', 'urn:example:queue']], 'urn:example:queue'],
    [
      [
        ['resource', API],
        ['resource', FILES],
      ],
      [API, FILES],
    ],
    [
      [
        ['resource', API],
        ['resource', API],
      ],
      API,
    ],
    [[['audience', 'plain-name']], 'plain-name'],
    [
      [
        ['audience', FILES],
        ['resource', API],
        ['audience', 'plain-name'],
      ],
      [API, FILES, 'plain-name'],
    ],
    [
      [
        ['resource', ''],
        ['resource', FILES],
      ],
      FILES,
    ],
  ];
  for (const [asked, aud] of cases) {
    const reply = await issuer.post('/token', [...CLIENT_TOKEN, ...asked], SERVICE);
    assertTokens(t, reply, JSON.stringify(asked));
    t.strictSame(claimsOf(reply.body['access_token'])['aud'], aud, JSON.stringify(asked));
  }
});

t.test('§2: a resource that is no absolute URI, has a fragment or is not allowed is invalid_target', async (t) => {
  const refused = [
    'https://other.example',
    'https://api.example/',
    'https://api.example#fragment',
    'https://api.example#',
    'HTTPS://API.EXAMPLE',
    '/relative',
    'api.example',
    '//api.example',
    'https:',
    ':',
    'plain-name',
    'https://api.example https://files.example/v1',
    'https://api.example\n',
    'constructor',
    '*',
  ];
  for (const resource of refused) {
    const reply = await issuer.post('/token', [...CLIENT_TOKEN, ['resource', resource]], SERVICE);
    assertError(t, reply, 400, 'invalid_target', JSON.stringify(resource));
  }
});

t.test('§2: one resource that is not allowed refuses the whole request', async (t) => {
  const mixed: Pairs = [...CLIENT_TOKEN, ['resource', API], ['resource', 'https://other.example']];
  assertError(t, await issuer.post('/token', mixed, SERVICE), 400, 'invalid_target');
  const audience: Pairs = [...CLIENT_TOKEN, ['resource', API], ['audience', 'other']];
  assertError(t, await issuer.post('/token', audience, SERVICE), 400, 'invalid_target');
});

t.test('§2: a client without audiences of its own has that of the server, and no other', async (t) => {
  const issuer = await issuerWithClients(t, {
    clients: [aClient(), aService({ audiences: [], defaultAudiences: [] })],
  });
  const byDefault = await issuer.post('/token', CLIENT_TOKEN, SERVICE);
  t.equal(claimsOf(byDefault.body['access_token'])['aud'], ISSUER);
  assertTokens(t, await issuer.post('/token', [...CLIENT_TOKEN, ['resource', ISSUER]], SERVICE));
  assertError(t, await issuer.post('/token', [...CLIENT_TOKEN, ['resource', API]], SERVICE), 400, 'invalid_target');
});

t.test('§2.2: a refresh may choose among the resources of the login, for that access token alone', async (t) => {
  const login = await issuer.post('/token', [...LOGIN, ['resource', API], ['resource', FILES]], SERVICE);
  assertTokens(t, login);
  const refresh = (token: unknown, more: Pairs = []) => {
    const form: Pairs = [['grant_type', 'refresh_token'], ['refresh_token', String(token)], ...more];
    return issuer.post('/token', form, SERVICE);
  };
  const narrowed = await refresh(login.body['refresh_token'], [['resource', FILES]]);
  t.equal(claimsOf(narrowed.body['access_token'])['aud'], FILES);
  const whole = await refresh(narrowed.body['refresh_token']);
  t.strictSame(claimsOf(whole.body['access_token'])['aud'], [API, FILES]);
  for (const other of ['urn:example:queue', 'https://other.example', 'plain']) {
    const reply = await refresh(whole.body['refresh_token'], [['resource', other]]);
    assertError(t, reply, 400, 'invalid_target', `${other} was not part of the login`);
  }
  assertTokens(t, await refresh(whole.body['refresh_token']), 'nothing was consumed');
});

t.test('§2: resource and audience may be arrays in JSON', async (t) => {
  const authorized = { client_id: 'service', client_secret: SECRET };
  const body = { grant_type: 'client_credentials', ...authorized, resource: [API, FILES], audience: 'plain-name' };
  const reply = await sendBody(issuer, 'application/json', JSON.stringify(body));
  assertTokens(t, reply);
  t.strictSame(claimsOf(reply.body['access_token'])['aud'], [API, FILES, 'plain-name']);
});
