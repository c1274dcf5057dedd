// A server that is asked for more than it can do: what it answers is good and soon, and when it is over, it is over.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { patientClient, refreshRequest, type Server, startCluster, troubleOf } from './cluster.js';
import { beginLogins, type Crowd, gather } from './crowd.js';
import { SOAK } from './soak.js';
import { send } from './wire.js';

/** So many more each time, until they are too many; a server that may open 4,096 files has room for the last of them. */
const CROWD = 400;
const CROWDS = 8;
const IDLE = SOAK > 1 ? 5_000 : 1_000;
/** What is promised, on a machine that answers a hundred refreshes in half a second. */
const RECOVERED_WITHIN_MS = 2_000;
const HUNDRED_IN_MS = 500;
/** An idle connection costs less than this. */
const IDLE_KIB = 32;

function rssKib({ child }: Server): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]);
}

function sum(crowds: readonly Crowd[], answers: 'servedMs' | 'refusedMs'): number {
  return crowds.reduce((all, crowd) => all + crowd[answers].length, 0);
}

const since = (from: number) => Math.round(performance.now() - from);

async function sitIdle(t: Test, { url }: Server): Promise<Socket[]> {
  const { hostname, port } = new URL(url);
  const sockets = Array.from({ length: IDLE }, () => connect(Number(port), hostname).on('error', () => undefined));
  t.teardown(() => sockets.forEach((socket) => void socket.destroy()));
  // At once, for one that says nothing in its first seconds is closed.
  for (const socket of sockets) socket.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n');
  await Promise.all(sockets.map((socket) => once(socket, 'data')));
  return sockets;
}

t.setTimeout(300_000);

t.test(`connections that refresh without a pause, ${IDLE} that do nothing, and SIGTERM`, async (t) => {
  const cluster = await startCluster(t, { provider: 'sqlite', servers: 1, clients: [patientClient()] });
  const [server] = cluster.servers;
  if (server === undefined) throw new Error('no server');
  const { url } = server;
  const ada = await cluster.addUser('ada');
  const [one = '', two = '', ...others] = await beginLogins(cluster, ada, 102);
  const began = performance.now();
  await Promise.all(others.map((token) => send(url, refreshRequest(token))));
  const slowness = Math.max(1, since(began) / HUNDRED_IN_MS);

  await t.test('more than can be done: served, or told to come back, and over as soon as it is over', async (t) => {
    for (let round = 0; round < SOAK; round++) {
      const tokens = await beginLogins(cluster, ada, CROWD * CROWDS);
      const crowds: Crowd[] = [];
      while (crowds.length < CROWDS && sum(crowds, 'refusedMs') === 0) {
        const crowd = gather(url, tokens.splice(0, CROWD));
        crowds.push(crowd);
        await crowd.untilAnswered(CROWD / 4);
      }
      await Promise.all(crowds.map((crowd) => crowd.untilAnswered(3 * CROWD)));
      t.ok(sum(crowds, 'refusedMs') > 0, `${crowds.length * CROWD} are too many`);
      t.equal((await send(url, { method: 'GET', path: '/.well-known/jwks.json' })).status, 200, 'the keys are there');
      t.equal((await send(url, { method: 'GET', path: '/readyz' })).status, 200, 'and it is ready');
      for (const crowd of crowds) crowd.leave();
      const left = performance.now();
      while ((await send(url, refreshRequest(one))).status !== 200);
      const ms = since(left);
      t.ok(ms < RECOVERED_WITHIN_MS * slowness, `one refresh, right after: ${ms} ms (slowness ${slowness.toFixed(1)})`);
      t.strictSame(
        crowds.flatMap(({ wrong }) => wrong),
        [],
      );
      t.comment(`${sum(crowds, 'servedMs')} served, ${sum(crowds, 'refusedMs')} told to come back`);
    }
  });

  await t.test('connections that do nothing cost little, and nobody time', async (t) => {
    const before = rssKib(server);
    const idle = await sitIdle(t, server);
    const each = (rssKib(server) - before) / IDLE;
    t.ok(each < IDLE_KIB, `${IDLE} idle connections cost ${each.toFixed(1)} KiB each`);
    const from = performance.now();
    t.equal((await send(url, refreshRequest(two))).status, 200);
    t.ok(since(from) < RECOVERED_WITHIN_MS * slowness, `a refresh beside them: ${since(from)} ms`);
    t.ok(
      idle.every(({ destroyed }) => !destroyed),
      'they were all there',
    );
  });

  await t.test('SIGTERM meanwhile: no answer is cut short, no refusal is anything else than 503, exit 0', async (t) => {
    const crowd = gather(url, await beginLogins(cluster, ada, 100));
    await crowd.untilAnswered(200);
    const from = performance.now();
    t.strictSame(await server.stop('SIGTERM'), { code: 0, signal: null });
    t.ok(since(from) < 10_000 + RECOVERED_WITHIN_MS * slowness, `it took ${since(from)} ms`);
    await crowd.over;
    t.strictSame(crowd.wrong, []);
    t.strictSame(crowd.cut, [], 'no answer was cut short');
  });
  t.strictSame(troubleOf([server]), []);
});
