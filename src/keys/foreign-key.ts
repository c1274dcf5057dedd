import { createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { NewKey } from '../oauth/key-ring.js';
import { KID } from './ring-format.js';
import { ALGORITHM, assertImportedKey, thumbprint } from './rsa.js';

const NOT_RSA = `it is not an RSA key: mintd publishes ${ALGORITHM} keys alone`;

/** The members of a JWK that decide whether it can be taken (RFC 7517 §4). Private members may stand beside them. */
const jwkSchema = z.looseObject({
  kty: z.string(),
  n: z.string().optional(),
  e: z.string().optional(),
  kid: z.string().optional(),
  alg: z.string().optional(),
  use: z.string().optional(),
});

/**
 * Reads another issuer's RSA key: PEM of any kind that holds a public or private key, or a certificate, or a JWK. Only the
 * public half is taken.
 *
 * @param kid what the other issuer's tokens call it, where the key does not say so itself; without both its thumbprint
 * @throws Error that ends a sentence beginning with the key's name
 */
export async function readForeignKey(text: string, kid: string | null): Promise<NewKey> {
  const found = text.includes('-----BEGIN ') ? { key: fromPem(text), kid: null } : fromJwk(text);
  if (found.key.asymmetricKeyType !== 'rsa') throw new Error(NOT_RSA);
  const { n = '', e = '' } = found.key.export({ format: 'jwk' });
  const jwk = { kty: 'RSA', n, e } as const;
  const name = kid ?? found.kid ?? (await thumbprint(jwk));
  if (!KID.test(name)) throw new Error('its kid must be 1 to 255 characters of visible ASCII without spaces');
  await assertImportedKey(jwk);
  return { kid: name, jwk };
}

function fromPem(text: string): KeyObject {
  try {
    return createPublicKey(text);
  } catch {
    throw new Error('it is PEM, but holds no key that can be read: is it encrypted, or cut?');
  }
}

function fromJwk(text: string): { key: KeyObject; kid: string | null } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error('it is neither PEM nor a JWK');
  }
  const parsed = jwkSchema.safeParse(value);
  if (!parsed.success) throw new Error('it is JSON, but not a JWK: of a JWKS, take the one key');
  const { kty, n, e, alg, use, kid } = parsed.data;
  if (kty !== 'RSA' || n === undefined || e === undefined) throw new Error(`${NOT_RSA}, or n or e is missing`);
  if (alg !== undefined && alg !== ALGORITHM)
    throw new Error(`it is for ${alg}: mintd publishes ${ALGORITHM} keys alone`);
  if (use !== undefined && use !== 'sig') throw new Error(`it is for use "${use}", not for signatures`);
  try {
    return { key: createPublicKey({ key: { kty, n, e }, format: 'jwk' }), kid: kid ?? null };
  } catch {
    throw new Error('its members n and e cannot be read');
  }
}
