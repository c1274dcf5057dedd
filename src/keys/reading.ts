import type { CryptoKey } from 'jose';
import type { KeyRing, NewKey } from '../oauth/key-ring.js';
import { viewRing } from '../oauth/key-states.js';
import type { EpochMs } from '../oauth/time.js';
import { about } from './faults.js';
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
  /** The ring with the private halves that may still sign, everything checked. */
  load(now: EpochMs): Promise<LoadedRing>;
};

export function ringReader(medium: RingMedium, wrapping: Wrapping): RingReader {
  const parse = (content: RingContent) => about(medium.ringName, async () => parseRing(content.ring));

  /** A private half, checked against the ring. */
  async function privateHalf(content: RingContent, { kid, jwk }: NewKey): Promise<{ pem: string; key: CryptoKey }> {
    const { name, text } = await content.privateKey(kid);
    return about(name, async () => {
      const pem = await wrapping.unwrap(text);
      return { pem, key: await loadPrivateKey(pem, kid, jwk) };
    });
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
    async load(now) {
      const { content, ring } = await read();
      const privateKeys = new Map<string, CryptoKey>();
      for (const { kid, jwk, state, importedUntil } of viewRing(ring, now)) {
        if (state === 'revoked' || state === 'removed') continue;
        const assertFit = importedUntil === null ? assertPublicKey : assertImportedKey;
        await about(`${medium.ringName}: key ${kid}`, () => assertFit(kid, jwk));
        if (state === 'retiring') continue;
        privateKeys.set(kid, (await privateHalf(content, { kid, jwk })).key);
      }
      const isThere = (kid: string) => content.kids.includes(kid);
      const undestroyed = ring.keys.filter(({ kid, destroyedAt }) => destroyedAt !== null && isThere(kid));
      return { ring, privateKeys, undestroyed: undestroyed.map(({ kid }) => kid) };
    },
  };
}
