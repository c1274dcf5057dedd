import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { imageOf } from '../deploy/image.js';
import { emptyDatabaseUrl, temporaryFolder } from '../helper.js';
import { addressOf, start } from './harness.js';

/**
 * Makes every file system read-only, for itself and what it becomes, but for folders of the working directory. NODE_OPTIONS
 * are tap's, which would write about the process.
 */
const READ_ONLY = `
mount --make-rprivate / && for folder in $WRITABLE; do mount --bind "$folder" "$folder"; done
for mount in $(cut -d' ' -f5 /proc/self/mountinfo | sort -u); do
  case " $KEPT " in *" $mount "*) ;; *) case $mount in /proc* | /sys*) ;; *) mount -o remount,bind,ro "$mount" || exit 9;; esac;; esac
done
if touch probe 2>/dev/null; then exit 9; fi
exec env -u NODE_OPTIONS "$@"`;
const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user'];
const UNSHARE = ['unshare', ...asRoot, '--mount', 'sh', '-c', READ_ONLY, 'sh'] as const;
const skip = spawnSync(UNSHARE[0], [...UNSHARE.slice(1), 'true']).status !== 0 && "no mounts of one's own here";

/** What the image sets, with the folder of the test for /app. */
const image = imageOf({ Dockerfile: readFileSync('Dockerfile', 'utf8') });

/** A server whose whole tree is read-only but for these folders. */
function startReadOnly(t: Test, args: string, writable: readonly string[], settings: Record<string, string>) {
  const folder = temporaryFolder(t);
  for (const name of writable) mkdirSync(join(folder, name), { mode: 0o700 });
  const environment = Object.entries(image.environment).map(([name, value]) => [name, value.replace('/app', folder)]);
  const env = { ...Object.fromEntries(environment), ...settings, ISSUER: 'https://login.example.com', PORT: '0' };
  const kept = writable.map((name) => join(folder, name)).join(' ');
  return start(t, folder, args, { ...env, WRITABLE: writable.join(' '), KEPT: kept }, '', { before: UNSHARE });
}

async function answersAndStops(t: Test, writable: readonly string[], settings: Record<string, string>): Promise<void> {
  const mintd = startReadOnly(t, 'serve', writable, settings);
  const ready = await fetch(new URL('/readyz', (await addressOf(mintd)).replace('0.0.0.0', '127.0.0.1')));
  t.match(await ready.json(), { status: 'ready' });
  t.strictSame(await mintd.stop('SIGTERM'), { code: 0, signal: null });
}

t.test('in the image, nothing but data and keys has to be writable', { skip }, async (t) => {
  await answersAndStops(t, ['data', 'keys'], { DATABASE_URL: 'file:data/mintd.db' });
});

t.test('with PostgreSQL and the keys in it, nothing at all has to be', { skip }, async (t) => {
  const DATABASE_URL = await emptyDatabaseUrl(t, 'postgres');
  const KEYS_ENCRYPTION_KEY = Buffer.alloc(32).toString('base64');
  await answersAndStops(t, [], { DATABASE_URL, KEY_STORE: 'database', KEYS_ENCRYPTION_KEY });
});

t.test('without these folders it does not start, and says why', { skip }, async (t) => {
  const mintd = startReadOnly(t, 'serve', ['keys'], { DATABASE_URL: 'file:mintd.db' });
  t.equal((await mintd.exit).code, 1);
  t.match(mintd.stderr(), /^mintd: .*(EROFS|read-only)/);
});
