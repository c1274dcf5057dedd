import { createHash } from 'node:crypto';
import type { KeyRing } from '../oauth/key-ring.js';
import { publishedKeys } from '../oauth/key-states.js';
import type { EpochMs } from '../oauth/time.js';
import { KeyRingFault } from './faults.js';
import { ALGORITHM } from './rsa.js';

/** A public key as it is published (RFC 7517 §4, RFC 7518 §6.3.1). */
export type PublishedJwk = {
  readonly kty: 'RSA';
  readonly use: 'sig';
  readonly alg: typeof ALGORITHM;
  readonly kid: string;
  readonly n: string;
  readonly e: string;
};

/** All that may ever be published of a key. */
const PUBLIC_MEMBERS: readonly string[] = ['kty', 'use', 'alg', 'kid', 'n', 'e'];

/** The JWKS of a moment (RFC 7517 §5), each key written from its public members alone. */
export function publicKeys(ring: KeyRing, now: EpochMs): readonly PublishedJwk[] {
  return publishedKeys(ring, now).map(({ kid, jwk }) => ({
    kty: jwk.kty,
    use: 'sig',
    alg: ALGORITHM,
    kid,
    n: jwk.n,
    e: jwk.e,
  }));
}

/** A document as it goes over the wire, again and again. */
export type CachedDocument = {
  readonly text: string;
  /** A strong entity tag (RFC 9110 §8.8.3), quotes included. */
  readonly etag: string;
};

/** A document, and a tag that changes with it. */
export function cachedDocument(text: string): CachedDocument {
  return { text, etag: `"${createHash('sha256').update(text).digest('base64url')}"` };
}

/**
 * The JWKS as it is sent, after one more look at what is in them.
 *
 * @throws KeyRingFault when a member stands there that is not public: nothing is published then
 */
export function jwksDocument(keys: readonly PublishedJwk[]): CachedDocument {
  const text = JSON.stringify({ keys });
  const written = JSON.parse(text) as { keys: Record<string, unknown>[] };
  const isPublic = written.keys.every((key) =>
    Object.entries(key).every(([member, value]) => PUBLIC_MEMBERS.includes(member) && typeof value === 'string'),
  );
  if (!isPublic) throw new KeyRingFault('the JWKS has a member that is not public: it is not published');
  return cachedDocument(text);
}
