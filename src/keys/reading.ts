import type { KeyObject } from 'node:crypto';
import type { KeyRing, NewKey } from '../oauth/key-ring.js';
import { viewRing } from '../oauth/key-states.js';
import type { EpochMs } from '../oauth/time.js';
import { about, MendableFault, privateKeyWayOut } from './faults.js';
import type { RingContent, RingMedium } from './medium.js';
import { parseRing } from './ring-format.js';
import { assertImportedKey, assertPublicKey, type KeyPair, loadPrivateKey } from './rsa.js';
import type { LoadedRing } from './store.js';
import type { Wrapping } from './wrapping.js';

/** A ring, and what it was read from. */
export type ReadRing = { readonly content: RingContent; readonly ring: KeyRing };

/** Reads what a medium keeps, and says of each fault which file or row it is in. All throw KeyRingFault. */
export type RingReader = {
  parse(content: RingContent): Promise<KeyRing>;
  read(): Promise<ReadRing>;
  /** Every private half that is there and belongs to the ring, checked against it. */
  pairsOf(read: ReadRing): Promise<readonly KeyPair[]>;
  /** Makes sure that the secret in use is the one of private halves that stay: servers could not read new ones else. */
  assertSecret(content: RingContent, kids: readonly string[]): Promise<void>;
  /** The ring with the private halves that may still sign, everything checked. */
  load(now: EpochMs): Promise<LoadedRing>;
};

export function ringReader(medium: RingMedium, wrapping: Wrapping): RingReader {
  const parse = (content: RingContent) => about(medium.ringName, async () => parseRing(content.ring));

  /** A private half, checked against the ring. */
  async function privateHalf(content: RingContent, { kid, jwk }: NewKey): Promise<{ pem: string; key: KeyObject }> {
    const { name, text } = await content.privateKey(kid);
    return about(
      name,
      async () => {
        const pem = await wrapping.unwrap(text);
        return { pem, key: await loadPrivateKey(pem, kid, jwk) };
      },
      privateKeyWayOut(kid),
    );
  }

  async function read(): Promise<ReadRing> {
    const content = await medium.read();
    return { content, ring: await parse(content) };
  }

  return {
    parse,
    read,
    async pairsOf({ content, ring }) {
      const pairs: KeyPair[] = [];
      for (const { kid, jwk } of ring.keys.filter((key) => content.kids.includes(key.kid))) {
        const { pem } = await privateHalf(content, { kid, jwk });
        pairs.push({ key: { kid, jwk }, privatePem: pem });
      }
      return pairs;
    },
    async assertSecret(content, kids) {
      for (const kid of kids) {
        // One that is missing or broken says nothing of the secret, and must not stand in the way of a revocation.
        const kept = await content.privateKey(kid).catch(() => null);
        if (kept === null) continue;
        await about(kept.name, () => wrapping.unwrap(kept.text).catch(onlyMendable));
      }
    },
    async load(now) {
      const { content, ring } = await read();
      const privateKeys = new Map<string, KeyObject>();
      for (const { kid, jwk, state, importedUntil } of viewRing(ring, now)) {
        if (state === 'revoked' || state === 'removed') continue;
        const assertFit = () => (importedUntil === null ? assertPublicKey(kid, jwk) : assertImportedKey(jwk));
        await about(`${medium.ringName}: key ${kid}`, assertFit);
        if (state === 'retiring') continue;
        privateKeys.set(kid, (await privateHalf(content, { kid, jwk })).key);
      }
      const isThere = (kid: string) => content.kids.includes(kid);
      const undestroyed = ring.keys.filter(({ kid, destroyedAt }) => destroyedAt !== null && isThere(kid));
      return { ring, privateKeys, undestroyed: undestroyed.map(({ kid }) => kid) };
    },
  };
}

/** Lets pass what is no fault of the secret. */
function onlyMendable(error: unknown): void {
  if (error instanceof MendableFault) throw error;
}
