import type { CryptoKey } from 'jose';
import { SignJWT } from 'jose';
import { activeKey, type KeyRing, nextChange, publishedKeys, RING_POLL_SECONDS } from '../oauth/key-ring.js';
import type { EpochMs } from '../oauth/time.js';
import { KeyRingFault, type KeyStore, type LoadedRing } from './directory.js';
import { ALGORITHM } from './rsa.js';

/** Signs access tokens with the key whose time it is, and publishes the public halves. */
export type Signer = {
  /**
   * Signs claims as an access token (RFC 9068 §2.1): `typ` at+jwt, RS256, the active key's `kid`.
   *
   * @throws KeyRingFault when no key is active
   */
  sign(claims: Readonly<Record<string, unknown>>, now: EpochMs): Promise<string>;
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

const NOTHING_PUBLISHED = { text: '', validFrom: Number.POSITIVE_INFINITY, validUntil: Number.NEGATIVE_INFINITY };

/** The signer of one loaded ring, replaceable by the next. */
export function signerOf(first: LoadedRing): Omit<Signer, 'close'> & { replace(next: LoadedRing): void } {
  let loaded = first;
  let published = NOTHING_PUBLISHED;

  function signingKey(now: EpochMs): { kid: string; key: CryptoKey } | null {
    const kid = activeKey(loaded.ring, now)?.kid;
    const key = kid === undefined ? undefined : loaded.privateKeys.get(kid);
    return kid === undefined || key === undefined ? null : { kid, key };
  }

  return {
    async sign(claims, now) {
      const signing = signingKey(now);
      if (signing === null) throw new KeyRingFault('no signing key is active');
      return new SignJWT({ ...claims })
        .setProtectedHeader({ alg: ALGORITHM, typ: 'at+jwt', kid: signing.kid })
        .sign(signing.key);
    },
    jwks(now) {
      // A clock may be set back, so the text has a beginning as well as an end.
      if (now < published.validFrom || now >= published.validUntil) {
        published = {
          text: jwksOf(loaded.ring, now),
          validFrom: now,
          validUntil: nextChange(loaded.ring, now) ?? Number.POSITIVE_INFINITY,
        };
      }
      return published.text;
    },
    isReady: (now) => signingKey(now) !== null,
    replace(next) {
      loaded = next;
      published = NOTHING_PUBLISHED;
    },
  };
}

function jwksOf(ring: KeyRing, now: EpochMs): string {
  const keys = publishedKeys(ring, now).map(({ kid, jwk }) => ({
    kty: jwk.kty,
    use: 'sig',
    alg: ALGORITHM,
    kid,
    n: jwk.n,
    e: jwk.e,
  }));
  return JSON.stringify({ keys });
}
