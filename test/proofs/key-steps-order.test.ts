// In which order what is written reaches the disk, with the widest umask: a private key is there for good before the ring
// speaks of it, the ring is there for good before a private key goes, and nobody else can read any of it in between.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { temporaryFolder } from '../helper.js';
import { filesIn } from '../keys/support.js';
import { run, serve } from '../process/harness.js';
import { sceneOf } from './key-crash.js';
import { activeKid, withDatabase, wornRing, youngRing } from './key-crash-rings.js';
import { countSteps, type Step } from './key-steps.js';

/** A step as text, with short names for the keys. */
function told(steps: readonly Step[], names: ReadonlyMap<string, string>): readonly string[] {
  return steps.map(({ call, name, to, flags, mode }) => {
    const parts = [call, name, to, flags, mode?.toString(8)].filter((part) => part !== undefined);
    return [...names].reduce((text, [kid, short]) => text.replaceAll(kid, short), parts.join(' '));
  });
}

/** How a file is written: under another name, whole, on the disk, and only then under its own. */
function written(name: string): readonly string[] {
  const temporary = `${name}.new`;
  return [
    `unlink ${temporary}`,
    `open ${temporary} wx 600`,
    `writeFile ${temporary}`,
    `sync ${temporary}`,
    `rename ${temporary} ${name}`,
    'sync .',
  ];
}

const publishes = (kid: string) => [...written(`${kid}.pem`), `unlink ${kid}.jwe`];
const destroys = (kid: string) => [`unlink ${kid}.pem`, 'sync .', `unlink ${kid}.jwe`];

/** The kids of a folder's ring, old and new, under short names. */
async function named(keysDir: string, before: readonly string[] = []): Promise<ReadonlyMap<string, string>> {
  const kids = (await filesIn(keysDir).read()).keys.map(({ kid }) => kid);
  const fresh = kids.filter((kid) => !before.includes(kid));
  return new Map([
    ...before.map((kid, i) => [kid, `OLD${i}`] as const),
    ...fresh.map((kid, i) => [kid, `NEW${i}`] as const),
  ]);
}

function assertModes(t: Test, keysDir: string): void {
  t.equal(statSync(keysDir).mode & 0o777, 0o700);
  for (const name of readdirSync(keysDir)) t.equal(statSync(join(keysDir, name)).mode & 0o777, 0o600);
}

/** Runs a command on the ring with keys in every state; returns its steps. */
async function stepsOf(t: Test, args: string, env: Record<string, string> = {}): Promise<readonly string[]> {
  const scene = sceneOf(t, { base: await wornRing(), kind: 'files', env });
  const before = (await filesIn(scene.keysDir).read()).keys.map(({ kid }) => kid);
  const steps = countSteps(t, { folder: scene.keysDir });
  t.match(await run(t, scene.folder, args, { ...scene.env, ...steps.env }), { code: 0, err: '' }, args);
  assertModes(t, scene.keysDir);
  const all = told(steps.taken(), await named(scene.keysDir, before));
  // To delete again what is gone says nothing.
  return all.filter((step, i) => !step.startsWith('unlink ') || all.indexOf(step) === i);
}

/** A ring where none was: the folder, the private keys, the ring. */
const MADE_ANEW = [
  ...['mkdir . 700', 'chmod . 700', 'sync ..'],
  ...publishes('NEW0'),
  ...publishes('NEW1'),
  ...written('ring.json'),
];

t.test('the first start: the folder, the private keys, the ring', async (t) => {
  const folder = temporaryFolder(t);
  const keysDir = join(folder, 'keys');
  const steps = countSteps(t, { folder: keysDir });
  const server = await serve(t, folder, { KEYS_DIR: keysDir, ...steps.env });
  await server.stop('SIGTERM');
  t.strictSame(told(steps.taken(), await named(keysDir)), MADE_ANEW);
  assertModes(t, keysDir);
});

t.test('keys rotate: the new private key, the ring, then what is over goes', async (t) => {
  const expected = [...publishes('NEW0'), ...written('ring.json'), ...destroys('OLD0')];
  t.strictSame(await stepsOf(t, 'keys rotate'), expected);
});

t.test('keys revoke: the ring says so before private keys go', async (t) => {
  const steps = await stepsOf(t, `keys revoke ${await activeKid()} --yes`);
  const gone = ['OLD0', 'OLD1', 'OLD2'].flatMap(destroys);
  t.strictSame(steps, [...publishes('NEW0'), ...written('ring.json'), ...gone]);
});

t.test('keys rewrap: the new text of a private key is there before the old one goes', async (t) => {
  const steps = await stepsOf(t, 'keys rewrap', { KEYS_PASSPHRASE: 'the quick brown fox' });
  const anew = ['OLD0', 'OLD1', 'OLD2', 'OLD3'].flatMap((kid) => [
    ...written(`${kid}.jwe`),
    `unlink ${kid}.pem`,
    'sync .',
  ]);
  t.strictSame(steps, anew);
});

t.test('keys copy --to files: as at the first start', async (t) => {
  const scene = sceneOf(t, { base: await withDatabase(t, await youngRing(t)), kind: 'files' });
  const keysDir = join(scene.folder, 'other');
  const steps = countSteps(t, { folder: keysDir });
  const env = { ...scene.env, KEYS_DIR: keysDir, ...steps.env };
  t.match(await run(t, scene.folder, 'keys copy --to files', env), { code: 0, err: '' });
  t.strictSame(told(steps.taken(), await named(keysDir)), MADE_ANEW);
  assertModes(t, keysDir);
});
