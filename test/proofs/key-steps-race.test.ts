// Several at once: one rotation is one rotation, and what took too long to be true is not written.
import { Client as PgClient } from 'pg';
import t, { type Test } from 'tap';
import { copyRing } from '../../src/keys/changes.js';
import { PROVIDERS, testDatabase } from '../helper.js';
import { filesIn } from '../keys/support.js';
import { run, start } from '../process/harness.js';
import { assertWorks, onStore, ringText, type Scene, sceneOf } from './key-crash.js';
import { withEmptyDatabase, youngRing } from './key-crash-rings.js';
import { countSteps, reached } from './key-steps.js';
import { LONGER_RUN_ONLY } from './soak.js';

const UNDER_WAY = /^mintd: a rotation is under way: .*\n$/;

/** A scene whose ring is in the database. */
async function inDatabase(t: Test, url: string): Promise<Scene> {
  const base = await youngRing(t);
  const scene = sceneOf(t, { base, kind: 'database', env: { DATABASE_URL: url } });
  await onStore(scene, (store) => copyRing(filesIn(scene.keysDir), store, false));
  return scene;
}

async function rotateAtOnce(t: Test, scene: Scene): Promise<void> {
  const ended = await Promise.all(Array.from({ length: 4 }, () => run(t, scene.folder, 'keys rotate', scene.env)));
  t.equal(ended.filter(({ code }) => code === 0).length, 1, 'one rotates');
  for (const one of ended.filter(({ code }) => code !== 0)) t.match(one, { code: 1, out: '', err: UNDER_WAY });
  t.equal((await onStore(scene, (store) => store.read())).keys.length, 3, 'and one standby was published');
  t.strictSame(await onStore(scene, (store) => store.leftovers()), [], 'the others leave nothing');
  await assertWorks(t, scene, 'afterwards');
}

t.test('four `keys rotate` at once on files: one wins', async (t) => {
  const base = await withEmptyDatabase(t, await youngRing(t));
  await rotateAtOnce(t, sceneOf(t, { base, kind: 'files' }));
});

for (const provider of PROVIDERS) {
  t.test(`four \`keys rotate\` at once on a ring in ${provider}: one wins`, async (t) => {
    await rotateAtOnce(t, await inDatabase(t, (await testDatabase(t, provider)).url));
  });

  t.test(`a \`keys rotate\` on ${provider} that another one overtakes at the last moment is refused`, async (t) => {
    const scene = await inDatabase(t, (await testDatabase(t, provider)).url);
    // Three readings, each before and after; then the one statement that writes.
    const steps = countSteps(t, { folder: scene.keysDir, statements: provider, at: 7, act: 'SIGSTOP' });
    const slow = start(t, scene.folder, 'keys rotate', { ...scene.env, ...steps.env });
    await reached(steps, 7);
    t.match(steps.taken().at(-1), { call: 'before', name: 'UPDATE' });
    t.match(await run(t, scene.folder, 'keys rotate', scene.env), { code: 0, err: '' });
    const after = await ringText(scene);
    slow.child.kill('SIGCONT');
    t.match(await slow.exit, { code: 1 });
    t.match(slow.stderr(), UNDER_WAY);
    t.equal(await ringText(scene), after, 'what the other one wrote stays');
  });
}

t.test('a `keys rotate` that stands still for longer than a poll changes nothing', async (t) => {
  const scene = sceneOf(t, { base: await youngRing(t), kind: 'files' });
  const before = await ringText(scene);
  const unharmed = countSteps(t, { folder: scene.keysDir });
  const twin = sceneOf(t, { base: scene.folder, kind: 'files' });
  await run(t, twin.folder, 'keys rotate', { ...twin.env, ...unharmed.env, KEY_STEPS_FOLDER: twin.keysDir });
  // The last step before the ring gets its name.
  const at = unharmed.taken().findIndex(({ to }) => to === 'ring.json');
  const steps = countSteps(t, { folder: scene.keysDir, at, act: 'SIGSTOP' });
  const slow = start(t, scene.folder, 'keys rotate', { ...scene.env, ...steps.env });
  await reached(steps, at);
  const { code, err } = await run(t, scene.folder, 'keys rotate', scene.env);
  t.match({ code, err }, { code: 1, err: /^mintd: another process has been changing .* for more than 5 s\n$/ });
  slow.child.kill('SIGCONT');
  t.match(await slow.exit, { code: 1 });
  t.match(slow.stderr(), /^mintd: .*ring.json: writing took \d+ s, so nothing was changed: try again\n$/);
  t.equal(await ringText(scene), before);
  t.match(await run(t, scene.folder, 'keys rotate', scene.env), { code: 0, err: '' }, 'the next one can');
  await assertWorks(t, scene, 'afterwards');
});

t.test('a `keys rotate` on PostgreSQL that waits for longer than a poll keeps its word', LONGER_RUN_ONLY, async (t) => {
  const { url } = await testDatabase(t, 'postgres');
  const scene = await inDatabase(t, url);
  const holder = new PgClient({ connectionString: url });
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query('SELECT version FROM key_rings FOR UPDATE');
  const rotating = run(t, scene.folder, 'keys rotate', scene.env);
  await holder.query('SELECT pg_sleep(9)');
  const freedAt = Date.now();
  await holder.query('COMMIT');
  await holder.end();
  const { code, err } = await rotating;
  const published = (await onStore(scene, (store) => store.read())).keys.at(-1)?.publishedAt ?? 0;
  if (code === 0) {
    const lateSeconds = (freedAt - published) / 1000;
    t.ok(lateSeconds <= 5, `nobody could see the new key before, but the ring says ${lateSeconds} s ago`);
  } else {
    t.match(err, /writing took \d+ s, so nothing was changed|cannot be reached|database/, 'it is refused');
  }
});
