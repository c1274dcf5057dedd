import { createHash } from 'node:crypto';
import t from 'tap';
import type { Client } from '../../src/oauth/client.js';
import { openClients } from '../../src/store/clients.js';
import { type CommandLine, commandLine, RFC3339 } from './harness.js';

async function clientCalled({ withDatabase }: CommandLine, id: string): Promise<Client> {
  const client = await withDatabase((database) => openClients(database).find(id));
  if (client === null) throw new Error(`there is no client ${id}`);
  return client;
}

async function clientIds({ withDatabase }: CommandLine): Promise<readonly string[]> {
  return (await withDatabase((database) => openClients(database).list())).map(({ id }) => id);
}

t.test('a public client has no secret, and nothing it was not given', async (t) => {
  const cli = await commandLine(t);
  const { code, out, err } = await cli.mintd('clients add app --kind public --grant password');
  t.strictSame({ code, out }, { code: 0, out: 'made the public client app\n' });
  t.match(err, /^hint: app has no scopes: [^\n]*\n$/);
  const { createdAt, ...client } = await clientCalled(cli, 'app');
  t.type(createdAt, 'number');
  t.strictSame(client, {
    id: 'app',
    name: 'app',
    kind: 'public',
    secretHash: null,
    previousSecret: null,
    jwks: null,
    grants: ['password'],
    scopes: [],
    defaultScope: [],
    audiences: [],
    defaultAudiences: [],
    accessTokenTtlSeconds: null,
    refreshIdleTtlSeconds: null,
    refreshAbsoluteTtlSeconds: null,
    retryWindowSeconds: null,
    delivery: 'body',
    origins: [],
    loginEpoch: 0,
    tokensPerMinute: null,
    revision: 0,
    disabledAt: null,
  });
});

t.test('a confidential client gets a 256-bit secret, shown once and kept as SHA-256', async (t) => {
  const cli = await commandLine(t);
  const { code, out } = await cli.mintd('clients add worker --kind confidential --grant client_credentials');
  t.equal(code, 0);
  const [, secret = ''] =
    /^made the confidential client worker\nclient_secret \(shown once\): (\S{43})\n$/.exec(out) ?? [];
  t.equal(Buffer.from(secret, 'base64url').length, 32);
  const { secretHash } = await clientCalled(cli, 'worker');
  t.same(Buffer.from(secretHash ?? []).toString('hex'), createHash('sha256').update(secret).digest('hex'));
  for (const args of ['clients list', 'clients list --json', 'clients show worker', 'clients show worker --json']) {
    t.notMatch((await cli.mintd(args)).out, new RegExp(`${secret}|hash`), 'no listing shows it, nor its hash');
  }
  const rows = await cli.withDatabase(({ prisma }) => prisma.client.findMany());
  t.notMatch(JSON.stringify(rows), secret);
});

t.test('every option, and JSON', async (t) => {
  const cli = await commandLine(t);
  const made = await cli.json([
    ...['clients', 'add', 'web.app_1-2', '--kind', 'confidential', '--name', 'The web app'],
    ...['--grant', 'password', '--grant', 'refresh_token', '--grant', 'client_credentials'],
    ...['--scope', 'read', '--scope', 'write', '--default-scope', ' read  write '],
    ...['--audience', 'https://api.example.com', '--audience', 'billing', '--default-audience', 'billing'],
    ...[
      '--access-ttl',
      '5m',
      '--idle-ttl',
      '7d',
      '--absolute-ttl',
      '30d',
      '--retry-window',
      '0',
      '--token-rate',
      '600',
    ],
  ]);
  const { client_secret, created_at, ...rest } = made;
  t.match(client_secret, /^\S{43}$/);
  t.match(created_at, RFC3339);
  t.strictSame(rest, {
    client_id: 'web.app_1-2',
    name: 'The web app',
    kind: 'confidential',
    grants: ['password', 'refresh_token', 'client_credentials'],
    scopes: ['read', 'write'],
    default_scope: ['read', 'write'],
    audiences: ['https://api.example.com', 'billing'],
    default_audiences: ['billing'],
    access_token_ttl_seconds: 300,
    refresh_idle_ttl_seconds: 7 * 86_400,
    refresh_absolute_ttl_seconds: 30 * 86_400,
    retry_window_seconds: 0,
    delivery: 'body',
    origins: [],
    tokens_per_minute: 600,
    authentication: 'client_secret',
    previous_secret_expires_at: null,
    jwks: null,
    revision: 0,
    disabled_at: null,
  });
  t.strictSame(await cli.json('clients list'), [{ ...rest, created_at }], 'what was said is what is kept');
});

t.test('what surprises at the first use of a new client is said on stderr, and it is made all the same', async (t) => {
  const cli = await commandLine(t);
  const web = 'clients add web --kind public --grant password --scope read';
  const hint = 'web has no default scope: [^\\n]*: mintd clients set web --default-scope "read"';
  const made = await cli.mintd(web);
  t.strictSame({ code: made.code, out: made.out }, { code: 0, out: 'made the public client web\n' });
  t.match(made.err, new RegExp(`^hint: ${hint}\n$`));
  const asJson = await cli.mintd(`${web.replace('web', 'json')} --json`);
  t.match(asJson, { code: 0, err: /^\{"hint":"json has no default scope[^\n]*\}\n$/ });
  t.match(JSON.parse(asJson.out), { client_id: 'json', default_scope: [] });
  t.strictSame(Object.keys(JSON.parse(asJson.err)), ['hint']);

  const set = await cli.mintd(['clients', 'set', 'web', '--default-scope', 'read']);
  t.strictSame(set, { code: 0, out: 'changed the client web\n', err: '' }, 'the way out');
  const taken = await cli.mintd('clients set web --unset default-scope');
  t.match(taken, { code: 0, out: 'changed the client web\n', err: new RegExp(`^hint: ${hint}\n$`) });
  t.strictSame((await cli.mintd('clients set web --name Web')).err, '', 'not said again');
  t.match(await cli.mintd('clients set web --unset default-scope'), { out: /nothing was changed/, err: '' });
});

t.test('hints go by the settings of the server', async (t) => {
  const cli = await commandLine(t);
  const environment = { ISSUER: 'https://login.example.com', REFRESH_IDLE_TTL: '5m', DATABASE_URL: cli.databaseUrl };
  const spa = '--grant password --grant refresh_token --scope read --default-scope read --delivery cookie';
  const { code, err } = await cli.mintd(`clients add spa --kind public ${spa} --origin http://localhost:5173`, {
    environment,
  });
  t.equal(code, 0);
  t.match(err, /^hint: a login at spa ends 5m .*\nhint: a page at http:\/\/localhost:5173 cannot use spa: .*\n$/);
});

t.test('without an id one is made', async (t) => {
  const cli = await commandLine(t);
  const { client_id } = await cli.json('clients add --kind public --grant password');
  t.match(client_id, /^client-[0-9a-f]{12}$/);
  t.strictSame(await clientIds(cli), [client_id]);
});

t.test('a taken id leaves the client that has it as it is', async (t) => {
  const cli = await commandLine(t);
  await cli.mintd('clients add app --kind confidential --grant client_credentials');
  const before = await clientCalled(cli, 'app');
  const { code, out, err } = await cli.mintd('clients add app --kind confidential --grant password');
  t.strictSame({ code, out, err }, { code: 1, out: '', err: 'mintd: the client id is taken: app\n' });
  t.strictSame(await clientCalled(cli, 'app'), before);
});

t.test('what cannot be a client is refused, and nothing is made', async (t) => {
  const cli = await commandLine(t);
  const app = 'app --kind public --grant password';
  const rows: readonly (readonly [args: string, why: RegExp])[] = [
    ['a/b --kind public --grant password', /the client id must be 1 to 64/],
    [`${'a'.repeat(65)} --kind public --grant password`, /the client id must be 1 to 64/],
    ['123e4567-e89b-42d3-a456-426614174000 --kind public --grant password', /must not have the form of a UUID/],
    ['app --kind public', /at least one grant/],
    ['app --kind public --grant client_credentials', /public client cannot use client_credentials \(RFC 6749 §4.4\)/],
    ['app --kind public --grant refresh_token', /refresh_token is of no use/],
    [`${app} --scope a"b`, /a scope is visible ASCII/],
    [`${app} --default-scope read`, /default scope must lie within/],
    [`${app} --scope read --default-scope write`, /default scope must lie within/],
    [`${app} --audience ünïcode`, /an audience is visible ASCII/],
    [`${app} --default-audience api`, /default audiences must lie within/],
    [`${app} --access-ttl 0`, /the access token lifetime must be from 1s to 3650d/],
    [`${app} --access-ttl 61m`, /access token lifetime exceeds 1h: raise ACCESS_TOKEN_MAX_TTL/],
    [`${app} --idle-ttl 0s`, /the idle lifetime must be from 1s to 3650d/],
    [`${app} --absolute-ttl 0d`, /the absolute lifetime must be from 1s to 3650d/],
    [`${app} --token-rate 0`, /the token rate must be a whole number from 1 to 1000000/],
    [`${app} --retry-window 2h`, /the retry window must be from 0s to 1h/],
    ['a/b --kind public --access-ttl 0 --default-scope x', /client id.*; .*grant.*; .*default scope.*; .*lifetime/],
  ];
  for (const [args, why] of rows) {
    t.match(await cli.mintd(`clients add ${args}`), { code: 1, out: '', err: why }, args);
  }
  t.match(await cli.mintd(['clients', 'add', '', '--kind', 'public', '--grant', 'password']), { code: 1 });
  t.strictSame(await clientIds(cli), []);
});

t.test('a lifetime the database cannot hold is refused in one clear line', async (t) => {
  const cli = await commandLine(t);
  for (const option of ['--access-ttl', '--idle-ttl', '--absolute-ttl']) {
    const { code, out, err } = await cli.mintd(`clients add --kind public --grant password ${option} 9999999999d`);
    t.not(code, 0, option);
    t.equal(out, '');
    t.notMatch(err, /prisma/i, 'in words for people');
  }
  t.strictSame(await clientIds(cli), []);
});

t.test('what is given twice is kept once', async (t) => {
  const cli = await commandLine(t);
  const made = await cli.json(
    'clients add app --kind public --grant password --grant password --scope a --scope a --audience b --audience b',
  );
  t.match(made, { grants: ['password'], scopes: ['a'], audiences: ['b'] });
  t.strictSame([made['grants'], made['scopes'], made['audiences']], [['password'], ['a'], ['b']]);
});

t.test('clients list', async (t) => {
  const cli = await commandLine(t);
  t.strictSame(await cli.json('clients list'), []);
  t.match(await cli.mintd('clients list'), { code: 0, out: /no clients yet: mintd clients add/ });
  await cli.mintd('clients add web --kind public --grant password --scope read --access-ttl 5m --retry-window 0');
  await cli.mintd('clients add app --kind confidential --grant client_credentials --audience https://api.example.com');
  const { out } = await cli.mintd('clients list');
  const [head = '', first = '', second = '', ...rest] = out.split('\n');
  t.match(head, /^CLIENT ID +KIND +GRANTS +SCOPES +AUDIENCES +LIFETIMES +BROWSER +STATE$/);
  t.match(first, /^app +confidential +client_credentials +https:\/\/api.example.com$/);
  t.match(second, /^web +public +password +read +access 5m, retry 0s$/);
  t.strictSame(rest, ['']);
});

t.test('clients list shows which client is disabled', async (t) => {
  const cli = await commandLine(t);
  await cli.mintd('clients add app --kind public --grant password');
  await cli.withDatabase(({ prisma }) => prisma.client.updateMany({ data: { disabledAt: new Date() } }));
  t.match((await cli.mintd('clients list')).out, /app .* disabled\n/);
  t.match(await cli.json('clients list'), [{ client_id: 'app', disabled_at: RFC3339 }]);
});
