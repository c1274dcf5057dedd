import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { Client as PgClient } from 'pg';
import t from 'tap';
import { faultsOfLine, type LogLine } from '../event-lines.js';
import { emptyDatabaseUrl, temporaryFolder } from '../helper.js';
import { addressOf, freePort, type Mintd, postToken, serve, start } from './harness.js';

/** The `curl` commands among the lines of a text. */
function curlLines(text: string): readonly string[] {
  return text.split('\n').filter((line) => /^ *curl /.test(line));
}

/** Runs a command in sh; without curl on this machine, does with fetch what the command says. */
async function paste(command: string): Promise<string> {
  const ran = await promisify(execFile)('sh', ['-c', command]).catch((error: { code?: unknown }) => error);
  if ('stdout' in ran && !('code' in ran)) return ran.stdout;
  if (!('code' in ran) || ran.code !== 127) throw ran;
  const parameters = [...command.matchAll(/-d (\w+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value]);
  const url = /http:\/\/\S+(?=\/token)/.exec(command)?.[0] ?? '';
  return JSON.stringify((await postToken(url, Object.fromEntries(parameters))).body);
}

/** Every line of a server's stdout as an event; throws when one is not JSON. */
function eventsOf({ lines }: Mintd): readonly Record<string, unknown>[] {
  return lines.map((line) => JSON.parse(line));
}

t.test('mintd serve with no settings at all: paste one line, have a token', async (t) => {
  const folder = temporaryFolder(t);
  const env = { PORT: String(await freePort()), BCRYPT_COST: '10' };
  const first = start(t, folder, 'serve', env);
  t.equal(await addressOf(first), `http://127.0.0.1:${env.PORT}`);
  // The line is written right after the server has begun to listen.
  const [command = '', ...others] = curlLines(await untilCurl(first));
  t.strictSame(others, [], 'it is shown once');
  const body = JSON.parse(await paste(command));
  t.match(body, { token_type: 'Bearer', access_token: /^ey/, refresh_token: /^mrt_/ });
  t.strictSame(await first.stop('SIGTERM'), { code: 0, signal: null });

  const events = eventsOf(first);
  t.ok(events.length > 3, 'stdout is JSON lines and nothing else');
  for (const event of events) t.match(event, { level: Number, time: /^\d{4}-\d\d-\d\dT.*Z$/, msg: String });
  const password = / password=(\S+)/.exec(command)?.[1] ?? 'none';
  for (const secret of [password, body.access_token, body.refresh_token]) {
    t.notMatch(first.lines.join('\n'), secret, 'no secret in any line');
  }

  const second = start(t, folder, 'serve', env);
  await addressOf(second);
  await second.stop('SIGTERM');
  t.equal(second.stderr(), '', 'the second start has nothing to say on stderr');
});

/** All of stderr, as soon as a whole curl line stands in it. */
async function untilCurl(mintd: Mintd): Promise<string> {
  while (!/curl .*\n/.test(mintd.stderr())) {
    if (mintd.child.stderr === null) throw new Error('stderr is not piped');
    await once(mintd.child.stderr, 'data');
  }
  return mintd.stderr();
}

t.test('SIGTERM: a request in flight is finished, nothing new is accepted, exit 0', async (t) => {
  const server = await serve(t, temporaryFolder(t), { LOG_LEVEL: 'debug' });
  const [command = ''] = curlLines(await untilCurl(server));
  const body = [...command.matchAll(/-d (\S+)/g)].map(([, pair]) => pair).join('&');
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname).setEncoding('utf8');
  let answer = '';
  socket.on('data', (text: string) => {
    answer += text;
  });
  socket.write(
    `POST /token HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/x-www-form-urlencoded\r\n` +
      `Content-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
  );
  await once(socket, 'data');
  t.match(answer, /^HTTP\/1.1 100 Continue/, 'the server has the head and waits for the body');

  server.child.kill('SIGTERM');
  await server.waitFor(/"event":"stopping"/);
  socket.write(body);
  await once(socket, 'close');
  t.match(answer, /\r\n\r\nHTTP\/1.1 200 OK\r\n.*"access_token":"ey/s);
  t.strictSame(await server.exit, { code: 0, signal: null });
  t.match(eventsOf(server).at(-1), { event: 'stopped' });
  await t.rejects(postToken(server.url, {}));
});

t.test('SIGINT, as Ctrl-C sends it, is as good; an idle keep-alive connection holds nothing up', async (t) => {
  const server = await serve(t, temporaryFolder(t), { NODE_ENV: 'test' });
  t.equal((await fetch(`${server.url}/livez`, { keepalive: true })).status, 200);
  t.strictSame(await server.stop('SIGINT'), { code: 0, signal: null });
  const listening = eventsOf(server).filter(({ event }) => event === 'listening');
  t.match(listening, [{ listensOn: server.url, msg: `mintd listens on ${server.url}` }]);
});

t.test('a variable of another program that looks like a set setting: the log names it once', async (t) => {
  const server = await serve(t, temporaryFolder(t), { NODE_ENV: 'test', LOGLEVEL: 'WARN', LOG_LEVEL: 'info' });
  await server.stop('SIGTERM');
  const line = eventsOf(server).find(({ event }) => event === 'variable_ignored');
  t.match(line, { variable: 'LOGLEVEL', setting: 'LOG_LEVEL', msg: 'LOGLEVEL is ignored: LOG_LEVEL is set' });
  t.strictSame(faultsOfLine(line as LogLine), []);
});

t.test('SIGUSR2: each request is in the log, until the next one', async (t) => {
  const server = await serve(t, temporaryFolder(t), { NODE_ENV: 'test' });
  const requestId = async () => (await fetch(`${server.url}/livez`)).headers.get('x-request-id') ?? 'none';
  const ids = [await requestId()];
  for (const level of ['debug', 'info']) {
    server.child.kill('SIGUSR2');
    await server.waitFor(new RegExp(`"event":"log_level_changed","logLevel":"${level}"`));
    ids.push(await requestId());
  }
  await server.stop('SIGTERM');
  const http = eventsOf(server).filter(({ event }) => event === 'http');
  t.strictSame(
    http.map((line) => line['requestId']),
    [ids[1]],
  );
});

t.test('two servers started at the same moment on one PostgreSQL and one keys folder both come up', async (t) => {
  const DATABASE_URL = await emptyDatabaseUrl(t, 'postgres');
  const folder = temporaryFolder(t);
  const production = { NODE_ENV: 'production', ISSUER: 'https://login.example.com' };
  const servers = await Promise.all([1, 2].map(() => serve(t, folder, { ...production, DATABASE_URL })));

  const sets = await Promise.all(servers.map(async ({ url }) => (await fetch(`${url}/.well-known/jwks.json`)).json()));
  t.strictSame(sets[0], sets[1], 'they publish the same keys');
  for (const { url } of servers) t.equal((await fetch(`${url}/readyz`)).status, 200);
  const events = servers.flatMap(eventsOf).map(({ event }) => event);
  t.equal(events.filter((event) => event === 'migrated').length, 1, 'one migrated');
  t.equal(events.filter((event) => event === 'key_ring_made').length, 1, 'one made the ring');

  const client = new PgClient({ connectionString: DATABASE_URL });
  await client.connect();
  const { rows } = await client.query('SELECT migration_name, count(*)::int AS n FROM _prisma_migrations GROUP BY 1');
  await client.end();
  t.ok(rows.length > 0);
  t.ok(
    rows.every(({ n }) => n === 1),
    'each migration was applied once',
  );
  for (const server of servers) t.strictSame(await server.stop('SIGTERM'), { code: 0, signal: null });
});

t.test('a signal that comes twice at once, as Ctrl-C under npm does, stops the server in order', async (t) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const mintd = start(t, temporaryFolder(t), 'serve', { PORT: '0', BCRYPT_COST: '10' });
    await mintd.waitFor(/"event":"listening"/);
    for (let i = 0; i < 3; i++) mintd.child.kill(signal);
    t.match(await mintd.waitFor(/"event":"stopping"/), `"signal":"${signal}"`);
    await mintd.waitFor(/"event":"stopped"/);
    t.strictSame(await mintd.exit, { code: 0, signal: null });
  }
});

t.test('a server whose log nothing reads any more stops as ever', async (t) => {
  const mintd = start(t, temporaryFolder(t), 'serve', { PORT: '0', BCRYPT_COST: '10' });
  await mintd.waitFor(/"event":"listening"/);
  mintd.child.stdout?.destroy();
  mintd.child.kill('SIGTERM');
  t.strictSame(await mintd.exit, { code: 0, signal: null });
});

t.test('a server that npm started stops when what started it is gone', async (t) => {
  const folder = temporaryFolder(t);
  const shell = ['sh', '-c', '"$@" & wait', 'sh'];
  const env = { PORT: '0', BCRYPT_COST: '10', npm_command: 'exec' };
  const mintd = start(t, folder, 'serve', env, '', { before: shell });
  await mintd.waitFor(/"event":"listening"/);
  mintd.child.kill('SIGTERM');
  await mintd.waitFor(/"event":"stopped"/);
  t.strictSame(await mintd.exit, { code: null, signal: 'SIGTERM' }, 'the shell is what the signal ended');
});
