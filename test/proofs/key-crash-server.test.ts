// kill -9 at each step of a server's destruction of private halves that have nothing left to do.
import { readdirSync } from 'node:fs';
import t from 'tap';
import { importKey } from '../../src/keys/changes.js';
import { makeKeyPair } from '../../src/keys/rsa.js';
import { filesIn } from '../keys/support.js';
import { assertListed, assertModes, assertWorks, ringText, sceneOf } from './key-crash.js';
import { withEmptyDatabase, wornRing } from './key-crash-rings.js';
import { openAgain, serveUntil, tryEach } from './key-crash-serving.js';
import { LONGER_RUN_ONLY, someSteps } from './soak.js';

t.test(
  'the destruction of private halves, killed at each step: the next server goes on with it',
  LONGER_RUN_ONLY,
  async (t) => {
    const base = await withEmptyDatabase(t, await wornRing());
    const { key } = await makeKeyPair();
    /** Servers look after a ring whenever something in it changes: here soon, when an imported key goes. */
    const sceneOfNow = async () => {
      const scene = sceneOf(t, { base, kind: 'files' });
      await importKey(filesIn(scene.keysDir), key, Date.now() + 3000);
      return scene;
    };
    const { taken } = await serveUntil(t, await sceneOfNow(), /"event":"private_keys_destroyed"/);
    const [first, last] = [taken.findIndex(({ name }) => name === 'ring.json.new'), taken.length];
    const steps = someSteps(last - first, taken.findIndex(({ to }) => to === 'ring.json') + 1 - first);
    t.comment(`the destruction: ${last - first} points to be killed at, ${steps.length} tried`);
    t.ok(last - first > 10);
    await tryEach(steps, async (n) => {
      const scene = await sceneOfNow();
      const before = await ringText(scene);
      const killed = await serveUntil(t, scene, first + n);
      const step = killed.taken.at(-1);
      const what = `killed at ${n}, ${step?.call} ${step?.name.replace(/^[\w-]{43}/, 'KID')}`;
      t.match(killed, { exit: { signal: 'SIGKILL' } }, what);
      const isAfter = killed.taken.findIndex(({ to }) => to === 'ring.json') + 1 > 0 && step?.to === undefined;
      const text = await ringText(scene);
      t.equal(text, isAfter ? killed.taken.find(({ ring }) => ring !== undefined)?.ring : before, `${what}: the ring`);
      await assertListed(t, scene, text, what);
      await assertWorks(t, scene, what);
      assertModes(t, scene, what);
      await openAgain(scene);
      const left = readdirSync(scene.keysDir).filter((name) => name.endsWith('.pem'));
      const needed = (await filesIn(scene.keysDir).read()).keys.slice(2, 4).map(({ kid }) => `${kid}.pem`);
      t.strictSame(left.sort(), needed.sort(), `${what}: the next server leaves no private half of what is over`);
      await assertWorks(t, scene, `${what}, looked after`);
    });
  },
);
