import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { about, KeyRingFault } from './faults.js';
import { assertPrivate, exists, makePrivateFolder, removeDurably, writeDurably } from './files.js';
import type { PrivateText, RingContent, RingMedium, RingWrite } from './medium.js';

/** Runs work on a folder while no other process does; handed in, because this folder knows files and no databases. */
export type Exclusively = <T>(folder: string, work: () => Promise<T>) => Promise<T>;

const RING = 'ring.json';
const PRIVATE = /^(?<kid>[A-Za-z0-9_-]{43})\.(pem|jwe)$/;

/**
 * The ring as files: `ring.json`, and for each private key `KID.pem` (PKCS #8) or, encrypted, `KID.jwe` (RFC 7516), all
 * mode 0600 in a folder of mode 0700. A private key is on the disk before the ring speaks of it, and goes after the ring
 * has said so.
 */
export function openKeyDirectory(folder: string, exclusively: Exclusively): RingMedium {
  const ringPath = join(folder, RING);
  const missing = `there is no key ring in ${folder}: restore it from a backup, or point KEYS_DIR at it`;
  const pathsOf = (kid: string) => [join(folder, `${kid}.pem`), join(folder, `${kid}.jwe`)] as const;

  async function read(): Promise<RingContent> {
    if (!(await exists(ringPath))) throw new KeyRingFault(missing);
    await about(folder, () => assertPrivate(folder));
    const ring = await about(ringPath, async () => {
      await assertPrivate(ringPath);
      return readFile(ringPath, 'utf8');
    });
    const kids = (await readdir(folder)).flatMap((name) => PRIVATE.exec(name)?.groups?.['kid'] ?? []);
    return { ring, kids: [...new Set(kids)], privateKey };
  }

  async function privateKey(kid: string): Promise<PrivateText> {
    const [plain, encrypted] = pathsOf(kid);
    const name = (await exists(encrypted)) ? encrypted : plain;
    return about(name, async () => {
      await assertPrivate(name);
      return { name, text: await readFile(name, 'utf8') };
    });
  }

  async function write({ ring, put, drop, assertTimely }: RingWrite): Promise<void> {
    for (const [kid, text] of put) {
      const [plain, encrypted] = pathsOf(kid);
      const isPlain = text.startsWith('-----BEGIN');
      await writeDurably(isPlain ? plain : encrypted, text);
      await removeDurably(isPlain ? encrypted : plain);
    }
    if (ring !== null) await writeDurably(ringPath, ring, assertTimely);
    for (const kid of drop) for (const path of pathsOf(kid)) await removeDurably(path);
  }

  return {
    place: folder,
    ringName: ringPath,
    missing,
    exists: () => exists(ringPath),
    fingerprint: () => fingerprintOf(folder),
    read,
    async create(first) {
      await makePrivateFolder(folder);
      return exclusively(folder, async () => {
        if (await exists(ringPath)) return false;
        await write(first);
        return true;
      });
    },
    async change(work) {
      if (!(await exists(folder))) throw new KeyRingFault(missing);
      return exclusively(folder, async () => {
        const change = await work(await read());
        if (change === null) return null;
        await write(change.write);
        return change.value;
      });
    },
    leftovers(kidsIn, remove) {
      // Nobody is in the middle of a change, so a private key the ring does not know is nobody's.
      return exclusively(folder, async () => {
        const kids = kidsIn((await read()).ring);
        const paths = (await readdir(folder))
          .filter((name) => isLeftover(name, kids))
          .map((name) => join(folder, name));
        if (remove) for (const path of paths) await removeDurably(path);
        return paths;
      });
    },
  };
}

/** Every file's name, identity, size and time of change, so that no change goes unseen and nothing is read for it. */
async function fingerprintOf(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name === RING || PRIVATE.test(name)).sort();
  const infos = await Promise.all(names.map((name) => stat(join(folder, name))));
  const files = infos.map(({ ino, mode, size, mtimeMs }, i) => [names[i], ino, mode, size, mtimeMs].join());
  return [(await stat(folder)).mode, ...files].join(';');
}

/** A private key of none of the ring's keys, a temporary file, or something that looks like another ring. */
function isLeftover(name: string, kids: readonly string[]): boolean {
  const kid = PRIVATE.exec(name)?.groups?.['kid'];
  if (kid !== undefined) return !kids.includes(kid);
  return name !== RING && (/\.(pem|jwe|new)$/.test(name) || name.startsWith('ring'));
}
