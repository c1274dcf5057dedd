// Servers beside commands that change the same ring.
import { join } from 'node:path';
import t from 'tap';
import { prepareRing, rotateKeys } from '../../src/keys/rotate.js';
import { makeRing } from '../cli/harness.js';
import { filesIn, TIMING } from '../keys/support.js';
import { run, start } from '../process/harness.js';
import { patientClient, startCluster } from './cluster.js';
import { countSteps, reached } from './key-steps.js';
import { LONGER_RUN_ONLY } from './soak.js';

t.test(
  'a server with work to do beside a command that stands still: it says so, goes on, and does it later',
  LONGER_RUN_ONLY,
  async (t) => {
    const cluster = await startCluster(t, { provider: 'sqlite', servers: 0, clients: [patientClient()] });
    const store = filesIn(cluster.keysDir);
    const soon = () => Date.now() - 950_000;
    await prepareRing(store, false, TIMING, soon);
    await rotateKeys(store, {}, soon);
    const [old] = (await store.read()).keys;
    const server = await cluster.launch();
    const steps = countSteps(t, { folder: cluster.keysDir, at: 1, act: 'SIGSTOP' });
    const env = { KEYS_DIR: cluster.keysDir, ...steps.env };
    const slow = start(t, join(cluster.keysDir, '..'), 'keys rotate --force', env);
    await reached(steps, 1);
    const line = await server.waitFor(/"event":"key_upkeep_failed"/);
    t.match(line, /another process has been changing .* for more than 5 s/, 'the server says what keeps it');
    t.equal((await fetch(`${server.url}/readyz`)).status, 200, 'and goes on');
    slow.child.kill('SIGCONT');
    t.match(await slow.exit, { code: 1 });
    t.match(slow.stderr(), /writing took \d+ s, so nothing was changed: try again/);
    t.match(await server.waitFor(/"event":"private_keys_destroyed"/), old?.kid);
    t.match((await store.read()).keys, { length: 3 });
    await server.stop('SIGTERM');
  },
);

t.test('a server can start while a command stands still in the middle of a change', LONGER_RUN_ONLY, async (t) => {
  const cluster = await startCluster(t, { provider: 'sqlite', servers: 0, clients: [patientClient()] });
  await makeRing(cluster.keysDir);
  const steps = countSteps(t, { folder: cluster.keysDir, at: 1, act: 'SIGSTOP' });
  const env = { KEYS_DIR: cluster.keysDir, ...steps.env };
  start(t, join(cluster.keysDir, '..'), 'keys rotate', env);
  await reached(steps, 1);
  const server = await cluster.launch();
  t.equal((await fetch(`${server.url}/readyz`)).status, 200);
  await server.stop('SIGTERM');
});

t.test(
  'a `keys rotate` while a server is in the middle of its own rotation waits for it',
  LONGER_RUN_ONLY,
  async (t) => {
    const cluster = await startCluster(t, { provider: 'sqlite', servers: 0, clients: [patientClient()] });
    await makeRing(cluster.keysDir, 40 * 86_400);
    const folder = cluster.keysDir;
    const steps = countSteps(t, { folder, at: 1, act: 'SIGSTOP' });
    const server = await cluster.launch(steps.env);
    await reached(steps, 1);
    const rotating = run(t, join(folder, '..'), 'keys rotate', { KEYS_DIR: folder });
    server.child.kill('SIGCONT');
    await server.waitFor(/"event":"key_rotated"/);
    const { code, err } = await rotating;
    const { keys } = await filesIn(folder).read();
    // Within the second before the server's rotation holds it is refused; after that it is one more, and wanted.
    if (code === 1) t.match(err, /a rotation is under way/);
    t.equal(keys.length, code === 1 ? 3 : 4);
    t.equal(keys.filter(({ activatesAt }) => activatesAt === null).length, 1, 'one stands by');
    await server.stop('SIGTERM');
  },
);
