import { chmod, mkdir, open, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** What file operations need of the outside world. */
export type FileClock = { readonly now: () => number; readonly sleep: (ms: number) => Promise<void> };

const REAL: FileClock = { now: Date.now, sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) };

/** No change of the ring takes a tenth of this; a lock this old was left by a process that died. */
const LOCK_STALE_MS = 10_000;
const LOCK_WAIT_MS = 5_000;

/** Whether a file or folder is there. */
export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}

/**
 * Makes sure nobody else on the machine can read a file or folder.
 *
 * @throws Error that ends a sentence beginning with the path
 */
export async function assertPrivate(path: string): Promise<void> {
  const info = await stat(path).catch(() => null);
  if (info === null) throw new Error('it is missing');
  const mode = info.mode & 0o777;
  if ((mode & 0o077) !== 0) {
    const wanted = info.isDirectory() ? '700' : '600';
    throw new Error(`others can read it (mode ${mode.toString(8)}): chmod ${wanted} it`);
  }
}

/** Makes a folder only its owner can enter, or narrows the one that is there. */
export async function makePrivateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
}

/**
 * Writes a file so that after a crash at any moment it holds the old content or the new: a temporary name, fsync,
 * rename, fsync of the folder. Mode 0600.
 */
export async function writeDurably(path: string, content: string): Promise<void> {
  const temporary = `${path}.new`;
  await unlink(temporary).catch(() => undefined);
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Does something while no other process does the same in this folder.
 *
 * @throws Error when another process keeps the lock for more than 5 s
 */
export async function withLock<T>(folder: string, work: () => Promise<T>, clock: FileClock = REAL): Promise<T> {
  const path = join(folder, '.lock');
  const deadline = clock.now() + LOCK_WAIT_MS;
  while (!(await take(path))) {
    await removeStale(path, clock.now());
    if (clock.now() > deadline) throw new Error(`another process is changing the key ring: ${path} is there`);
    await clock.sleep(50);
  }
  try {
    return await work();
  } finally {
    await unlink(path);
  }
}

async function take(path: string): Promise<boolean> {
  try {
    await (await open(path, 'wx', 0o600)).close();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Renaming first makes sure that of several processes only one removes it, and never a lock taken since. */
async function removeStale(path: string, now: number): Promise<void> {
  const info = await stat(path).catch(() => null);
  if (info === null || now - info.mtimeMs < LOCK_STALE_MS) return;
  const mine = `${path}.${process.pid}.stale`;
  await rename(path, mine)
    .then(() => unlink(mine))
    .catch(() => undefined);
}
