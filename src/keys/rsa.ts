import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { CompactSign, calculateJwkThumbprint, compactVerify, exportPKCS8, generateKeyPair } from 'jose';
import type { PublicJwk } from '../oauth/key-ring.js';

/** The one algorithm mintd signs with (RFC 7518 §3.3); every verifier of RFC 9068 tokens must know it. */
export const ALGORITHM = 'RS256';
/** Sizes a key can be made in, in bits. Anything below 2048 is refused when a key is read (RFC 7518 §3.3). */
export const KEY_SIZES_BITS = [2048, 3072, 4096] as const;
export type KeySizeBits = (typeof KEY_SIZES_BITS)[number];

/** A key pair: what may be shown, and apart from it what may not, so that no copy of the one takes the other along. */
export type KeyPair = {
  readonly key: { readonly kid: string; readonly jwk: PublicJwk };
  /** PKCS #8. */
  readonly privatePem: string;
};

/**
 * Makes a key pair. Takes from a tenth of a second to several seconds, depending on size and luck. No kid begins with
 * `-`: commands would take it for an option.
 */
export async function makeKeyPair(bits: KeySizeBits = 2048): Promise<KeyPair> {
  const { privateKey } = await generateKeyPair(ALGORITHM, { modulusLength: bits, extractable: true });
  const privatePem = await exportPKCS8(privateKey);
  const jwk = publicJwkOf(privatePem);
  const kid = await thumbprint(jwk);
  return kid.startsWith('-') ? makeKeyPair(bits) : { key: { kid, jwk }, privatePem };
}

/** RFC 7638 §3: SHA-256 over the required members, base64url. */
export async function thumbprint(jwk: PublicJwk): Promise<string> {
  return calculateJwkThumbprint(jwk, 'sha256');
}

function publicJwkOf(privatePem: string): PublicJwk {
  const { n, e } = createPublicKey(privatePem).export({ format: 'jwk' });
  if (n === undefined || e === undefined) throw new Error('it is not an RSA key');
  return { kty: 'RSA', n, e };
}

/**
 * Reads a private key and makes sure that it is what the ring says: RSA, at least 2048 bits, the private half of
 * `jwk`, and able to sign what `jwk` verifies.
 *
 * @throws Error that ends a sentence beginning with the key's file or row
 */
export async function loadPrivateKey(privatePem: string, kid: string, jwk: PublicJwk): Promise<KeyObject> {
  const key = parsePrivateKey(privatePem);
  assertStrong(key);
  const own = publicJwkOf(privatePem);
  if (own.n !== jwk.n || own.e !== jwk.e) throw new Error('it is not the private half of the key in the ring');
  await assertPublicKey(kid, jwk);
  const probe = await new CompactSign(new Uint8Array(8)).setProtectedHeader({ alg: ALGORITHM }).sign(key);
  try {
    await compactVerify(probe, createPublicKey({ key: jwk, format: 'jwk' }), { algorithms: [ALGORITHM] });
  } catch {
    throw new Error('what it signs does not verify');
  }
  return key;
}

/**
 * Makes sure that a public key is fit to be published under its kid.
 *
 * @throws Error that ends a sentence beginning with the key
 */
export async function assertPublicKey(kid: string, jwk: PublicJwk): Promise<void> {
  if ((await thumbprint(jwk)) !== kid) throw new Error('its RFC 7638 thumbprint is not its kid');
  assertStrong(createPublicKey({ key: jwk, format: 'jwk' }));
}

/**
 * The same for another issuer's key, whose kid is what that issuer called it.
 *
 * @throws Error that ends a sentence beginning with the key
 */
export async function assertImportedKey(jwk: PublicJwk): Promise<void> {
  assertStrong(createPublicKey({ key: jwk, format: 'jwk' }));
}

/** How large a public key is, in bits. */
export function bitsOf(jwk: PublicJwk): number {
  return createPublicKey({ key: jwk, format: 'jwk' }).asymmetricKeyDetails?.modulusLength ?? 0;
}

/** jose reads PKCS #8 alone, so other forms are refused here, where it can be said clearly. */
function parsePrivateKey(privatePem: string): KeyObject {
  const notPkcs8 = new Error('it is not a PKCS #8 private key in PEM');
  if (!privatePem.includes('-----BEGIN PRIVATE KEY-----')) throw notPkcs8;
  try {
    return createPrivateKey(privatePem);
  } catch {
    throw notPkcs8;
  }
}

function assertStrong(key: KeyObject): void {
  if (key.asymmetricKeyType !== 'rsa') throw new Error('it is not an RSA key');
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < 2048) throw new Error(`it has ${bits} bits; at least 2048 are needed`);
  // With e = 1 a signature is the message itself; RFC 8017 §3.1 wants an odd number of at least 3.
  const exponent = key.asymmetricKeyDetails?.publicExponent ?? 0n;
  if (exponent < 3n || exponent % 2n === 0n) throw new Error(`its public exponent is ${exponent}`);
}
