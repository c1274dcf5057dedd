import { about, KeyRingFault } from './faults.js';
import { exists, makePrivateFolder, removeDurably } from './files.js';
import { fingerprintOf, leftoversIn, ringFolder } from './folder.js';
import type { RingMedium } from './medium.js';

/** Runs work on a folder while no other process does; handed in, because this folder knows files and no databases. */
export type Exclusively = <T>(folder: string, work: () => Promise<T>) => Promise<T>;

/**
 * The ring as files: `ring.json`, and for each private key `KID.pem` (PKCS #8) or, encrypted, `KID.jwe` (RFC 7516), all
 * mode 0600 in a folder of mode 0700. A private key is on the disk before the ring speaks of it, and goes after the ring
 * has said so.
 */
export function openKeyDirectory(folder: string, exclusively: Exclusively): RingMedium {
  const { ringPath, missing, read, write, kids, removePrivateKey } = ringFolder(folder);
  const assertThere = async () => {
    if (!(await about(folder, () => exists(folder)))) throw new KeyRingFault(missing);
  };

  return {
    place: folder,
    ringName: ringPath,
    missing,
    exists: () => about(ringPath, () => exists(ringPath)),
    async fingerprint() {
      await assertThere();
      return fingerprintOf(folder);
    },
    read,
    async create(first) {
      await makePrivateFolder(folder);
      return exclusively(folder, async () => {
        if (await exists(ringPath)) return false;
        await write(first);
        return true;
      });
    },
    async replace(next) {
      await makePrivateFolder(folder);
      await exclusively(folder, async () => {
        await write(next);
        for (const kid of await kids()) if (!next.put.has(kid)) await removePrivateKey(kid);
      });
    },
    async change(work) {
      await assertThere();
      return exclusively(folder, async () => {
        const change = await work(await read());
        if (change === null) return null;
        await write(change.write);
        return change.value;
      });
    },
    async leftovers(kidsOf, { remove = false, foreignToo = false }) {
      const find = async () => leftoversIn(folder, kidsOf((await read()).ring), foreignToo);
      if (!remove) return find();
      // Nobody is in the middle of a change then, so a private key that the ring does not know is nobody's.
      return exclusively(folder, async () => {
        const paths = await find();
        for (const path of paths) await removeDurably(path);
        return paths;
      });
    },
  };
}
