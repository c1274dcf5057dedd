// npm run build: makes dist/ and the command `mintd`, in steps that say how long they took.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';

function run(...args) {
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
}

/** Makes `npx mintd` work in this folder: npm links a package's own command only where the package is installed. */
function linkCommand() {
  chmodSync('dist/main.js', 0o755);
  mkdirSync('node_modules/.bin', { recursive: true });
  rmSync('node_modules/.bin/mintd', { force: true });
  symlinkSync('../../dist/main.js', 'node_modules/.bin/mintd');
}

const STEPS = [
  ['database clients from prisma/', () => run('scripts/generate.mjs')],
  ['dist/ from src/', () => run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json')],
  ['the command mintd', linkCommand],
];

console.error('building mintd');
for (const [what, make] of STEPS) {
  const startedAt = performance.now();
  process.stderr.write(`  ${what} … `);
  make();
  console.error(`${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
}
