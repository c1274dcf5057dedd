// A server that is asked for more than it can do: what it answers is good and soon, and when it is over, it is over.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { patientClient, refreshRequest, type Server, startCluster, troubleOf } from './cluster.js';
import { assemble, beginLogins, connectIdle } from './crowd.js';
import { SOAK } from './soak.js';
import { send } from './wire.js';

/** So many more each time, until they are too many; a server that may open 4,096 files has room for the last of them. */
const STEP = 400;
const MOST = 8 * STEP;
const IDLE = SOAK > 1 ? 5_000 : 1_000;
/** What is promised, on a machine that answers a hundred refreshes in half a second. */
const RECOVERED_WITHIN_MS = 2_000;
const HUNDRED_IN_MS = 500;
/** An idle connection costs less than this. */
const IDLE_KIB = 32;

function rssKib({ child }: Server): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]);
}

const since = (from: number) => Math.round(performance.now() - from);

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

  await t.test('connections that do nothing cost little, and nobody time', async (t) => {
    const before = rssKib(server);
    const idle = await connectIdle(url, IDLE);
    t.teardown(() => idle.forEach((socket) => void socket.destroy()));
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

  await t.test('more than can be done: served, or told to come back, and over as soon as it is over', async (t) => {
    for (let round = 0; round < SOAK; round++) {
      const crowd = await assemble(url, await beginLogins(cluster, ada, MOST));
      let begun = 0;
      for (; begun < MOST && crowd.refusedMs.length === 0; begun += STEP) {
        crowd.begin(STEP);
        await crowd.untilAnswered(begun + STEP);
      }
      await crowd.untilAnswered(3 * begun);
      t.ok(crowd.refusedMs.length > 0, `${begun} are too many`);
      t.equal((await send(url, { method: 'GET', path: '/.well-known/jwks.json' })).status, 200, 'the keys are there');
      t.equal((await send(url, { method: 'GET', path: '/readyz' })).status, 200, 'and it is ready');
      crowd.leave();
      const left = performance.now();
      while ((await send(url, refreshRequest(one))).status !== 200);
      const ms = since(left);
      t.ok(ms < RECOVERED_WITHIN_MS * slowness, `one refresh, right after: ${ms} ms (slowness ${slowness.toFixed(1)})`);
      t.strictSame(crowd.wrong, []);
      t.comment(`${crowd.servedMs.length} served, ${crowd.refusedMs.length} told to come back`);
    }
  });

  await t.test('SIGTERM meanwhile: no answer is cut short, no refusal is anything else than 503, exit 0', async (t) => {
    const crowd = await assemble(url, await beginLogins(cluster, ada, 100));
    crowd.begin(100);
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
