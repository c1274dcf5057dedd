// npm pack: makes the package from any clone, also one in which nothing was installed or built. What npm and the compiler say
// goes to stderr: `npm pack --json` has stdout for itself.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';

function run(...args) {
  const { status } = spawnSync('npm', args, { stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync('node_modules/.package-lock.json')) run('ci');
// Whole and anew: what was deleted from src since the last build must not get into a package.
rmSync('dist', { recursive: true, force: true });
run('run', '--silent', 'build');
