import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type JWTHeaderParameters, SignJWT } from 'jose';
import type { Client } from '../../src/oauth/client.js';
import { type AssertionAlgorithm, JWT_BEARER } from '../../src/oauth/client-assertion.js';
import { ISSUER, type TestIssuer } from '../helper.js';
import { aService } from './setup.js';

/** A client's key: what it signs with, and what it is registered with. */
export type ClientKey = {
  readonly algorithm: AssertionAlgorithm;
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly jwk: Readonly<Record<string, unknown>>;
};

/** Makes a key for an algorithm. */
export function clientKey(algorithm: AssertionAlgorithm = 'ES256', kid = 'key-1'): ClientKey {
  const { privateKey, publicKey } = pairFor(algorithm);
  return { algorithm, kid, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid } };
}

function pairFor(algorithm: AssertionAlgorithm) {
  if (algorithm === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  if (algorithm === 'RS256' || algorithm === 'PS256') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  return generateKeyPairSync('ed25519');
}

/** A confidential client with keys and every grant. */
export function aSigner(keys: readonly ClientKey[], overrides: Partial<Client> = {}): Client {
  const own = { id: 'signer', secretHash: null, jwks: { keys: keys.map(({ jwk }) => jwk) } };
  return aService({ ...own, ...overrides });
}

/** What is otherwise than in a good assertion; a member that is undefined is left out. */
export type Wrong = {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
};

/** The claims of a good assertion of `signer`, from a moment in seconds on. */
export function goodClaims(nowSeconds: number): Record<string, unknown> {
  const jti = crypto.randomUUID();
  return { iss: 'signer', sub: 'signer', aud: ISSUER, iat: nowSeconds, exp: nowSeconds + 60, jti };
}

/** Signs an assertion, good but for what is said. */
export async function assertionOf(key: ClientKey, now: number, { claims, header }: Wrong = {}): Promise<string> {
  const said = { alg: key.algorithm, kid: key.kid, ...header } as JWTHeaderParameters;
  return new SignJWT({ ...goodClaims(Math.floor(now / 1000)), ...claims })
    .setProtectedHeader(said)
    .sign(key.privateKey);
}

/** What a request says of an assertion. */
export function assertionForm(assertion: string): Record<string, string> {
  return { client_assertion_type: JWT_BEARER, client_assertion: assertion };
}

/** Asks for a token for the client itself. */
export async function askWith(
  issuer: TestIssuer,
  key: ClientKey,
  wrong: Wrong = {},
  more: Record<string, string> = {},
) {
  const assertion = await assertionOf(key, issuer.clock.now, wrong);
  return issuer.post('/token', { grant_type: 'client_credentials', ...assertionForm(assertion), ...more });
}
