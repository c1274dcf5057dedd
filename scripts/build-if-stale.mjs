// Builds dist/ unless it is newer than everything it is made from, so that `npm start` and `npm test` just work.
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync, utimesSync } from 'node:fs';

/** When anything below a path was last changed, generated files aside. */
function lastChange(path) {
  const info = statSync(path, { throwIfNoEntry: false });
  if (info === undefined) return 0;
  if (!info.isDirectory()) return info.mtimeMs;
  const names = readdirSync(path).filter((name) => name !== 'generated');
  return Math.max(info.mtimeMs, ...names.map((name) => lastChange(`${path}/${name}`)));
}

const SOURCES = ['src', 'prisma', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
const built = statSync('dist/.tsbuildinfo', { throwIfNoEntry: false })?.mtimeMs ?? 0;
if (Math.max(...SOURCES.map(lastChange)) > built) {
  const { status } = spawnSync(process.execPath, ['scripts/build.mjs'], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
  utimesSync('dist/.tsbuildinfo', new Date(), new Date());
}
