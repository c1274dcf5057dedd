import type { CryptoKey } from 'jose';
import { SignJWT } from 'jose';
import type { Claims } from '../oauth/access-token.js';
import { activeKey, type KeyRing, nextChange, publishedKeys, RING_POLL_SECONDS } from '../oauth/key-ring.js';
import type { EpochMs } from '../oauth/time.js';
import { KeyRingFault, type KeyStore, type LoadedRing } from './directory.js';
import { ALGORITHM } from './rsa.js';
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
  /** The JWKS (RFC 7517 §5) as text. Never a private member: each key is written from its public members alone. */
  jwks(now: EpochMs): string;
  /** Whether a key is active and can sign. */
  isReady(now: EpochMs): boolean;
  /** Stops looking for changes. */
  close(): void;
};

/** What the signer tells the log. */
export type SignerLog = {
  readonly ringReloaded: (kids: readonly string[]) => void;
  readonly ringFault: (error: unknown) => void;
};

/** Opens the ring and follows its changes while it runs; a ring that turns bad leaves the last good one in use. */
export async function openSigner(store: KeyStore, log: SignerLog, clock: () => EpochMs = Date.now): Promise<Signer> {
  let fingerprint = await store.fingerprint().catch(() => '');
  const signer = signerOf(await store.load(clock()));

  async function follow(): Promise<void> {
    try {
      const found = await store.fingerprint();
      if (found === fingerprint) return;
      const loaded = await store.load(clock());
      signer.replace(loaded);
      fingerprint = found;
      log.ringReloaded(loaded.ring.keys.map(({ kid }) => kid));
    } catch (error) {
      log.ringFault(error);
    }
  }

  const timer = setInterval(follow, RING_POLL_SECONDS * 1000);
  timer.unref();
  return { ...signer, close: () => clearInterval(timer) };
}

/** What the ring publishes for a while, as text and as what verifies by it. */
type Published = {
  readonly text: string;
  readonly verify: Verify;
  readonly validFrom: EpochMs;
  readonly validUntil: EpochMs;
};

const NOTHING_PUBLISHED: Published = {
  text: '',
  verify: async () => null,
  validFrom: Number.POSITIVE_INFINITY,
  validUntil: Number.NEGATIVE_INFINITY,
};

/** The signer of one loaded ring, replaceable by the next. */
export function signerOf(first: LoadedRing): Omit<Signer, 'close'> & { replace(next: LoadedRing): void } {
  let loaded = first;
  let published: Published = NOTHING_PUBLISHED;

  function signingKey(now: EpochMs): { kid: string; key: CryptoKey } | null {
    const kid = activeKey(loaded.ring, now)?.kid;
    const key = kid === undefined ? undefined : loaded.privateKeys.get(kid);
    return kid === undefined || key === undefined ? null : { kid, key };
  }

  /** A clock may be set back, so what is published has a beginning as well as an end. */
  function publishedAt(now: EpochMs): Published {
    if (now < published.validFrom || now >= published.validUntil) {
      const keys = publicKeys(loaded.ring, now);
      published = {
        text: JSON.stringify({ keys }),
        verify: verifierOf(keys),
        validFrom: now,
        validUntil: nextChange(loaded.ring, now) ?? Number.POSITIVE_INFINITY,
      };
    }
    return published;
  }

  return {
    async sign(claims, now) {
      const signing = signingKey(now);
      if (signing === null) throw new KeyRingFault('no signing key is active');
      return new SignJWT({ ...claims })
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid: signing.kid })
        .sign(signing.key);
    },
    verify: (token, now) => publishedAt(now).verify(token),
    jwks: (now) => publishedAt(now).text,
    isReady: (now) => signingKey(now) !== null,
    replace(next) {
      loaded = next;
      published = NOTHING_PUBLISHED;
    },
  };
}

function publicKeys(ring: KeyRing, now: EpochMs) {
  return publishedKeys(ring, now).map(({ kid, jwk }) => ({
    kty: jwk.kty,
    use: 'sig',
    alg: ALGORITHM,
    kid,
    n: jwk.n,
    e: jwk.e,
  }));
}
