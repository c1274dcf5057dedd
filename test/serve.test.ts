import { once } from 'node:events';
import { existsSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { readConfig } from '../src/config.js';
import { type RunningServer, startServer } from '../src/serve.js';
import { openDatabase, type Provider } from '../src/store/database.js';
import { makeNewer } from './cli/harness.js';
import { emptyDatabaseUrl, PROVIDERS, temporaryFolder } from './helper.js';
import { cable, freePort, postToken } from './process/harness.js';

/** A place for servers: a database, a folder for keys, and what a server there logged. */
type Site = {
  readonly databaseUrl: string;
  readonly keysDir: string;
  readonly log: string[];
  start(environment?: Record<string, string>): Promise<RunningServer>;
  /** The message of a start that is refused. */
  refusal(environment?: Record<string, string>): Promise<string>;
};

const PRODUCTION = { NODE_ENV: 'production', ISSUER: 'https://login.example.com' };

async function site(t: Test, provider: Provider): Promise<Site> {
  const databaseUrl = await emptyDatabaseUrl(t, provider);
  const keysDir = join(temporaryFolder(t), 'keys');
  const log: string[] = [];
  const logger = pino({ level: 'info', base: null }, { write: (line: string) => log.push(line) });
  async function start(environment: Record<string, string> = {}): Promise<RunningServer> {
    const here = { DATABASE_URL: databaseUrl, KEYS_DIR: keysDir, HOST: '127.0.0.1', PORT: '0', BCRYPT_COST: '10' };
    const server = await startServer(readConfig({ ...here, ...environment }), logger);
    t.teardown(() => server.close());
    return server;
  }
  async function refusal(environment?: Record<string, string>): Promise<string> {
    const server = await start(environment).catch((error: unknown) => (error instanceof Error ? error.message : ''));
    return typeof server === 'string' ? server : 'it started';
  }
  return { databaseUrl, keysDir, log, start, refusal };
}

async function getJson(url: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const reply = await fetch(url);
  return { status: reply.status, body: (await reply.json()) as Record<string, unknown> };
}

for (const provider of PROVIDERS) {
  t.test(`on ${provider}: the first start in development makes everything a first try needs, once`, async (t) => {
    const { start, keysDir, log } = await site(t, provider);
    const first = await start();
    t.match(log.join(''), /"event":"migrated".*"event":"key_ring_made"/s);
    t.equal(readdirSync(keysDir).filter((name) => name.endsWith('.pem')).length, 2, 'one signs, one stands by');
    t.match(await getJson(`${first.address}/readyz`), { status: 200, body: { status: 'ready' } });
    if (first.demo === null) throw new Error('no demo accounts');
    const { clientId, username, password } = first.demo;
    const answer = await postToken(first.address, {
      grant_type: 'password',
      client_id: clientId,
      username,
      password,
    });
    t.match(answer, { status: 200, body: { access_token: String, refresh_token: /^mrt_/ } });
    const jwks = await getJson(`${first.address}/.well-known/jwks.json`);
    await first.close();
    await t.rejects(fetch(`${first.address}/livez`), 'it is closed');

    log.length = 0;
    const second = await start();
    t.equal(second.demo, null, 'the password is shown once');
    t.notMatch(log.join(''), /"event":"(migrated|key_ring_made)"/, 'everything is there');
    t.strictSame(await getJson(`${second.address}/.well-known/jwks.json`), jwks);
  });

  t.test(`on ${provider}: production makes no accounts`, async (t) => {
    const { start, databaseUrl } = await site(t, provider);
    const server = await start(PRODUCTION);
    t.equal(server.demo, null);
    const database = await openDatabase(databaseUrl);
    t.teardown(() => database.close());
    t.equal(await database.prisma.user.count(), 0);
    t.equal(await database.prisma.client.count(), 0);
    t.match(await getJson(`${server.address}/.well-known/oauth-authorization-server`), {
      body: { issuer: 'https://login.example.com', token_endpoint: 'https://login.example.com/token' },
    });
  });

  t.test(`on ${provider}: a lost or broken key ring stops the start, and nothing else`, async (t) => {
    const { start, refusal, keysDir } = await site(t, provider);
    await (await start(PRODUCTION)).close();
    renameSync(keysDir, `${keysDir}.lost`);
    t.match(await refusal(PRODUCTION), /^[^\n]*there is no key ring in [^\n]*keys: restore it[^\n]*$/);
    t.notOk(existsSync(keysDir), 'no new one is made');
    renameSync(`${keysDir}.lost`, keysDir);
    const pem = readdirSync(keysDir).find((name) => name.endsWith('.pem')) ?? '';
    renameSync(join(keysDir, pem), join(keysDir, 'away'));
    t.match(
      await refusal(PRODUCTION),
      /^[^\n]*\.pem: it is missing; restore it from a backup, or give the key up with [^\n]*$/,
    );
    renameSync(join(keysDir, 'away'), join(keysDir, pem));
    await start(PRODUCTION);
  });

  t.test(`on ${provider}: AUTO_MIGRATE=off leaves migrating to mintd migrate`, async (t) => {
    const { start, refusal, keysDir } = await site(t, provider);
    const off = { ...PRODUCTION, AUTO_MIGRATE: 'off' };
    // An SQLite file that is not there is not made either.
    const message = await refusal(off);
    if (provider === 'postgres') t.match(message, /^the database lacks \d+ migration\(s\), first \d+_init: [^\n]*$/);
    t.match(message, /mintd migrate/, 'the way out is named');
    t.notMatch(message, '\n', 'in one line');
    t.notOk(existsSync(keysDir));
    await (await start(PRODUCTION)).close();
    await start(off);
  });

  t.test(`on ${provider}: the database of a newer mintd is left alone`, async (t) => {
    const { start, refusal, databaseUrl } = await site(t, provider);
    await (await start(PRODUCTION)).close();
    const database = await openDatabase(databaseUrl);
    await makeNewer(database);
    t.match(await refusal(PRODUCTION), /^the database was made by a newer mintd [^\n]*$/);
    await database.prisma.$executeRaw`DELETE FROM _prisma_migrations WHERE id = 'newer'`;
    await database.close();
    await start(PRODUCTION);
  });
}

t.test('a port in use stops the start, and the next one works', async (t) => {
  const { start, refusal } = await site(t, 'sqlite');
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const PORT = String((other.address() as { port: number }).port);
  t.match(
    await refusal({ PORT }),
    new RegExp(`^something else listens on 127.0.0.1:${PORT} already: set PORT to another$`),
  );
  other.close();
  await once(other, 'close');
  const { demo } = await start({ PORT });
  t.ok(demo, 'a first start that failed has not used up the demo accounts');
});

t.test('a HOST that is no address of this machine stops the start, and the next one works', async (t) => {
  const { start, refusal } = await site(t, 'sqlite');
  t.match(await refusal({ HOST: '192.0.2.1' }), /^HOST=192\.0\.2\.1: this machine has no such address; [^\n]*$/);
  t.match(await refusal({ HOST: 'mymachine.invalid' }), /^HOST=mymachine\.invalid: [^\n]*$/);
  t.ok((await start()).demo, 'nothing is used up or locked');
});

t.test('a second server on the same SQLite file is refused, whatever it calls the file', async (t) => {
  const { start, refusal, databaseUrl } = await site(t, 'sqlite');
  const first = await start(PRODUCTION);
  t.match(await refusal(PRODUCTION), /^another mintd server is using [^\n]*$/);
  const link = join(temporaryFolder(t), 'link.db');
  symlinkSync(databaseUrl.replace('file:', ''), link);
  t.match(await refusal({ ...PRODUCTION, DATABASE_URL: `file:${link}` }), /^another mintd server is using /);
  t.match(await getJson(`${first.address}/readyz`), { status: 200 }, 'the first is undisturbed');
  await first.close();
  await start(PRODUCTION);
});

t.test('two servers on one PostgreSQL are fine', async (t) => {
  const { start } = await site(t, 'postgres');
  const [one, two] = [await start(PRODUCTION), await start(PRODUCTION)];
  for (const { address } of [one, two]) t.match(await getJson(`${address}/readyz`), { status: 200 });
});

t.test('readyz says when the database is gone; livez and the keys go on; then it recovers', async (t) => {
  const { start, databaseUrl } = await site(t, 'postgres');
  const { url, cut, mend } = await cable(t, databaseUrl);
  const { address } = await start({ ...PRODUCTION, DATABASE_URL: url });
  t.match(await getJson(`${address}/readyz`), { status: 200, body: { checks: { database: true, keys: true } } });
  cut();
  const began = Date.now();
  const gone = await fetch(`${address}/readyz`);
  t.equal(gone.status, 503);
  t.match(gone.headers.get('retry-after'), /^\d+$/);
  t.match(await gone.json(), { status: 'not ready', checks: { database: false, keys: true } });
  const login = { grant_type: 'password', client_id: 'app', username: 'ada', password: 'correct horse battery' };
  t.match(await postToken(address, login), { status: 503, body: { error: 'temporarily_unavailable' } });
  t.ok(Date.now() - began < 6000, 'each within 3 s');
  t.match(await getJson(`${address}/livez`), { status: 200 });
  t.match(await getJson(`${address}/.well-known/jwks.json`), { status: 200 });
  await mend();
  t.match(await getJson(`${address}/readyz`), { status: 200 });
});

t.test('a PostgreSQL nobody answers for stops the start with one clear line', async (t) => {
  const { refusal, databaseUrl } = await site(t, 'postgres');
  const url = new URL(databaseUrl);
  url.port = String(await freePort());
  const message = await refusal({ ...PRODUCTION, DATABASE_URL: url.href });
  t.match(message, /^[^\n]*(ECONNREFUSED|reach)[^\n]*$/);
});

t.test('in development the folder of an SQLite file is made, in production it must be there', async (t) => {
  const { start, refusal } = await site(t, 'sqlite');
  const folder = join(temporaryFolder(t), 'data');
  const DATABASE_URL = `file:${join(folder, 'mintd.db')}`;
  t.match(await refusal({ ...PRODUCTION, DATABASE_URL }), `the folder of DATABASE_URL is not there: ${folder}`);
  t.notOk(existsSync(folder));
  await start({ DATABASE_URL });
  t.ok(existsSync(folder));
});

t.test('a ring others can read, or an edited one, stops the start', async (t) => {
  const { start, refusal, keysDir } = await site(t, 'sqlite');
  await (await start(PRODUCTION)).close();
  const ring = join(keysDir, 'ring.json');
  renameSync(ring, `${ring}.good`);
  writeFileSync(ring, '{}', { mode: 0o644 });
  t.match(await refusal(PRODUCTION), /^[^\n]*ring.json: others can read it \(mode 644\): chmod 600 it$/);
  rmSync(ring);
  writeFileSync(ring, '{}', { mode: 0o600 });
  t.match(await refusal(PRODUCTION), /^[^\n]*ring.json: it is not a key ring[^\n]*$/);
  rmSync(ring);
  t.match(await refusal(PRODUCTION), /^there is no key ring in [^\n]*$/);
  renameSync(`${ring}.good`, ring);
  await start(PRODUCTION);
});
