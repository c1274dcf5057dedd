import { compactVerify, errors, importJWK, type JWK } from 'jose';
import type { JwkSet } from '../oauth/client.js';
import { type ClientAssertion, keysFor } from '../oauth/client-assertion.js';

/** Whether one of a client's keys signed its assertion (RFC 7515 §5.2), by the keys it is registered with alone. */
export async function isSignedByClient(assertion: ClientAssertion, jwks: JwkSet): Promise<boolean> {
  for (const key of keysFor(assertion, jwks)) {
    if (await isSignedBy(assertion, key as JWK)) return true;
  }
  return false;
}

async function isSignedBy({ text, algorithm }: ClientAssertion, jwk: JWK): Promise<boolean> {
  try {
    // The key's own `alg` aside: EdDSA and Ed25519 are two names of one thing.
    const { alg: _alg, ...key } = jwk;
    await compactVerify(text, await importJWK(key, algorithm), { algorithms: [algorithm] });
    return true;
  } catch (error) {
    if (error instanceof errors.JOSEError) return false;
    throw error;
  }
}
