// kill -9 at each step of the first start, which makes the ring.
import { existsSync } from 'node:fs';
import t from 'tap';
import { temporaryFolder } from '../helper.js';
import { assertListed, assertModes, assertWorks, ringText, sceneOf } from './key-crash.js';
import { withEmptyDatabase } from './key-crash-rings.js';
import { openAgain, serveUntil, tryEach } from './key-crash-serving.js';
import { LONGER_RUN_ONLY, someSteps } from './soak.js';

t.test(
  'the first start, killed at each step of making the ring: the next one makes it, or finds it whole',
  LONGER_RUN_ONLY,
  async (t) => {
    const base = await withEmptyDatabase(t, temporaryFolder(t));
    const { taken } = await serveUntil(t, sceneOf(t, { base, kind: 'files' }), /mintd listens/);
    const steps = someSteps(taken.length, taken.findIndex(({ to }) => to === 'ring.json') + 1);
    t.comment(`the first start: ${taken.length} points to be killed at, ${steps.length} tried`);
    t.ok(taken.length > 20);
    await tryEach(steps, async (at) => {
      const scene = sceneOf(t, { base, kind: 'files' });
      const killed = await serveUntil(t, scene, at);
      const what = `killed at ${at}, ${killed.taken.at(-1)?.call}`;
      t.match(killed, { exit: { signal: 'SIGKILL' }, taken: { length: at } }, what);
      const before = await ringText(scene);
      const turned = killed.taken.findIndex(({ to }) => to === 'ring.json') + 1;
      t.equal(before !== null, turned > 0 && turned < at, `${what}: a ring is there as soon as it is whole`);
      await assertListed(t, scene, before, what);
      if (existsSync(scene.keysDir)) assertModes(t, scene, what);
      await openAgain(scene);
      if (before !== null) t.equal(await ringText(scene), before, `${what}: the ring that was made is kept`);
      await assertWorks(t, scene, what);
    });
  },
);
