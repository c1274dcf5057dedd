import { compactVerify, createLocalJWKSet, errors, type JWK } from 'jose';
import type { Claims } from '../oauth/access-token.js';
import { ALGORITHM } from './rsa.js';

/** `typ` of an access token (RFC 9068 §2.1). */
export const TYPE = 'at+jwt';

/** Says what a token claims if one of the keys signed it, else null. */
export type Verify = (token: string) => Promise<Claims | null>;

/** Verifies tokens by a set of public keys as any service does, but for the claims: those are for the rules to judge. */
export function verifierOf(keys: readonly JWK[]): Verify {
  const keySet = createLocalJWKSet({ keys: [...keys] });
  return async (token) => {
    try {
      const { payload, protectedHeader } = await compactVerify(token, keySet, { algorithms: [ALGORITHM] });
      if (protectedHeader.typ !== TYPE) return null;
      const claims: unknown = JSON.parse(new TextDecoder().decode(payload));
      return typeof claims === 'object' && claims !== null && !Array.isArray(claims) ? (claims as Claims) : null;
    } catch (error) {
      if (error instanceof errors.JOSEError || error instanceof SyntaxError) return null;
      throw error;
    }
  };
}
