import type { KeyObject } from 'node:crypto';
import type { Claims } from '../oauth/access-token.js';
import type { KeyRing } from '../oauth/key-ring.js';
import { activeKey, nextChange } from '../oauth/key-states.js';
import type { EpochMs } from '../oauth/time.js';
import { encodedHeader, signCompact } from './compact-jws.js';
import { KeyRingFault } from './faults.js';
import { type CachedDocument, jwksDocument, publicKeys } from './jwks.js';
import { ALGORITHM } from './rsa.js';
import type { LoadedRing } from './store.js';
import { TYPE, type Verify, verifierOf } from './verifier.js';

/** Signs access tokens with the key whose time it is, and publishes the public halves. */
export type Signer = {
  /**
   * Signs claims as an access token (RFC 9068 §2.1): `typ` at+jwt, RS256, the active key's `kid`.
   *
   * @throws KeyRingFault when no key is active
   */
  sign(claims: Claims, now: EpochMs): Promise<string>;
  /**
   * The claims of a token that a published key signed: that is ours, and nothing is said of anything it claims, its
   * expiry included (src/oauth/access-token.ts). Null for any other text.
   */
  verify(token: string, now: EpochMs): Promise<Claims | null>;
  /** The JWKS (RFC 7517 §5). Never a private member: each key is written from its public members alone. */
  jwks(now: EpochMs): CachedDocument;
  /**
   * The ring's own idea of these two, in seconds: what it counts with when keys come and go. A server whose
   * configuration differs, because another one was started with a new one, follows the ring.
   */
  jwksMaxAgeSeconds(): number;
  longestTtlSeconds(): number;
  /** Whether a key is active and can sign. */
  isReady(now: EpochMs): boolean;
};

/** What follows from the ring for a while. */
type Present = {
  readonly document: CachedDocument;
  readonly verify: Verify;
  readonly signing: { readonly header: string; readonly key: KeyObject } | null;
  readonly validFrom: EpochMs;
  readonly validUntil: EpochMs;
};

/** A signer whose ring can be replaced by the next. */
export type ReplaceableSigner = Signer & { readonly ring: () => KeyRing; replace(next: LoadedRing): void };

/** The signer of one loaded ring. */
export function signerOf(first: LoadedRing): ReplaceableSigner {
  let loaded = first;
  let cached: Present | null = null;

  /** A clock may be set back, so what holds at present has a beginning as well as an end. */
  function present(now: EpochMs): Present {
    if (cached === null || now < cached.validFrom || now >= cached.validUntil) cached = presentOf(loaded, now);
    return cached;
  }
  const lastTiming = () => loaded.ring.timings.at(-1);

  return {
    async sign(claims, now) {
      const { signing } = present(now);
      if (signing === null) throw new KeyRingFault('no signing key is active');
      return signCompact(signing.header, claims, signing.key);
    },
    verify: (token, now) => present(now).verify(token),
    jwks: (now) => present(now).document,
    jwksMaxAgeSeconds: () => lastTiming()?.jwksMaxAgeSeconds ?? 0,
    longestTtlSeconds: () => lastTiming()?.accessTokenMaxTtlSeconds ?? 0,
    isReady: (now) => present(now).signing !== null,
    ring: () => loaded.ring,
    replace(next) {
      loaded = next;
      cached = null;
    },
  };
}

function presentOf({ ring, privateKeys }: LoadedRing, now: EpochMs): Present {
  const keys = publicKeys(ring, now);
  const kid = activeKey(ring, now)?.kid;
  const key = kid === undefined ? undefined : privateKeys.get(kid);
  return {
    document: jwksDocument(keys),
    verify: verifierOf(keys),
    signing:
      kid === undefined || key === undefined
        ? null
        : { header: encodedHeader({ alg: ALGORITHM, typ: TYPE, kid }), key },
    validFrom: now,
    validUntil: nextChange(ring, now) ?? Number.POSITIVE_INFINITY,
  };
}
