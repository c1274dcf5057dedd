// A server whose disk is full when its key is to be rotated.
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { makeRing } from '../cli/harness.js';
import { temporaryFolder } from '../helper.js';
import { filesIn } from '../keys/support.js';
import { logIn, patientClient, startCluster } from './cluster.js';
import { countSteps } from './key-steps.js';
import { LONGER_RUN_ONLY } from './soak.js';

const kidOf = (token: string): string => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid;

t.test(
  'a full disk: the server goes on signing with its ring, says so, and rotates when there is room again',
  LONGER_RUN_ONLY,
  async (t) => {
    const cluster = await startCluster(t, { provider: 'sqlite', servers: 0, clients: [patientClient()] });
    await cluster.addUser('ada');
    await makeRing(cluster.keysDir, 40 * 86_400);
    const [active, standby] = (await filesIn(cluster.keysDir).read()).keys;
    const before = readdirSync(cluster.keysDir)
      .filter((name) => name !== '.lock')
      .sort();
    const isFull = join(temporaryFolder(t), 'full');
    writeFileSync(isFull, '');
    const steps = countSteps(t, { folder: cluster.keysDir, act: 'ENOSPC', switchFile: isFull });
    const server = await cluster.launch(steps.env);

    const failures = () => server.lines.filter((line) => line.includes('"event":"key_upkeep_failed"'));
    for (let tries = 1; tries <= 3; tries++) {
      while (failures().length < tries) await logIn(server.url, 'ada');
      const { accessToken } = await logIn(server.url, 'ada');
      t.equal(kidOf(accessToken), active?.kid, 'the same key signs');
    }
    t.match(JSON.parse(failures()[0] ?? ''), { level: 50, err: { message: /ENOSPC/ } });
    t.match(failures()[0], cluster.keysDir, 'and the file is named');
    t.equal((await fetch(`${server.url}/readyz`)).status, 200);
    const after = readdirSync(cluster.keysDir).filter((name) => name !== '.lock');
    t.ok(
      after.length <= before.length + 1,
      `what fails again and again does not pile up: ${after.length - before.length} files more`,
    );

    rmSync(isFull);
    await server.waitFor(/"event":"key_rotated"/);
    let { accessToken } = await logIn(server.url, 'ada');
    while (kidOf(accessToken) === active?.kid) ({ accessToken } = await logIn(server.url, 'ada'));
    t.equal(kidOf(accessToken), standby?.kid);
    await server.stop('SIGTERM');
  },
);
