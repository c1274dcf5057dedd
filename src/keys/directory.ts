import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CryptoKey } from 'jose';
import { type KeyRing, viewRing } from '../oauth/key-ring.js';
import type { EpochMs } from '../oauth/time.js';
import { assertPrivate, exists, makePrivateFolder, writeDurably } from './files.js';
import { formatRing, parseRing } from './ring-file.js';
import { assertPublicKey, type KeyPair, loadPrivateKey } from './rsa.js';

/** Something is wrong with the ring. The message is one line that names the file and the way out. */
export class KeyRingFault extends Error {
  override readonly name = 'KeyRingFault';
}

/** A ring that was read and checked, with the private halves that may still be needed. */
export type LoadedRing = { readonly ring: KeyRing; readonly privateKeys: ReadonlyMap<string, CryptoKey> };

/** Where a ring is kept. */
export type KeyStore = {
  /** For messages: where it is. */
  readonly place: string;
  /** Whether a ring is there, even if it is broken. Private keys alone are none: a first start may have been killed. */
  exists(): Promise<boolean>;
  /** Changes whenever the ring may have changed; cheap. */
  fingerprint(): Promise<string>;
  /** Reads and checks everything. Throws KeyRingFault. */
  load(now: EpochMs): Promise<LoadedRing>;
  /** Reads the ring alone, for showing it. Throws KeyRingFault. */
  read(): Promise<KeyRing>;
  /** Writes the first ring. False when there is one already. */
  create(ring: KeyRing, pairs: readonly KeyPair[]): Promise<boolean>;
  /** Changes the ring; nobody else can meanwhile. The change returns null to leave it as it is. */
  change<T>(
    decide: (ring: KeyRing) => { ring: KeyRing; added: readonly KeyPair[]; value: T } | null,
  ): Promise<T | null>;
};

/** Runs work on a folder while no other process does; handed in, because this folder knows files and no databases. */
export type Exclusively = <T>(folder: string, work: () => Promise<T>) => Promise<T>;

const RING = 'ring.json';

/**
 * The ring as files: `ring.json`, and one `KID.pem` for each private key (PKCS #8), all mode 0600 in a folder of mode
 * 0700. A private key is on the disk before the ring speaks of it, so that a crash in between leaves the old ring.
 */
export function openKeyDirectory(folder: string, exclusively: Exclusively): KeyStore {
  const ringPath = join(folder, RING);
  const pemPath = (kid: string) => join(folder, `${kid}.pem`);

  async function read(): Promise<KeyRing> {
    if (!(await exists(ringPath))) throw missingRing(folder);
    return about(ringPath, async () => {
      await assertPrivate(ringPath);
      return parseRing(await readFile(ringPath, 'utf8'));
    });
  }

  async function write(ring: KeyRing, added: readonly KeyPair[]): Promise<void> {
    for (const { key, privatePem } of added) await writeDurably(pemPath(key.kid), privatePem);
    await writeDurably(ringPath, formatRing(ring));
  }

  return {
    place: folder,
    exists: () => exists(ringPath),
    async fingerprint() {
      const names = (await readdir(folder)).filter((name) => name === RING || name.endsWith('.pem')).sort();
      const infos = await Promise.all(names.map((name) => stat(join(folder, name))));
      const files = infos.map(({ ino, mode, size, mtimeMs }, i) => [names[i], ino, mode, size, mtimeMs].join());
      return [(await stat(folder)).mode, ...files].join(';');
    },
    async load(now) {
      if (!(await exists(folder))) throw missingRing(folder);
      await about(folder, () => assertPrivate(folder));
      const ring = await read();
      const privateKeys = new Map<string, CryptoKey>();
      for (const { kid, jwk, state } of viewRing(ring, now)) {
        if (state === 'revoked' || state === 'removed') continue;
        await about(`${ringPath}: key ${kid}`, () => assertPublicKey(kid, jwk));
        if (state === 'retiring') continue;
        const path = pemPath(kid);
        await about(path, async () => {
          await assertPrivate(path);
          privateKeys.set(kid, await loadPrivateKey(await readFile(path, 'utf8'), kid, jwk));
        });
      }
      return { ring, privateKeys };
    },
    read,
    async create(ring, pairs) {
      await makePrivateFolder(folder);
      return exclusively(folder, async () => {
        if (await exists(ringPath)) return false;
        await write(ring, pairs);
        return true;
      });
    },
    async change(decide) {
      if (!(await exists(folder))) throw missingRing(folder);
      return exclusively(folder, async () => {
        const decision = decide(await read());
        if (decision === null) return null;
        await write(decision.ring, decision.added);
        return decision.value;
      });
    },
  };
}

/** A ring was expected and is not there. */
export function missingRing(folder: string): KeyRingFault {
  return new KeyRingFault(`there is no key ring in ${folder}: restore it from a backup, or point KEYS_DIR at it`);
}

/** Puts the path in front of what went wrong with it. */
async function about<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new KeyRingFault(`${path}: ${message}`, { cause: error });
  }
}
