import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { openKeyDirectory } from '../../src/keys/directory.js';
import { type KeyStore, openKeyStore } from '../../src/keys/store.js';
import { wrapWithPassphrase } from '../../src/keys/wrapping.js';
import { firstRing, type KeyRing, type RingTiming } from '../../src/oauth/key-ring.js';
import { exclusively } from '../../src/store/lock.js';
import { START, temporaryFolder } from '../helper.js';
import { somePairs } from '../key-pairs.js';

export const TIMING: RingTiming = {
  jwksMaxAgeSeconds: 300,
  verifierCacheSeconds: 600,
  accessTokenMaxTtlSeconds: 3600,
  clockSkewSeconds: 60,
};

/** When the standby of a first ring can sign: everybody's cache, the clock skew and one poll later. */
export const EARLIEST_USE = START + (300 + 600 + 60 + 5) * 1000;
/** When the first key of such a ring leaves the JWKS: the last token, the clock skew and one poll later. */
export const EARLIEST_REMOVAL = EARLIEST_USE + (3600 + 60 + 5) * 1000;

export { somePairs };

/** The first ring of START: one key that signs, one that stands by. */
export async function aRing(): Promise<KeyRing> {
  const [first, standby] = await somePairs();
  return firstRing(first.key, standby.key, TIMING, START);
}

/** A ring on which a rotation has been planned at START: the standby signs from EARLIEST_USE on. */
export async function aRotatingRing(): Promise<KeyRing> {
  const { keys, timings } = await aRing();
  return { keys: keys.map((key) => ({ ...key, activatesAt: key.activatesAt ?? EARLIEST_USE })), timings };
}

export type KeyFolder = { readonly folder: string; readonly store: KeyStore };

/** A folder with the first ring, made by the store itself. */
export async function aKeyFolder(t: Test, ring?: KeyRing): Promise<KeyFolder> {
  const folder = join(temporaryFolder(t), 'keys');
  const store = filesIn(folder);
  const [first, standby] = await somePairs();
  if (!(await store.create(ring ?? (await aRing()), [first, standby]))) throw new Error('there was a ring');
  return { folder, store };
}

/** A copy of a folder, with its modes. */
export async function copyOf(t: Test, { folder }: KeyFolder): Promise<KeyFolder> {
  const copy = join(temporaryFolder(t), 'copy');
  await mkdir(copy, { mode: 0o700 });
  await cp(folder, copy, { recursive: true, preserveTimestamps: true });
  return { folder: copy, store: filesIn(copy) };
}

/** The ring in a folder, its private keys in plain text. */
export function filesIn(folder: string): KeyStore {
  return openKeyStore(openKeyDirectory(folder, exclusively), wrapWithPassphrase({ present: null, previous: null }));
}
