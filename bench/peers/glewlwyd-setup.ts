// A new instance of Glewlwyd (Debian: apt-get install glewlwyd), configured as an administrator would, over its own API:
// glewlwyd-setup.ts FOLDER PORT.
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import SqliteConnection from 'better-sqlite3';

const SCHEMA = '/usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz';
const PACKAGED = '/etc/glewlwyd/glewlwyd.conf';
const USERS = 32;

const [, , folder = '', port = ''] = process.argv;
if (port === '') throw new Error('say into which folder, and which port');
const base = `http://127.0.0.1:${port}`;
let cookie = '';

/** As its packaged configuration, but for where it listens, keeps things and logs. */
async function writeConfig(database: string): Promise<void> {
  const changes: readonly (readonly [RegExp, string])[] = [
    [/^port=.*$/m, `port=${port}`],
    [/^#?bind_address=.*$/m, 'bind_address="127.0.0.1"'],
    [/^external_url=.*$/m, `external_url="${base}/"`],
    [/^log_mode=.*$/m, 'log_mode="console"'],
    [/^log_level=.*$/m, 'log_level="ERROR"'],
    [/^log_file=.*$/m, ''],
    [/^@include.*$/m, `database = { type = "sqlite3"; path = "${database}"; };`],
  ];
  const packaged = await readFile(PACKAGED, 'utf8');
  const config = changes.reduce((text, [line, own]) => text.replace(line, own), packaged);
  await writeFile(join(folder, 'glewlwyd.conf'), config);
}

async function call(path: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json', cookie };
  const response = await fetch(`${base}/api${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  const given = response.headers.getSetCookie()[0]?.split(';')[0];
  if (given !== undefined) cookie = given;
}

async function untilItAnswers(): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if (
      await fetch(`${base}/config`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return;
    await pause(100);
  }
  throw new Error('glewlwyd does not answer');
}

async function configure(): Promise<void> {
  const pem = { type: 'spki', format: 'pem' } as const;
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: pem,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  await call('/auth/', { username: 'admin', password: 'password' });
  const api = { name: 'api', display_name: 'api', description: 'api', scheme: {} };
  await call('/scope/', { ...api, password_required: true, password_max_age: 0 });
  await call('/mod/plugin/', {
    module: 'oidc',
    name: 'oidc',
    display_name: 'oidc',
    order_rank: 0,
    parameters: {
      iss: base,
      'jwt-type': 'rsa',
      'jwt-key-size': '256',
      key: privateKey,
      cert: publicKey,
      'jwks-show': true,
      'access-token-duration': 600,
      'refresh-token-duration': 1_209_600,
      'code-duration': 600,
      'refresh-token-rolling': true,
      'refresh-token-one-use': 'always',
      'allow-non-oidc': true,
      'auth-type-code-enabled': true,
      'auth-type-token-enabled': false,
      'auth-type-id-token-enabled': true,
      'auth-type-none-enabled': false,
      'auth-type-password-enabled': true,
      'auth-type-client-enabled': true,
      'auth-type-device-enabled': false,
      'auth-type-refresh-enabled': true,
      'allowed-scope': ['openid'],
      'secret-type': 'public',
      'subject-type': 'public',
    },
  });
  await call('/client/', {
    client_id: 'app',
    name: 'app',
    confidential: true,
    client_secret: 'a-secret-of-nobody-but-the-measurements',
    enabled: true,
    scope: ['api'],
    redirect_uri: ['http://127.0.0.1/callback'],
    authorization_type: ['code', 'password', 'client_credentials', 'refresh_token'],
    token_endpoint_auth_method: ['client_secret_basic'],
  });
  for (let i = 0; i < USERS; i++) {
    const person = { username: `user${i}`, name: `user${i}`, email: `user${i}@example.com` };
    await call('/user/', { ...person, password: 'correct horse battery', scope: ['api'], enabled: true });
  }
}

await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
const database = join(folder, 'glewlwyd.db');
const connection = new SqliteConnection(database);
connection.exec(gunzipSync(await readFile(SCHEMA)).toString());
connection.pragma('journal_mode = WAL');
connection.close();
await writeConfig(database);
const child = spawn('glewlwyd', ['-c', join(folder, 'glewlwyd.conf')], { stdio: 'inherit' });
try {
  await untilItAnswers();
  await configure();
} finally {
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}
