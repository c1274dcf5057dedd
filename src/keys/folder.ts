import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { about, KeyRingFault, privateKeyWayOut } from './faults.js';
import { assertPrivate, exists, isAbsent, removeDurably, writeDurably } from './files.js';
import type { PrivateText, RingContent, RingWrite } from './medium.js';

const RING = 'ring.json';
const PRIVATE = /^(?<kid>[A-Za-z0-9_-]{43})\.(pem|jwe)$/;

/** The files of a ring, without a thought of who else may be at them. */
export type RingFolder = {
  readonly ringPath: string;
  /** What to say when no ring is there. */
  readonly missing: string;
  /** Throws KeyRingFault. */
  read(): Promise<RingContent>;
  write(write: RingWrite): Promise<void>;
  /** Whose private halves are there. */
  kids(): Promise<readonly string[]>;
  removePrivateKey(kid: string): Promise<void>;
};

export function ringFolder(folder: string): RingFolder {
  const ringPath = join(folder, RING);
  const missing = `there is no key ring in ${folder}: restore it from a backup, or point KEYS_DIR at it`;
  const pathsOf = (kid: string) => {
    // An imported key's kid is what another issuer liked; it must never become a path.
    if (!PRIVATE.test(`${kid}.pem`)) throw new Error(`${kid} is no name of a private key`);
    return [join(folder, `${kid}.pem`), join(folder, `${kid}.jwe`)] as const;
  };

  async function read(): Promise<RingContent> {
    if (!(await about(ringPath, () => exists(ringPath)))) throw new KeyRingFault(missing);
    await about(folder, () => assertPrivate(folder));
    const ring = await about(ringPath, async () => {
      await assertPrivate(ringPath);
      return readFile(ringPath, 'utf8');
    });
    return { ring, kids: await kidsIn(folder), privateKey };
  }

  async function privateKey(kid: string): Promise<PrivateText> {
    const [plain, encrypted] = pathsOf(kid);
    const name = (await exists(encrypted)) ? encrypted : plain;
    return about(
      name,
      async () => {
        await assertPrivate(name);
        return { name, text: await readFile(name, 'utf8') };
      },
      privateKeyWayOut(kid),
    );
  }

  async function write({ ring, put, drop, assertTimely }: RingWrite): Promise<void> {
    const written: string[] = [];
    try {
      for (const [kid, text] of put) {
        const [plain, encrypted] = pathsOf(kid);
        const [path, other] = text.startsWith('-----BEGIN') ? [plain, encrypted] : [encrypted, plain];
        await writeDurably(path, text);
        written.push(path);
        await removeDurably(other);
      }
      if (ring !== null) await writeDurably(ringPath, ring, assertTimely);
    } catch (error) {
      // Without a new ring, what was written replaced what was there. With one, the ring may be there all the same: the
      // folder's own fsync comes after it.
      const isOver = ring !== null && !(await isWritten(ringPath, ring));
      if (isOver) for (const path of written) await removeDurably(path).catch(() => undefined);
      throw error;
    }
    for (const kid of drop) await removePrivateKey(kid);
  }

  async function removePrivateKey(kid: string): Promise<void> {
    for (const path of pathsOf(kid)) await removeDurably(path);
  }

  return { ringPath, missing, read, write, kids: () => kidsIn(folder), removePrivateKey };
}

/** Whether a file has this content, or might have it. */
async function isWritten(path: string, content: string): Promise<boolean> {
  try {
    return (await readFile(path, 'utf8')) === content;
  } catch (error) {
    return !isAbsent(error);
  }
}

/** Whose private halves are in a folder. */
async function kidsIn(folder: string): Promise<readonly string[]> {
  const kids = (await readdir(folder)).flatMap((name) => PRIVATE.exec(name)?.groups?.['kid'] ?? []);
  return [...new Set(kids)];
}

/** Every file's name, identity, size and time of change, so that no change goes unseen and nothing is read for it. */
export async function fingerprintOf(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name === RING || PRIVATE.test(name)).sort();
  const files = await Promise.all(
    names.map(async (name) => {
      const info = await stat(join(folder, name)).catch((error: unknown) => {
        if (isAbsent(error)) return null;
        throw error;
      });
      return info === null ? '' : [name, info.ino, info.mode, info.size, info.mtimeMs].join();
    }),
  );
  return [(await stat(folder)).mode, ...files].join(';');
}

function isTemporary(name: string): boolean {
  return name === `${RING}.new` || /^[A-Za-z0-9_-]{43}\.(pem|jwe)\.new$/.test(name);
}

function isLikeOurs(name: string): boolean {
  return name !== RING && (/\.(pem|jwe|new)$/.test(name) || name.startsWith('ring'));
}

/**
 * What mintd writes and a ring of these keys does not need: private halves of others, or in a second form, which is not
 * read; temporary files.
 *
 * @param foreignToo whether to name also what only looks like it: another ring, somebody's own keys
 */
export async function leftoversIn(
  folder: string,
  kids: readonly string[],
  foreignToo: boolean,
): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  const isLeftover = (name: string) => {
    const kid = PRIVATE.exec(name)?.groups?.['kid'];
    if (kid === undefined) return isTemporary(name) || (foreignToo && isLikeOurs(name));
    return !kids.includes(kid) || (name === `${kid}.pem` && names.includes(`${kid}.jwe`));
  };
  return names.filter(isLeftover).map((name) => join(folder, name));
}
