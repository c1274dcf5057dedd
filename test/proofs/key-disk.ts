// A disk that is full or broken: whatever step of a command fails, it says so and names the file, and the ring is the one
// before or the one after.
import type { Test } from 'tap';
import { run } from '../process/harness.js';
import { assertListed, assertModes, assertWorks, ringText, sceneOf } from './key-crash.js';
import { tryEach } from './key-crash-serving.js';
import { countSteps, type StepOptions } from './key-steps.js';
import { someSteps } from './soak.js';

type Code = 'ENOSPC' | 'EIO' | 'EACCES';

/** A command, and the folder with the ring it is run on a copy of. */
type Run = { readonly args: string; readonly base: string };

/** Runs a command of which one step fails. */
async function runWith(t: Test, { args, base }: Run, options: Omit<StepOptions, 'folder'>) {
  const scene = sceneOf(t, { base, kind: 'files' });
  const steps = countSteps(t, { folder: scene.keysDir, ...options });
  const before = await ringText(scene);
  const ended = await run(t, scene.folder, args, { ...scene.env, ...steps.env });
  return { scene, before, ended, taken: steps.taken() };
}

async function failAt(t: Test, one: Run, at: number, act: Code): Promise<void> {
  const { scene, before, ended, taken } = await runWith(t, one, { at, act });
  const failed = taken[at - 1];
  const what = `${act} at ${at}, ${failed?.call} ${failed?.name.replace(/^[\w-]{43}/, 'KID')}`;
  // What is cleared away beforehand need not be there, and fails again with the next step if the disk is to blame.
  const isHarmless = failed?.call === 'unlink' && failed.name.endsWith('.new');
  if (isHarmless) t.match(ended, { code: 0, err: '' }, what);
  else {
    t.match({ code: ended.code, out: ended.out }, { code: 1, out: '' }, what);
    t.match(ended.err, new RegExp(`^mintd: [^\\n]*${act}[^\\n]*\\n$`), `${what}: one line that says why`);
    t.match(ended.err, scene.keysDir, `${what}: and names the file`);
  }
  const text = await ringText(scene);
  const written = taken.find(({ ring }) => ring !== undefined)?.ring;
  const hasTurned = taken.findIndex(({ to }) => to === 'ring.json') + 1;
  const isAfter = hasTurned > 0 && (hasTurned < at || isHarmless);
  t.equal(text, isAfter ? written : before, `${what}: the ring ${isAfter ? 'after' : 'before'}`);
  await assertListed(t, scene, text, what);
  await assertWorks(t, scene, what);
  assertModes(t, scene, what);
}

/** Runs the command unharmed once, then with its first step failing, with its second, and so on. */
export async function failAtEachStep(t: Test, one: Run, act: Code): Promise<void> {
  const { ended, taken } = await runWith(t, one, {});
  t.match(ended, { code: 0, err: '' });
  const turn = taken.findIndex(({ to }) => to === 'ring.json') + 1;
  const steps = [...new Set([1, ...someSteps(taken.length, turn)])];
  t.comment(`mintd ${one.args}: ${taken.length} steps to fail with ${act}, ${steps.length} tried`);
  await tryEach(steps, (step) => failAt(t, one, step, act));
}
