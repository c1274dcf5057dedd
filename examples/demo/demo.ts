// npm run demo: the whole story of mintd, played by real processes on a temporary SQLite file. It ends with 0 only if
// every step did what it says. The key ring's waiting times are shortened to seconds; real ones are in docs/configuration.md.
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Answer, decode, expect, getWith, post, run, say, start, step } from './stage.js';

const MINTD = [process.execPath, 'dist/main.js'];
const RESOURCE_SERVICE = [process.execPath, '--import', 'tsx', 'examples/resource-service/server.ts'];
const AUDIENCE = 'https://api.demo.example';
const PASSWORD = randomBytes(12).toString('base64url');

const folder = await mkdtemp(join(tmpdir(), 'mintd-demo-'));
const port = await freePort();
const ISSUER = `http://127.0.0.1:${port}`;
const env = {
  PATH: process.env['PATH'],
  NODE_ENV: 'production',
  ISSUER,
  HOST: '127.0.0.1',
  PORT: String(port),
  DATABASE_URL: `file:${join(folder, 'demo.db')}`,
  KEYS_DIR: join(folder, 'keys'),
  BCRYPT_COST: '10',
  LOG_LEVEL: 'info',
  JWKS_MAX_AGE: '1s',
  VERIFIER_CACHE: '1s',
  CLOCK_SKEW: '0s',
};
const running: ChildProcess[] = [];
let api = '';

const text = (answer: Answer, member: string) => String(answer.body[member]);
const login = (client = 'web') =>
  post(`${ISSUER}/token`, { grant_type: 'password', client_id: client, username: 'ada', password: PASSWORD });
const refresh = (token: string) =>
  post(`${ISSUER}/token`, { grant_type: 'refresh_token', client_id: 'web', refresh_token: token });
const call = (token: string) => getWith(`${api}/whoami`, token);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function mintd(args: readonly string[], stdin = ''): Promise<string> {
  say(`$ mintd ${args.join(' ')}`);
  const printed = await run([...MINTD, ...args], env, stdin);
  say(printed.trim().replaceAll('\n', '\n   '));
  return printed;
}

async function playSetUp(): Promise<void> {
  await step('An empty database, a user and two clients, made with the command', async () => {
    await mintd(['migrate']);
    const grants = ['--grant', 'password', '--grant', 'refresh_token'];
    const rest = ['--scope', 'read', '--scope', 'write', '--default-scope', 'read write', '--audience', AUDIENCE];
    await mintd(['clients', 'add', 'web', '--kind', 'public', ...grants, ...rest]);
    await mintd([
      'clients',
      'add',
      'hasty',
      '--kind',
      'public',
      ...grants,
      '--audience',
      AUDIENCE,
      '--access-ttl',
      '1s',
    ]);
    await mintd(['users', 'add', 'ada', '--role', 'admin', '--password-stdin'], PASSWORD);
  });
  await step('The issuer and a resource service start, each in a process of its own', async () => {
    const issuer = await start([...MINTD, 'serve'], env);
    running.push(issuer.process);
    say(`the issuer listens on ${issuer.address}`);
    const service = await start(RESOURCE_SERVICE, { PATH: process.env['PATH'], ISSUER, AUDIENCE, PORT: '0' });
    running.push(service.process);
    api = service.address;
    say(`the resource service listens on ${api}; it knows ${ISSUER} and nothing else`);
  });
}

async function playTokens(): Promise<void> {
  await step('Ada logs in and calls the service', async () => {
    const tokens = await login();
    const claims = decode(text(tokens, 'access_token'), 'claims');
    expect(tokens.status === 200 && claims['username'] === 'ada' && claims['iss'] === ISSUER, 'the token is hers');
    const answer = await call(text(tokens, 'access_token'));
    expect(
      answer.status === 200 && answer.body['username'] === 'ada',
      'the service verified it without asking the issuer',
    );
  });
  await step('A tampered token and an expired one are refused', async () => {
    const token = text(await login(), 'access_token');
    const [header, , signature] = token.split('.');
    const forged = Buffer.from(JSON.stringify({ ...decode(token, 'claims'), roles: ['root'] })).toString('base64url');
    const answer = await call(`${header}.${forged}.${signature}`);
    expect(answer.body['reason'] === 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED', 'changing a role breaks the signature');
    const hasty = text(await login('hasty'), 'access_token');
    await new Promise((resolve) =>
      setTimeout(resolve, Number(decode(hasty, 'claims')['exp']) * 1000 - Date.now() + 50),
    );
    expect((await call(hasty)).body['reason'] === 'ERR_JWT_EXPIRED', 'a token that lives one second is dead after it');
  });
}

async function playFamilies(): Promise<void> {
  await step('A refresh, and the same refresh again because its answer was lost', async () => {
    const first = text(await login(), 'refresh_token');
    const successor = text(await refresh(first), 'refresh_token');
    const again = await refresh(first);
    expect(again.status === 200 && text(again, 'refresh_token') === successor, 'the retry got the very same successor');
    expect((await refresh(successor)).status === 200, 'and the login goes on');
  });
  await step('An old refresh token turns up: a thief or a victim, nobody knows which', async () => {
    const laptop = text(await login(), 'refresh_token');
    const phone = text(await login(), 'refresh_token');
    const second = text(await refresh(laptop), 'refresh_token');
    const third = text(await refresh(second), 'refresh_token');
    expect((await refresh(laptop)).body['error'] === 'invalid_grant', 'the old token is refused');
    expect(
      (await refresh(third)).body['error'] === 'invalid_grant',
      'its whole family has ended, the newest token too',
    );
    expect((await refresh(phone)).status === 200, 'the login on the phone is untouched');
  });
}

async function playRotation(): Promise<void> {
  await step('Keys are rotated while calls go on', async () => {
    const tokens = await login();
    const kidOf = (answer: Answer) => decode(text(answer, 'access_token'), 'header')['kid'];
    const before = kidOf(tokens);
    const plan = JSON.parse(await mintd(['keys', 'rotate', '--json'])) as { activates: { kid: string } };
    say('refreshing and calling without pause until the new key signs …');
    const { calls, failures, kid } = await traffic(text(tokens, 'refresh_token'), String(before));
    expect(kid === plan.activates.kid, `the standby of the plan signs now: ${kid}`);
    expect(failures === 0 && calls > 0, `${calls} calls, ${failures} failures`);
    await mintd(['keys', 'list']);
  });
}

/** Refreshes and calls until a token is signed by another key, and a few times more. Quietly. */
async function traffic(firstToken: string, kidBefore: string) {
  let refreshToken = firstToken;
  let [calls, failures, callsAfter, kid] = [0, 0, 0, kidBefore];
  const deadline = Date.now() + 30_000;
  while (callsAfter < 20 && Date.now() < deadline) {
    const form = { grant_type: 'refresh_token', client_id: 'web', refresh_token: refreshToken };
    const response = await fetch(`${ISSUER}/token`, { method: 'POST', body: new URLSearchParams(form) });
    const body = (await response.json()) as Record<string, string>;
    const access = body['access_token'] ?? '';
    const answer = await fetch(`${api}/whoami`, { headers: { authorization: `Bearer ${access}` } });
    calls += 1;
    if (response.status !== 200 || answer.status !== 200) failures += 1;
    refreshToken = body['refresh_token'] ?? refreshToken;
    kid = access === '' ? kid : String(decode(access, 'header')['kid']);
    if (kid !== kidBefore) callsAfter += 1;
  }
  return { calls, failures, kid };
}

try {
  await playSetUp();
  await playTokens();
  await playFamilies();
  await playRotation();
  console.log('\nEverything went as told.');
} catch (error) {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  for (const child of running) child.kill();
  await rm(folder, { recursive: true, force: true });
}
