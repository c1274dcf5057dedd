// What is changed about clients that are there: show, set, rotate-secret; and clients that sign.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import t, { type Test } from 'tap';
import type { Client } from '../../src/oauth/client.js';
import { sha256 } from '../../src/oauth/refresh-token.js';
import { openClients } from '../../src/store/clients.js';
import { sqliteFile } from '../../src/store/database.js';
import { clientKey } from '../rfc/assertions.js';
import { type CommandLine, commandLine, RFC3339 } from './harness.js';

const WORKER = 'worker --kind confidential --grant client_credentials';
const key = clientKey('Ed25519', 'key-1');

async function withWorker(t: Test) {
  const cli = await commandLine(t);
  const { client_secret: secret } = await cli.json(`clients add ${WORKER} --scope read --access-ttl 5m`);
  const file = join(cli.folder, 'jwks.json');
  writeFileSync(file, JSON.stringify({ keys: [key.jwk] }));
  return { ...cli, secret: String(secret), file };
}

async function clientOf({ withDatabase }: Pick<CommandLine, 'withDatabase'>, id = 'worker'): Promise<Client> {
  const client = await withDatabase((database) => openClients(database).find(id));
  if (client === null) throw new Error(`there is no ${id}`);
  return client;
}

const isHashOf = (secret: unknown, hash: Uint8Array | null | undefined) =>
  Buffer.compare(Buffer.from(hash ?? []), sha256(String(secret))) === 0;

t.test('clients show: every setting, and whose value holds where it has none', async (t) => {
  const cli = await withWorker(t);
  const { code, out } = await cli.mintd('clients show worker');
  t.equal(code, 0);
  for (const line of [
    /^SETTING +VALUE$/m,
    /^client_id +worker$/m,
    /^state +enabled$/m,
    /^authentication +client_secret$/m,
    /^grants +client_credentials$/m,
    /^default scope +none$/m,
    /^audiences +the server's DEFAULT_AUDIENCE$/m,
    /^access token lifetime +5m$/m,
    /^idle lifetime +the server's REFRESH_IDLE_TTL$/m,
    /^retry window +1m$/m,
    /^tokens a minute +the server's CLIENT_TOKEN_RATE$/m,
    /^revision +0$/m,
  ]) {
    t.match(out, line);
  }
  t.strictSame(await cli.json('clients show worker'), ((await cli.json('clients list')) as unknown as unknown[])[0]);
  t.match(await cli.mintd('clients show nobody'), { code: 1, err: 'mintd: there is no client "nobody"\n' });
  await cli.mintd('clients disable worker');
  t.match((await cli.mintd('clients show worker')).out, /^state +disabled since \d{4}-/m);
});

t.test('clients set: what is given is replaced, lists as a whole, and the rest stays', async (t) => {
  const cli = await withWorker(t);
  const said = await cli.mintd('clients set worker --scope a --scope b --default-scope a --name W --token-rate 60');
  t.strictSame(said, { code: 0, out: 'changed the client worker\n', err: '' });
  const expected = {
    scopes: ['a', 'b'],
    defaultScope: ['a'],
    name: 'W',
    accessTokenTtlSeconds: 300,
    tokensPerMinute: 60,
  };
  t.match(await clientOf(cli), { ...expected, revision: 1 });
  t.ok(isHashOf(cli.secret, (await clientOf(cli)).secretHash), 'the secret is as it was');
  const unset = 'access-ttl token-rate scope default-scope'.split(' ').flatMap((name) => ['--unset', name]);
  const after = await cli.json(['clients', 'set', 'worker', ...unset, '--audience', 'x']);
  t.match(after, {
    scopes: [],
    default_scope: [],
    access_token_ttl_seconds: null,
    tokens_per_minute: null,
    revision: 2,
  });
  t.strictSame(after['audiences'], ['x']);
});

t.test('every setting that can be unset is, and is then as in a new client', async (t) => {
  const cli = await commandLine(t);
  await cli.mintd('clients add app --kind public --grant password');
  const { revision: _none, ...blank } = await clientOf(cli, 'app');
  const all = {
    ...{
      scope: 'a',
      'default-scope': 'a',
      audience: 'b',
      'default-audience': 'b',
      'access-ttl': '1m',
      'idle-ttl': '1m',
    },
    ...{ 'absolute-ttl': '1m', 'retry-window': '1m', origin: 'https://a.example', 'token-rate': '1' },
  };
  const set = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
  t.match(await cli.mintd(['clients', 'set', 'app', ...set]), { code: 0 });
  const unset = Object.keys(all).flatMap((name) => ['--unset', name]);
  t.match(await cli.mintd(['clients', 'set', 'app', ...unset]), { code: 0 });
  t.strictSame(await clientOf(cli, 'app'), { ...blank, revision: 2 });
});

t.test('clients set: what cannot be is refused, and changes nothing', async (t) => {
  const cli = await withWorker(t);
  const before = await clientOf(cli);
  const rows: readonly (readonly [args: string, code: number, why: RegExp])[] = [
    ['worker', 1, /say what to change/],
    ['worker --json', 1, /say what to change/],
    ['nobody --name x', 1, /there is no client "nobody"/],
    ['worker --kind public', 2, /unknown option '--kind'/],
    ['worker --default-scope write', 1, /default scope must lie within/],
    ['worker --unset scope --default-scope read', 1, /default scope must lie within/],
    ['worker --access-ttl 2h', 1, /raise ACCESS_TOKEN_MAX_TTL/],
    ['worker --grant refresh_token', 1, /add password/],
    ['worker --scope x --unset scope', 1, /--scope and --unset scope: say one/],
    ['worker --unset grant', 2, /must be one of scope/],
    ['worker --unset name', 2, /must be one of scope/],
    ['worker --token-rate 0', 1, /token rate must be/],
    ['worker --token-rate 1.5', 2, /must be a whole number/],
    ['worker --jwks-file nowhere.json', 1, /nowhere.json cannot be read/],
  ];
  for (const [args, code, why] of rows)
    t.match(await cli.mintd(`clients set ${args}`), { code, out: '', err: why }, args);
  t.strictSame(await clientOf(cli), before);
  t.match(await cli.mintd('clients set worker --scope read --access-ttl 300s'), {
    code: 0,
    out: 'nothing was changed: worker is so already\n',
  });
  t.strictSame(await clientOf(cli), before);
});

t.test('a change that meets another is not made', async (t) => {
  const cli = await withWorker(t);
  // While the person thinks about the question.
  const ask = cli.questions.push.bind(cli.questions);
  cli.questions.push = (...questions) => {
    const beside = new Sqlite(sqliteFile(cli.databaseUrl));
    beside.exec("UPDATE clients SET revision = 5, name = 'Theirs'");
    beside.close();
    return ask(...questions);
  };
  const refused = await cli.mintd(`clients set worker --jwks-file ${cli.file}`, { answers: ['yes'] });
  t.match(refused, { code: 1, out: '', err: /worker was changed by somebody else meanwhile, and nothing was done/ });
  t.match(await clientOf(cli), { name: 'Theirs', jwks: null });
});

t.test('clients add --jwks-file: no secret is made', async (t) => {
  const { mintd, json, file, folder, ...cli } = await withWorker(t);
  const made = await mintd(`clients add signer --kind confidential --grant client_credentials --jwks-file ${file}`);
  t.strictSame(made, { code: 0, out: 'made the confidential client signer\n', err: '' });
  t.match(await clientOf(cli, 'signer'), { secretHash: null, jwks: { keys: [key.jwk] } });
  t.match(await json('clients show signer'), { authentication: 'private_key_jwt', jwks: { keys: [key.jwk] } });
  t.match((await mintd('clients show signer')).out, /^keys +OKP key-1$/m);
  const isPublic = await mintd(`clients add app --kind public --grant password --jwks-file ${file}`);
  t.match(isPublic, { code: 1, err: /neither a secret nor keys/ });
  const secret = join(folder, 'private.json');
  writeFileSync(secret, JSON.stringify({ keys: [key.privateKey.export({ format: 'jwk' })] }));
  const refused = await mintd(`clients add x --kind confidential --grant client_credentials --jwks-file ${secret}`);
  t.match(refused, { code: 1, err: /private\.json: key 1 of the JWKS is a PRIVATE key/ });
  t.notMatch(refused.err, String(key.privateKey.export({ format: 'jwk' }).d));
  writeFileSync(secret, ' '.repeat(20_000));
  t.match(await mintd(`clients set worker --jwks-file ${secret}`), { code: 1, err: /larger than 16 KiB/ });
  t.match(await mintd(`clients set worker --jwks-file ${folder}`), { code: 1, err: /cannot be read/ });
});

t.test('clients set --jwks-file ends the secret, so it asks', async (t) => {
  const cli = await withWorker(t);
  t.match(await cli.mintd(`clients set worker --jwks-file ${cli.file}`), {
    code: 1,
    err: /End the secret of worker now.*say --yes/,
  });
  t.match(await cli.mintd(`clients set worker --jwks-file ${cli.file}`, { answers: ['no'] }), {
    code: 1,
    err: /nothing was done/,
  });
  t.match(await clientOf(cli), { jwks: null, revision: 0 });
  t.match(await cli.mintd(`clients set worker --jwks-file ${cli.file} --yes`), { code: 0 });
  t.match(await clientOf(cli), { jwks: { keys: [key.jwk] }, secretHash: null });
  t.match(
    await cli.mintd(`clients set worker --jwks-file ${cli.file}`),
    { code: 0, out: /nothing was changed/ },
    'no secret to end',
  );
  t.match(await cli.mintd('clients rotate-secret worker'), { code: 1, err: /it signs with keys of its own/ });
});

t.test('clients rotate-secret: a new one, shown once, and the present one for a day', async (t) => {
  const cli = await withWorker(t);
  const { code, out } = await cli.mintd('clients rotate-secret worker');
  t.equal(code, 0);
  const [, until, secret] =
    /^the secret before this one is good until (\S+)\nclient_secret \(shown once\): (\S{43})\n$/.exec(out) ?? [];
  const client = await clientOf(cli);
  t.ok(isHashOf(secret, client.secretHash));
  t.ok(isHashOf(cli.secret, client.previousSecret?.hash));
  t.ok(Math.abs((client.previousSecret?.expiresAt ?? 0) - Date.now() - 86_400_000) < 60_000);
  t.match(await cli.json('clients show worker'), { previous_secret_expires_at: until });
  t.match((await cli.mintd('clients show worker')).out, /^previous secret +good until \d{4}/m);

  t.match(await cli.mintd('clients rotate-secret worker'), {
    code: 1,
    err: /before the present one is good until.*say --yes/,
  });
  t.ok(isHashOf(secret, (await clientOf(cli)).secretHash), 'nothing was done');
  const rotated = await cli.json('clients rotate-secret worker --overlap 0 --yes');
  t.match(rotated, {
    client_id: 'worker',
    client_secret: /^\S{43}$/,
    previous_secret_expires_at: null,
    created_at: RFC3339,
  });
  t.match(await clientOf(cli), { previousSecret: null });
  t.match(await cli.mintd('clients rotate-secret worker --overlap 0'), {
    out: /^the secret before this one has ended\n/,
  });
  t.match(await cli.mintd('clients rotate-secret worker --overlap 31d'), { code: 1, err: /from 0s to 30d/ });
});
