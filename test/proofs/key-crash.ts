// kill -9 at each step of a command that works on the key ring, and what must hold after each of them.
import { cpSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { compactVerify, createLocalJWKSet } from 'jose';
import type { Test } from 'tap';
import { readConfig } from '../../src/config.js';
import { databaseStore, fileStore } from '../../src/key-store.js';
import { parseRing } from '../../src/keys/ring-format.js';
import { signerOf } from '../../src/keys/signer.js';
import type { KeyStore } from '../../src/keys/store.js';
import type { KeyRing } from '../../src/oauth/key-ring.js';
import { type Database, openDatabase } from '../../src/store/database.js';
import { openKeyRings } from '../../src/store/key-rings.js';
import { emptyCommandLine } from '../cli/harness.js';
import { temporaryFolder } from '../helper.js';
import { start } from '../process/harness.js';
import { countSteps, type Step } from './key-steps.js';
import { someSteps } from './soak.js';

type Kind = 'files' | 'database';

/** A command, and what it is run on. */
export type Crash = {
  readonly args: string;
  /** A folder with the keys in `keys`, and the database in `mintd.db` where one is needed. It is copied for each run. */
  readonly base: string;
  /** Where the ring is that the command changes. */
  readonly kind: Kind;
  readonly env?: Record<string, string>;
  /** What the command says when it is run again after it had been done; left out where it can be done again. */
  readonly again?: RegExp;
  /** Whether it writes private keys alone. */
  readonly keepsRing?: true;
  /** Whether a normal run tries some of its steps alone: they are the same calls as those of other commands. */
  readonly isSampled?: true;
  /** Of a ring that is not in the folder: puts it there as it was. */
  readonly reset?: () => Promise<void>;
};

/** One run of the command, in a folder of its own. */
export type Scene = {
  readonly folder: string;
  readonly keysDir: string;
  readonly kind: Kind;
  readonly env: Record<string, string>;
};

export const KEYS_ENCRYPTION_KEY = Buffer.alloc(32, 7).toString('base64');

export function sceneOf(t: Test, { base, kind, env = {} }: Omit<Crash, 'args'>): Scene {
  const folder = join(temporaryFolder(t), 'scene');
  cpSync(base, folder, { recursive: true });
  const keysDir = join(folder, 'keys');
  const place = { KEYS_DIR: keysDir, DATABASE_URL: `file:${join(folder, 'mintd.db')}`, KEYS_ENCRYPTION_KEY };
  return { folder, keysDir, kind, env: { ...place, KEY_STORE: kind, ...env } };
}

/** Works on a ring as the program's settings say. */
export async function onStore<T>(
  { env, kind }: Pick<Scene, 'env' | 'kind'>,
  work: (store: KeyStore) => Promise<T>,
): Promise<T> {
  const config = readConfig(env);
  if (kind === 'files') return work(fileStore(config));
  return onDatabase(env, (database) => work(databaseStore(config, database)));
}

async function onDatabase<T>(env: Scene['env'], work: (database: Database) => Promise<T>): Promise<T> {
  const database = await openDatabase(env['DATABASE_URL'] ?? '');
  return work(database).finally(() => database.close());
}

/** The ring's text as it is kept; null where there is none. */
export async function ringText(scene: Scene): Promise<string | null> {
  if (scene.kind === 'database') {
    return onDatabase(scene.env, async (database) => (await openKeyRings(database).read())?.ring ?? null);
  }
  const path = join(scene.keysDir, 'ring.json');
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}

/** The ring is whole: everything that may sign can, and what is signed verifies by what is published. */
export async function assertWorks(t: Test, scene: Scene, what: string): Promise<void> {
  const now = Date.now();
  const signer = signerOf(await onStore(scene, (store) => store.load(now)));
  const jwks = JSON.parse(signer.jwks(now).text);
  const token = await signer.sign({ sub: 'ada' }, now);
  const { payload } = await compactVerify(token, createLocalJWKSet(jwks));
  t.strictSame(JSON.parse(Buffer.from(payload).toString()), { sub: 'ada' }, `${what}: signs and verifies`);
}

/** The private halves that a ring needs, or may still need. */
function neededKids(ring: KeyRing): readonly string[] {
  return ring.keys
    .filter(({ importedUntil, destroyedAt }) => importedUntil === null && destroyedAt === null)
    .map(({ kid }) => kid)
    .sort();
}

/** `keys prune` leaves the ring, the lock and one file for each private half, and none of these is missing. */
async function assertPruned(t: Test, scene: Scene, what: string): Promise<void> {
  const commands = emptyCommandLine(t);
  t.match(await commands.mintd('keys prune --yes', { environment: scene.env }), { code: 0, err: '' }, `${what}: prune`);
  const text = await ringText(scene);
  if (scene.kind === 'database' || text === null) return;
  const names = readdirSync(scene.keysDir).filter((name) => name !== '.lock' && name !== 'ring.json');
  const kids = names.map((name) => name.replace(/\.(pem|jwe)$/, '')).sort();
  t.strictSame(kids, neededKids(parseRing(text)), `${what}: prune leaves the ring's private halves and nothing else`);
}

export function assertModes(t: Test, { keysDir }: Scene, what: string): void {
  const names = existsSync(keysDir) ? readdirSync(keysDir) : [];
  const wrong = names.filter((name) => (statSync(join(keysDir, name)).mode & 0o777) !== 0o600);
  t.strictSame(wrong, [], `${what}: every file is its owner's alone`);
}

/** `keys list` shows a whole ring, or says that there is none. */
export async function assertListed(t: Test, scene: Scene, text: string | null, what: string): Promise<void> {
  const environment = scene.env;
  const { code, out, err } = await emptyCommandLine(t).mintd('keys list --json', { environment });
  if (text === null) {
    t.match({ code, out, err }, { code: 1, out: '', err: /there is no key ring/ }, what);
    return;
  }
  const listed: readonly { kid: string; activates_at: string | null }[] = JSON.parse(out);
  const shown = listed.map(({ kid, activates_at }) => [kid, activates_at === null ? null : Date.parse(activates_at)]);
  const kept = parseRing(text).keys.map(({ kid, activatesAt }) => [
    kid,
    activatesAt === null ? null : Math.floor(activatesAt / 1000) * 1000,
  ]);
  t.strictSame(shown, kept, `${what}: keys list shows it`);
}

/** From which step on the ring is the new one. */
function turningPoint(steps: readonly Step[], kind: Kind): number {
  const isTurn = ({ call, name, to }: Step) =>
    kind === 'files' ? call === 'rename' && to === 'ring.json' : call === 'before' && /INSERT|UPDATE/.test(name);
  const index = steps.findIndex(isTurn);
  return index === -1 ? Number.POSITIVE_INFINITY : index + 1;
}

async function runSteps(t: Test, crash: Crash, scene: Scene, at?: number) {
  const isSqlite = existsSync(join(scene.folder, 'mintd.db'));
  const { env, taken } = countSteps(t, {
    folder: scene.keysDir,
    ...(at !== undefined && { at, act: 'SIGKILL' }),
    ...(isSqlite && { statements: 'sqlite' }),
    ...(crash.reset !== undefined && { statements: 'postgres' }),
  });
  await crash.reset?.();
  const mintd = start(t, scene.folder, crash.args, { ...scene.env, ...env });
  const { code, signal } = await mintd.exit;
  return { code, signal, err: mintd.stderr(), taken: taken() };
}

/** Kills the command at one step, and looks at what is there. */
async function killAt(t: Test, crash: Crash, at: number, before: string | null): Promise<void> {
  const scene = sceneOf(t, crash);
  const { code, signal, taken } = await runSteps(t, crash, scene, at);
  const last = taken.at(-1);
  const what = `killed at ${at}, ${last?.call} ${last?.name.replace(/^[\w-]{43}/, 'KID')}`;
  t.strictSame({ code, signal, steps: taken.length }, { code: null, signal: 'SIGKILL', steps: at }, what);

  const text = await ringText(scene);
  const isDone = at > turningPoint(taken, crash.kind);
  const written = taken.find(({ ring }) => ring !== undefined)?.ring;
  if (!isDone) t.equal(text, before, `${what}: the ring before`);
  else if (crash.kind === 'files') t.equal(text, written, `${what}: the ring after`);
  else if (crash.keepsRing === true) t.equal(text, before, `${what}: the ring is not touched`);
  else t.not(text, before, `${what}: the ring after`);
  await assertListed(t, scene, text, what);
  if (text !== null) await assertWorks(t, scene, what);
  assertModes(t, scene, what);

  const pruned = sceneOf(t, { ...crash, base: scene.folder });
  if (text !== null && crash.reset === undefined) await assertPruned(t, pruned, what);
  const { code: next, err } = await emptyCommandLine(t).mintd(crash.args, { environment: scene.env });
  if (isDone && crash.again !== undefined) t.match({ next, err }, { next: 1, err: crash.again }, `${what}: again`);
  else t.match({ next, err }, { next: 0, err: '' }, `${what}: again`);
  await assertWorks(t, scene, `${what}, again`);
}

/** Runs the command unharmed once, then killed at its first step, at its second, and so on. */
export async function killAtEachStep(t: Test, crash: Crash): Promise<void> {
  const unharmed = sceneOf(t, crash);
  const before = await ringText(unharmed);
  const { code, err, taken } = await runSteps(t, crash, unharmed);
  t.match({ code, err }, { code: 0, err: '' }, 'unharmed');
  t.ok(taken.length > 0);
  const turn = turningPoint(taken, crash.kind);
  const steps = crash.isSampled === true ? someSteps(taken.length, turn) : taken.map((_, i) => i + 1);
  t.comment(`mintd ${crash.args} (${crash.kind}): ${taken.length} points to be killed at, ${steps.length} tried`);
  const left = [...steps];
  const worker = async () => {
    for (let at = left.shift(); at !== undefined; at = left.shift()) await killAt(t, crash, at, before);
  };
  // What is put back as it was is there once.
  await Promise.all(crash.reset === undefined ? [worker(), worker()] : [worker()]);
}
