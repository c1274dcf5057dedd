// The baseline: mintd as it was at one commit, built once with a Node of its own and kept in node_modules/.cache.
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Build } from './server.js';
import type { Installation } from './subjects.js';
import type { Target } from './target.js';

/** The commit that every later build is held against. */
export const BASELINE_COMMIT = '72d7c9a84c474e3a7d62bfd7a0c5c7004c7b83d0';

/** better-sqlite3 12, which that commit uses, aborts on newer ones. */
export const BASELINE_NODE = '22.23.5';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CACHE = join(ROOT, 'node_modules/.cache/mintd-baseline');

/** node-gyp compiles better-sqlite3 with these. */
const COMPILERS = [process.env['CXX'] ?? 'g++', 'make', 'python3'];

type Environment = Readonly<Record<string, string | undefined>>;

/** The baseline as an installation to be measured. The first call builds it, which takes some minutes. */
export function openBaseline(): Installation {
  const folder = builtFolder();
  const build = { node: nodeIn(folder), program: join(folder, 'mintd/dist/main.js') };
  return { build, prepare: (given) => preparedBy(build, join(folder, 'mintd'), given) };
}

function nodeIn(folder: string): string {
  return join(folder, 'node_modules/.bin/node');
}

/** A folder is called `unfinished` until all of it is there, so that what an interrupted build left is never used. */
function builtFolder(): string {
  const built = join(CACHE, `${BASELINE_COMMIT.slice(0, 7)}-node-${BASELINE_NODE}-${process.arch}`);
  if (existsSync(built)) return built;
  assertPossible();
  console.error('building the baseline, once …');
  const unfinished = join(CACHE, `unfinished-${process.pid}`);
  try {
    buildIn(unfinished);
    renameSync(unfinished, built);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    // Another run may have been faster; its build is as good.
    if (!existsSync(built)) throw error;
  }
  return built;
}

/** @throws Error that names the one thing that is missing */
function assertPossible(): void {
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch))
    throw new Error('the baseline can only be built on Linux, on x64 or arm64');
  const commit = spawnSync('git', ['cat-file', '-e', `${BASELINE_COMMIT}^{commit}`], { cwd: ROOT });
  if (commit.status !== 0)
    throw new Error(`the baseline needs commit ${BASELINE_COMMIT} in the git history here: git fetch --unshallow`);
  const missing = COMPILERS.filter((command) => spawnSync(command, ['--version']).status !== 0);
  if (missing.length > 0) throw new Error(`the baseline compiles better-sqlite3, which needs ${missing.join(' and ')}`);
}

/**
 * Puts the checkout below a folder that has its Node as a package: npm looks for commands in each folder above, and so
 * finds that Node before the one of this project.
 */
function buildIn(folder: string): void {
  const [checkout, log] = [join(folder, 'mintd'), join(CACHE, 'build.log')];
  mkdirSync(checkout, { recursive: true });
  const nodePackage = `node-linux-${process.arch}`;
  const manifest = { private: true, dependencies: { [nodePackage]: BASELINE_NODE } };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  const archive = execFileSync('git', ['archive', BASELINE_COMMIT], { cwd: ROOT, maxBuffer: 2 ** 30 });
  execFileSync('tar', ['-x', '-C', checkout], { input: archive });
  const environment = {
    ...withoutNpm(process.env),
    PATH: `${join(folder, 'node_modules/.bin')}:${process.env['PATH']}`,
    npm_config_nodedir: join(folder, 'node_modules', nodePackage),
    // Compiled at once, without the attempt to download a binary first.
    npm_config_build_from_source: 'better-sqlite3',
  };
  const output = openSync(log, 'w');
  const npm = (cwd: string, ...args: string[]) => {
    const { status } = spawnSync('npm', args, { cwd, env: environment, stdio: ['ignore', output, output] });
    if (status !== 0)
      throw new Error(`the baseline needs the npm registry and a compiler; npm ${args[0]} failed: see ${log}`);
  };
  npm(folder, 'install', '--ignore-scripts', '--no-audit', '--no-fund');
  npm(checkout, 'ci', '--no-audit', '--no-fund');
  npm(checkout, 'run', 'build');
  npm(checkout, 'prune', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund');
  closeSync(output);
}

/** What `npm run` tells a script of its own project is wrong in another. */
function withoutNpm(environment: Environment): Environment {
  const isOfProject = /^(npm_(package|lifecycle|config_((local|global)_)?prefix)|INIT_CWD|NODE_ENV$)/;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !isOfProject.test(name)));
}

/** Runs in the baseline's folder: users and clients are written by its own code, into a database of its own schema. */
const PREPARE = `
const { addPeople, mintdTarget } = await import('./bench/subjects.ts');
const { folder, url } = await addPeople(JSON.parse(process.argv[1]));
console.log(JSON.stringify({ folder, url, target: mintdTarget('') }));`;

type Given = { readonly folder?: string; readonly url?: string };

async function preparedBy({ node }: Build, checkout: string, given: Given = {}) {
  const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', PREPARE, JSON.stringify(given)];
  const printed = execFileSync(node, args, { cwd: checkout, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  const { folder, url, target } = JSON.parse(printed) as { folder: string; url: string; target: Target };
  return { folder, url, targetAt: (baseUrl: string) => ({ ...target, baseUrl }) };
}
