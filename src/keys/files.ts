import { chmod, type FileHandle, mkdir, open, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KeyRingFault, MendableFault } from './faults.js';

/**
 * Whether a file or folder is there.
 *
 * @throws Error that ends a sentence beginning with the path
 */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    const code = error instanceof Error && 'code' in error ? error.code : error;
    throw new MendableFault(
      `nobody can tell whether it is there (${code}): let the user that mintd runs as enter its folder`,
    );
  }
}

/** Whether an error says that there is no such file or folder. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

/**
 * Makes sure nobody else on the machine can read a file or folder.
 *
 * @throws Error that ends a sentence beginning with the path
 */
export async function assertPrivate(path: string): Promise<void> {
  if (!(await exists(path))) throw new Error('it is missing');
  const info = await stat(path);
  if (!info.isFile() && !info.isDirectory()) throw new Error('it is neither a file nor a folder');
  const mode = info.mode & 0o777;
  if ((mode & 0o077) !== 0) {
    const wanted = info.isDirectory() ? '700' : '600';
    throw new MendableFault(`others can read it (mode ${mode.toString(8)}): chmod ${wanted} it`);
  }
}

/** Makes a folder only its owner can enter, or narrows the one that is there. */
export async function makePrivateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
  await syncFolder(dirname(path));
}

async function syncFolder(path: string): Promise<void> {
  await naming(path, async () => {
    const folder = await open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  });
}

/** Puts a path into errors of calls on open files, in which Node names none. */
async function naming(path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const isNameless = error instanceof Error && 'code' in error && !error.message.includes(path);
    throw isNameless ? new KeyRingFault(`${path}: ${error.message}`) : error;
  }
}

/**
 * Writes a file so that after a crash at any moment it holds the old content or the new: a temporary name, fsync,
 * rename, fsync of the folder. Mode 0600.
 *
 * @param beforeRename the last chance to leave the old content: throws, and it stays
 */
export async function writeDurably(path: string, content: string, beforeRename = () => {}): Promise<void> {
  const temporary = `${path}.new`;
  await unlink(temporary).catch(() => undefined);
  try {
    await naming(temporary, async () => {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await giveToOwner(file, dirname(path));
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
      beforeRename();
      await rename(temporary, path);
    });
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncFolder(dirname(path));
}

/** A file that root writes belongs to whom its folder belongs to: the server must be able to read it. */
async function giveToOwner(file: FileHandle, folder: string): Promise<void> {
  const [{ uid, gid }, own] = [await stat(folder), await file.stat()];
  if (own.uid !== uid) await file.chown(uid, gid);
}

/** Deletes a file so that it does not come back after a crash. One that is not there is left at that. */
export async function removeDurably(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (isAbsent(error)) return;
    throw error;
  }
  await syncFolder(dirname(path));
}
