import t from 'tap';
import {
  CLIENT_KINDS,
  type Client,
  clientFaults,
  DELIVERIES,
  GRANT_TYPES,
  isClientId,
  lifetimesOf,
  newClient,
} from '../../src/oauth/client.js';
import { aClient } from '../helper.js';

const SETTINGS = {
  issuer: 'https://issuer.example',
  defaultAudience: 'https://issuer.example',
  accessTokenTtlSeconds: 600,
  accessTokenMaxTtlSeconds: 3600,
  refreshIdleTtlSeconds: 14 * 86_400,
  refreshAbsoluteTtlSeconds: 90 * 86_400,
  clientTokensPerMinute: null,
  clockSkewSeconds: 60,
};

t.test('there are two kinds of client (RFC 6749 §2.1) and three grants', async (t) => {
  t.strictSame(CLIENT_KINDS, ['public', 'confidential']);
  t.strictSame(GRANT_TYPES, ['password', 'refresh_token', 'client_credentials']);
});

t.test('a new client may do nothing and has nothing of its own', async (t) => {
  const client = newClient('app', 'confidential', 7);
  t.match(client, { id: 'app', kind: 'confidential', createdAt: 7, disabledAt: null, secretHash: null });
  t.match(client, { delivery: 'body', loginEpoch: 0, retryWindowSeconds: null });
  const { grants, scopes, defaultScope, audiences, defaultAudiences, origins } = client;
  t.strictSame([grants, scopes, defaultScope, audiences, defaultAudiences, origins], [[], [], [], [], [], []]);
  t.match(clientFaults(client)[0], /at least one grant/, 'so it is not complete');
});

t.test('a client without lifetimes of its own has those of the server', async (t) => {
  t.strictSame(lifetimesOf(aClient(), SETTINGS), {
    accessTokenTtlSeconds: 600,
    refreshIdleTtlSeconds: 14 * 86_400,
    refreshAbsoluteTtlSeconds: 90 * 86_400,
    retryWindowSeconds: 10,
  });
  t.equal(lifetimesOf(aClient({ kind: 'confidential' }), SETTINGS).retryWindowSeconds, 60);
});

t.test('a client with lifetimes of its own has those', async (t) => {
  const own = {
    accessTokenTtlSeconds: 60,
    refreshIdleTtlSeconds: 1,
    refreshAbsoluteTtlSeconds: 2,
    retryWindowSeconds: 5,
  };
  t.strictSame(lifetimesOf(aClient(own), SETTINGS), own);
  for (const kind of CLIENT_KINDS) {
    t.equal(lifetimesOf(aClient({ kind, retryWindowSeconds: 0 }), SETTINGS).retryWindowSeconds, 0, '0 is strict');
  }
});

t.test('no access token lives longer than the keys are kept for, whatever the client says', async (t) => {
  t.equal(lifetimesOf(aClient({ accessTokenTtlSeconds: 3600 }), SETTINGS).accessTokenTtlSeconds, 3600);
  t.equal(lifetimesOf(aClient({ accessTokenTtlSeconds: 3601 }), SETTINGS).accessTokenTtlSeconds, 3600);
  const short = { ...SETTINGS, accessTokenMaxTtlSeconds: 300 };
  t.equal(lifetimesOf(aClient(), short).accessTokenTtlSeconds, 300, 'nor does the default of the server');
});

const POSSIBLE: readonly [sentence: string, overrides: Partial<Client>][] = [
  ['a public client for people', {}],
  ['a confidential client for itself', { kind: 'confidential', grants: ['client_credentials'] }],
  ['a login without refresh', { grants: ['password'] }],
  ['all grants', { kind: 'confidential', grants: [...GRANT_TYPES] }],
  ['an id of one character', { id: 'a' }],
  ['an id of 64 characters', { id: 'a'.repeat(64) }],
  ['an id of every kind of character', { id: 'A-z.0_9' }],
  ['an id that is almost a UUID', { id: '919108f7-52d1-4320-9bac-f847db4148a' }],
  ['no scopes', { scopes: [], defaultScope: [] }],
  ['its own audiences', { audiences: ['https://a.example', 'b'], defaultAudiences: ['b'] }],
  ['lifetimes of a second', { accessTokenTtlSeconds: 1, refreshIdleTtlSeconds: 1, refreshAbsoluteTtlSeconds: 1 }],
  ['a strict window', { retryWindowSeconds: 0 }],
  ['a window of an hour', { retryWindowSeconds: 3600 }],
  ['one token a minute', { tokensPerMinute: 1 }],
  ['a secret', { kind: 'confidential', secretHash: new Uint8Array(32) }],
  ['keys', { kind: 'confidential', jwks: { keys: [] } }],
];

t.test('a client can be like this', async (t) => {
  for (const [sentence, overrides] of POSSIBLE) t.strictSame(clientFaults(aClient(overrides)), [], sentence);
});

const IMPOSSIBLE: readonly [sentence: string, overrides: Partial<Client>, fault: RegExp][] = [
  ['an empty id', { id: '' }, /client id must be 1 to 64/],
  ['an id of 65 characters', { id: 'a'.repeat(65) }, /client id must be 1 to 64/],
  ['an id with a colon, which would split Basic credentials', { id: 'a:b' }, /client id must be 1 to 64/],
  ['an id with a space', { id: 'a b' }, /client id must be 1 to 64/],
  ['an id with a line feed behind', { id: 'a\n' }, /client id must be 1 to 64/],
  ['an id outside ASCII', { id: 'café' }, /client id must be 1 to 64/],
  ['an id that a path leaves out (RFC 3986 §5.2.4)', { id: '..' }, /must not be/],
  ['an id like a user id (RFC 9068 §5)', { id: '919108f7-52d1-4320-9bac-f847db4148a8' }, /UUID/],
  ['the same in capitals', { id: '919108F7-52D1-4320-9BAC-F847DB4148A8' }, /UUID/],
  ['a UUID of another version', { id: '00000000-0000-0000-0000-000000000000' }, /UUID/],
  ['no grant', { grants: [] }, /at least one grant: password, refresh_token, client_credentials/],
  ['a public client by itself', { grants: ['client_credentials'] }, /RFC 6749 §4.4/],
  ['refresh without a login', { grants: ['refresh_token'] }, /add password/],
  ['refresh beside client_credentials only', { grants: ['refresh_token', 'client_credentials'] }, /add password/],
  ['two scopes in one', { scopes: ['read write'], defaultScope: [] }, /a scope is visible ASCII/],
  ['an empty scope', { scopes: [''], defaultScope: [] }, /a scope is visible ASCII/],
  ['a scope with a quotation mark', { scopes: ['"'], defaultScope: [] }, /a scope is visible ASCII/],
  ['a default scope beyond the scopes', { scopes: ['a'], defaultScope: ['a', 'b'] }, /within the scopes/],
  ['an audience with a space', { audiences: ['a b'] }, /an audience is visible ASCII/],
  ['an empty audience', { audiences: [''] }, /an audience is visible ASCII/],
  ['an audience outside ASCII', { audiences: ['é'] }, /an audience is visible ASCII/],
  ['default audiences without audiences', { defaultAudiences: ['a'] }, /within the audiences/],
  ['default audiences beyond the audiences', { audiences: ['a'], defaultAudiences: ['b'] }, /within the audiences/],
  [
    'access tokens that are never valid',
    { accessTokenTtlSeconds: 0 },
    /access token lifetime must be from 1s to 3650d/,
  ],
  ['an idle lifetime of nothing', { refreshIdleTtlSeconds: 0 }, /idle lifetime must be from 1s/],
  ['a negative absolute lifetime', { refreshAbsoluteTtlSeconds: -1 }, /absolute lifetime must be from 1s/],
  ['no tokens at all', { tokensPerMinute: 0 }, /token rate must be a whole number from 1 to 1000000/],
  ['a rate beyond counting', { tokensPerMinute: 1_000_001 }, /token rate must be/],
  ['half a token', { tokensPerMinute: 0.5 }, /token rate must be/],
  ['a public client with a secret', { secretHash: new Uint8Array(32) }, /neither a secret nor keys/],
  ['a public client with keys', { jwks: { keys: [] } }, /neither a secret nor keys/],
  [
    'a secret and keys',
    { kind: 'confidential', secretHash: new Uint8Array(32), jwks: { keys: [] } },
    /either a secret or keys, not both/,
  ],
  ['a window beyond an hour', { retryWindowSeconds: 3601 }, /retry window must be from 0s to 1h/],
];

t.test('a client cannot be like this, and the reason is said', async (t) => {
  for (const [sentence, overrides, fault] of IMPOSSIBLE) {
    const kind = overrides.grants?.length === 2 ? 'confidential' : 'public';
    const faults = clientFaults(aClient({ kind, ...overrides }));
    t.equal(faults.length, 1, `${sentence}: one fault, said once`);
    t.match(faults[0], fault, sentence);
  }
});

t.test('all faults are told together, each once', async (t) => {
  const faults = clientFaults(aClient({ id: '', grants: [], scopes: ['"', '\\'], defaultScope: [], audiences: [' '] }));
  t.equal(faults.length, 4);
  t.equal(new Set(faults).size, 4);
});

t.test('a lifetime is whole seconds, and a window is not negative', async (t) => {
  t.not(clientFaults(aClient({ retryWindowSeconds: -1 })).length, 0, 'a negative window');
  for (const seconds of [1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    t.not(clientFaults(aClient({ accessTokenTtlSeconds: seconds })).length, 0, `a lifetime of ${seconds}`);
    t.not(clientFaults(aClient({ retryWindowSeconds: seconds })).length, 0, `a window of ${seconds}`);
  }
});

t.test('a lifetime ends within the time that a date can hold: else no login could be stored', async (t) => {
  const seconds = 9_999_999_999 * 86_400;
  t.not(clientFaults(aClient({ refreshIdleTtlSeconds: seconds })).length, 0, 'idle');
  t.not(clientFaults(aClient({ refreshAbsoluteTtlSeconds: seconds })).length, 0, 'absolute');
});

const WEB = { delivery: 'cookie', origins: ['https://app.example.com'] } as const;

t.test('a refresh token travels in the body, or for the pages of a public client in a cookie', async (t) => {
  t.strictSame(DELIVERIES, ['body', 'cookie']);
  t.strictSame(clientFaults(aClient(WEB)), []);
  t.strictSame(clientFaults(aClient({ ...WEB, origins: ['https://a.example', 'http://localhost:5173'] })), []);
  t.strictSame(clientFaults(aClient({ origins: ['https://a.example'] })), [], 'pages with the token in the body');
  t.strictSame(clientFaults(aClient({ kind: 'confidential', origins: ['https://a.example'] })), []);
});

const NO_BROWSER_CLIENT: readonly [sentence: string, overrides: Partial<Client>, fault: RegExp][] = [
  ['a client with a secret, which a page cannot keep', { kind: 'confidential' }, /can keep no secret/],
  ['no refresh, so no token for the cookie', { grants: ['password'] }, /needs the grant refresh_token/],
  ['no page', { origins: [] }, /at least one origin/],
];

t.test('cookies are for the pages of public clients that refresh', async (t) => {
  for (const [sentence, overrides, fault] of NO_BROWSER_CLIENT) {
    const faults = clientFaults(aClient({ ...WEB, ...overrides }));
    t.equal(faults.length, 1, sentence);
    t.match(faults[0], fault, sentence);
  }
});

t.test('an origin that browsers would not write like this is a fault, named, whatever the delivery', async (t) => {
  const bad = ['null', '*', 'https://*.example.com', 'https://a.example/', 'https://A.example', 'http://a.example'];
  const worse = ['https://u@a.example', 'https://a.example:443', 'https://münchen.example', 'a.example', ''];
  for (const origin of [...bad, ...worse]) {
    for (const delivery of DELIVERIES) {
      const faults = clientFaults(aClient({ delivery, origins: ['https://good.example', origin] }));
      t.equal(faults.length, 1, `${delivery}: ${origin}`);
      t.ok(faults[0]?.startsWith(`${JSON.stringify(origin)} is not an origin`), `${delivery}: ${origin} is named`);
    }
  }
  t.equal(clientFaults(aClient({ origins: ['null', '*'] })).length, 2, 'each of several');
});

t.test('only what could be the id of a client is looked up', async (t) => {
  for (const id of ['a', 'A-z.0_9', 'a'.repeat(64)]) t.equal(isClientId(id), true, id);
  for (const id of ['', 'a'.repeat(65), 'a b', 'a\n', 'a\0', 'é', 'a/b', 'a=b', 'a;b'])
    t.equal(isClientId(id), false, id);
});
