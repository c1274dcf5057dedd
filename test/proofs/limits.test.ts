// A running server that the system gives no room any more: no bytes on the disk, no files to open.
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import t from 'tap';
import { logIn, nth, patientClient, refresh, refreshRequest, type Server, startCluster, tokenIn } from './cluster.js';
import { beginLogins } from './crowd.js';
import { send } from './wire.js';

/** Sets a limit of a running process, for instance `--fsize=1000`. */
function limit({ child }: Server, what: string): void {
  execFileSync('prlimit', ['--pid', String(child.pid), what]);
}

const canLimit = process.platform === 'linux' ? {} : { skip: 'prlimit is of Linux' };

t.test('no room on the disk: 503, nothing half-written, and afterwards it goes on', canLimit, async (t) => {
  const cluster = await startCluster(t, { provider: 'sqlite', servers: 1, clients: [patientClient()] });
  const [server] = cluster.servers;
  if (server === undefined) throw new Error('no server');
  const { url } = server;
  const id = await cluster.addUser('ada');
  const chain = await logIn(url, 'ada');
  const tokens = await beginLogins(cluster, id, 20);
  // Less than is there: whatever is written lies beyond it.
  limit(server, '--fsize=4096:unlimited');
  const answers = await Promise.all(tokens.map((one) => send(url, refreshRequest(one))));
  for (const { status, body, headers } of [await send(url, refreshRequest(nth(chain))), ...answers]) {
    t.match({ status, body }, { status: 503, body: { error: 'temporarily_unavailable' } });
    t.match(headers.get('retry-after'), /^\d+$/);
  }
  t.equal((await send(url, { method: 'GET', path: '/.well-known/jwks.json' })).status, 200, 'the keys go on');
  limit(server, '--fsize=unlimited:unlimited');
  await refresh(url, chain);
  for (const one of tokens) tokenIn(await send(url, refreshRequest(one)));
  const [check] = await cluster.database.prisma.$queryRaw<{ integrity_check: string }[]>`PRAGMA integrity_check`;
  t.equal(check?.integrity_check, 'ok');
  t.notOk(
    server.lines.some((line) => /"event":"(failure|crash)"/.test(line)),
    'it found no fault in itself',
  );
  t.strictSame(await server.stop('SIGTERM'), { code: 0, signal: null });
});

t.test('no files left to open: connections are refused, and nobody else notices', canLimit, async (t) => {
  const cluster = await startCluster(t, { provider: 'postgres', servers: 1, clients: [patientClient()] });
  const [server] = cluster.servers;
  if (server === undefined) throw new Error('no server');
  const { url } = server;
  await cluster.addUser('ada');
  const chain = await logIn(url, 'ada');
  const files = readdirSync(`/proc/${server.child.pid}/fd`).length;
  limit(server, `--nofile=${files + 10}:${files + 10}`);
  const { hostname, port } = new URL(url);
  let refused = 0;
  const sockets: Socket[] = [];
  for (let i = 0; i < 50; i++) {
    const socket = connect(Number(port), hostname).on('error', () => undefined);
    sockets.push(socket.on('close', () => void refused++).resume());
  }
  t.teardown(() => sockets.forEach((socket) => void socket.destroy()));
  while (refused < 30) await new Promise((resolve) => setImmediate(resolve));
  for (const socket of sockets) socket.destroy();
  const answer = async () => send(url, refreshRequest(nth(chain))).catch(() => null);
  let reply = await answer();
  while (reply?.status !== 200) reply = await answer();
  t.match(reply, { status: 200 }, 'when they have gone, it goes on');
  t.notOk(
    server.lines.some((line) => /"event":"(failure|crash)"/.test(line)),
    'it found no fault in itself',
  );
  t.strictSame(await server.stop('SIGTERM'), { code: 0, signal: null });
});

t.test(
  'a server that may open few files keeps fewer connections than MAX_CONNECTIONS, and says so',
  canLimit,
  async (t) => {
    const cluster = await startCluster(t, { provider: 'sqlite', servers: 0, clients: [] });
    const server = await cluster.launch({ MAX_CONNECTIONS: '900000' });
    const line = JSON.parse(await server.waitFor(/"event":"connections_limited"/));
    t.match(line, { level: 40, connections: Number });
    t.ok(line.connections < 900_000);
    t.strictSame(await server.stop('SIGTERM'), { code: 0, signal: null });
  },
);
