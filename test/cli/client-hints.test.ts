import t from 'tap';
import { clientHints } from '../../src/cli/client-hints.js';
import { type Client, newClient } from '../../src/oauth/client.js';

const ISSUER = 'https://login.example.com';
const API = 'https://api.example.com';

const SERVER = {
  issuer: ISSUER,
  defaultAudience: ISSUER,
  accessTokenTtlSeconds: 600,
  accessTokenMaxTtlSeconds: 3600,
  refreshIdleTtlSeconds: 86_400,
  refreshAbsoluteTtlSeconds: 864_000,
};

/** A client that a first use cannot surprise; a test says what differs. */
function client(overrides: Partial<Client> = {}): Client {
  const usual = { grants: ['password', 'refresh_token'], scopes: ['read'], defaultScope: ['read'] } as const;
  return { ...newClient('web', 'public', 0), ...usual, ...overrides };
}

const SERVICE = { kind: 'confidential', grants: ['client_credentials'], scopes: [], defaultScope: [] } as const;
const ADMINISTERS = { scopes: ['mintd.admin'], defaultScope: ['mintd.admin'] };
const PAGE = { delivery: 'cookie', origins: ['https://app.example.com'] } as const;
const SET = 'mintd clients set web';

type Row = readonly [name: string, client: Partial<Client>, ...hints: readonly RegExp[]];

const ROWS: readonly Row[] = [
  ['scopes with a default', {}],
  ['some scopes by default', { scopes: ['read', 'write'] }],
  [
    'scopes and no default',
    { scopes: ['read', 'write'], defaultScope: [] },
    /^web has no default scope: .* without scope carry none\. Ask with scope="read write", or set one: mintd clients set web --default-scope "read write"$/,
  ],
  [
    'a service with scopes and no default',
    { ...SERVICE, scopes: ['read'] },
    /no default scope: .*mintd clients set web --default-scope "read"$/,
  ],
  [
    'characters that a shell would read',
    { scopes: ["it's", '$x'], defaultScope: [] },
    /--default-scope 'it'\\''s \$x'$/,
  ],
  ['a service without scopes', SERVICE],
  [
    'logins without scopes',
    { scopes: [], defaultScope: [] },
    /^web has no scopes: its tokens carry none, and a request for one is refused \(invalid_scope\)\. .*: mintd clients set web --scope read --default-scope "read"$/,
  ],

  ['administration by default', ADMINISTERS],
  [
    'administration that must be asked for: no default is proposed',
    { ...ADMINISTERS, defaultScope: [] },
    /no default scope: .* Ask with scope="mintd\.admin"$/,
  ],
  [
    'administration among others: a default without it is proposed',
    { scopes: ['read', 'mintd.admin'], defaultScope: [] },
    /Ask with scope="read mintd\.admin", or set one: .* --default-scope "read"$/,
  ],
  [
    'administration without the audience for it',
    { ...ADMINISTERS, audiences: [API] },
    /^\/admin takes only tokens whose one audience is the ISSUER, https:\/\/login\.example\.com; web may not ask for it\. .*: mintd clients set web --audience "https:\/\/api\.example\.com" --audience "https:\/\/login\.example\.com"$/,
  ],
  [
    'administration beside another audience',
    { ...ADMINISTERS, audiences: [API, ISSUER] },
    /^\/admin takes only .*: web gets one with resource=https:\/\/login\.example\.com$/,
  ],
  [
    'administration with another audience by default',
    { ...ADMINISTERS, audiences: [API, ISSUER], defaultAudiences: [API] },
    /resource=https:\/\/login\.example\.com$/,
  ],
  ['administration by default', { ...ADMINISTERS, audiences: [API, ISSUER], defaultAudiences: [ISSUER] }],
  ['other audiences without administration', { audiences: [API] }],

  ['a login that ends just after the access token', { refreshIdleTtlSeconds: 601 }],
  [
    'a login that ends with its access token',
    { refreshIdleTtlSeconds: 600 },
    /^a login at web ends 10m after .*, and an access token lives 10m: .* \(invalid_grant\)\. .*: mintd clients set web --access-ttl 5m$/,
  ],
  ['a login whose whole life is shorter', { refreshAbsoluteTtlSeconds: 60 }, /ends 1m .* --access-ttl 30s$/],
  ['an access token that outlives its login', { accessTokenTtlSeconds: 86_400, refreshIdleTtlSeconds: 3600 }, /1h/],
  ['the same without refresh tokens', { grants: ['password'], refreshIdleTtlSeconds: 60 }],

  ['a page beside the issuer', PAGE],
  [
    'pages elsewhere',
    { ...PAGE, origins: ['https://app.example.org', 'https://app.example.com', 'http://localhost:5173'] },
    /^a page at https:\/\/app\.example\.org cannot use web: .* ISSUER, https:\/\/login\.example\.com \(cross_site\)\. .*: mintd clients set web --origin /,
    /^a page at http:\/\/localhost:5173 /,
  ],
  ['pages elsewhere that keep their token themselves', { ...PAGE, delivery: 'body', origins: ['https://a.example'] }],
];

t.test('what surprises at the first use, and the way out', async (t) => {
  for (const [name, overrides, ...hints] of ROWS) {
    const said = clientHints(client(overrides), SERVER);
    t.equal(said.length, hints.length, name);
    t.match(said, hints, name);
  }
});

t.test("the server's own settings count where a client has none", async (t) => {
  t.match(clientHints(client(), { ...SERVER, refreshIdleTtlSeconds: 300 }), [/^a login at web ends 5m/]);
  t.match(clientHints(client(ADMINISTERS), { ...SERVER, defaultAudience: API }), [/^\/admin takes only tokens/]);
});

t.test('of a change, only what it brings is said', async (t) => {
  const without = { defaultScope: [] };
  const rows: readonly (readonly [name: string, before: Partial<Client>, after: Partial<Client>, hints: RegExp[]])[] = [
    ['the default is taken away', {}, without, [/no default scope/]],
    ['another scope, still without a default', without, { scopes: ['read', 'write'], ...without }, []],
    ['the first scope', { scopes: [], ...without }, without, [/no default scope/]],
    ['all scopes are taken away', {}, { scopes: [], ...without }, [/no scopes/]],
    ['something else changes', without, { ...without, name: 'The web app' }, []],
    [
      'one page more',
      { ...PAGE, origins: ['https://a.example'] },
      { ...PAGE, origins: ['https://a.example', 'https://b.example'] },
      [/^a page at https:\/\/b\.example /],
    ],
  ];
  for (const [name, before, after, hints] of rows) {
    const said = clientHints(client(after), SERVER, client(before));
    t.equal(said.length, hints.length, name);
    t.match(said, hints, name);
  }
});

t.test('what a hint proposes ends it', async (t) => {
  const rows: readonly (readonly [before: Partial<Client>, command: string, after: Partial<Client>])[] = [
    [{ scopes: [], defaultScope: [] }, `${SET} --scope read --default-scope "read"`, {}],
    [{ scopes: ['a', 'b'], defaultScope: [] }, `${SET} --default-scope "a b"`, { defaultScope: ['a', 'b'] }],
    [{ refreshIdleTtlSeconds: 60 }, `${SET} --access-ttl 30s`, { accessTokenTtlSeconds: 30 }],
  ];
  for (const [before, command, after] of rows) {
    t.ok(clientHints(client(before), SERVER)[0]?.endsWith(command), command);
    const scopes = before.scopes?.length === 0 ? {} : before;
    t.strictSame(clientHints(client({ ...scopes, ...after }), SERVER), [], `after ${command}`);
  }
});
