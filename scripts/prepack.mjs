// npm pack: makes the package from any clone, also one in which nothing was installed or built. What npm and the compiler say
// goes to stderr: `npm pack --json` has stdout for itself.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

function run(...args) {
  const { status } = spawnSync('npm', args, { stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync('node_modules/.package-lock.json')) run('ci');
// The bundled adapter asks for an older driver than the one it runs with (docs/decisions/0022). npm compares: `npm ci` in a project
// that depends on mintd would refuse the lockfile, so the copy in the package asks for what it gets.
const adapter = 'node_modules/@prisma/adapter-better-sqlite3/package.json';
const manifest = JSON.parse(readFileSync(adapter, 'utf8'));
manifest.dependencies['better-sqlite3'] = JSON.parse(readFileSync('package.json', 'utf8')).dependencies[
  'better-sqlite3'
];
rmSync(adapter);
writeFileSync(adapter, `${JSON.stringify(manifest, null, 2)}\n`);
// Whole and anew: what was deleted from src since the last build must not get into a package.
rmSync('dist', { recursive: true, force: true });
run('run', '--silent', 'build');
