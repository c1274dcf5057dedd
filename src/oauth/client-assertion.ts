import type { Client, JwkSet } from './client.js';
import { sha256 } from './refresh-token.js';
import { ok, type Result, refuse } from './result.js';
import type { EpochMs } from './time.js';

/** `client_assertion_type` of a JWT (RFC 7523 §2.2). */
export const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** What a client may sign with (RFC 8725 §3.1: named one by one). `none` and shared secrets are not among them. */
export const ASSERTION_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'] as const;
export type AssertionAlgorithm = (typeof ASSERTION_ALGORITHMS)[number];

/** An assertion is for one request, so none may live longer, in seconds. */
export const LONGEST_ASSERTION_SECONDS = 300;

const LONGEST_JTI = 256;

/** `typ` in the header, in small letters (RFC 7515 §4.1.9: case means nothing): a JWT used as such, and no other kind. */
const TYPES: readonly unknown[] = [undefined, 'jwt', 'client-authentication+jwt'];

/** What a client presents to show who it is (RFC 7523 §2.2), read but not yet believed. */
export type ClientAssertion = {
  /** As it was sent. */
  readonly text: string;
  readonly algorithm: AssertionAlgorithm;
  /** Which of its keys the client says it signed with. */
  readonly kid: string | undefined;
  readonly claims: Readonly<Record<string, unknown>>;
};

/** A good assertion: under what name it is remembered, so that it is used once, and for how long. */
export type AcceptedAssertion = { readonly id: Uint8Array<ArrayBuffer>; readonly rememberUntil: EpochMs };

/**
 * Reads a JWT (RFC 7519 §7.2) and makes sure that it is of a kind that may be verified. Keys that stand in the header
 * (`jwk`, `jku`, `x5u`) are never looked at.
 */
export function readClientAssertion(text: string): Result<ClientAssertion> {
  const malformed = refuse({ reason: 'client_assertion_malformed' });
  const parts = text.split('.');
  const [head, body, signature] = parts;
  if (parts.length !== 3 || head === undefined || body === undefined || signature === undefined) return malformed;
  const header = decodeObject(head);
  const claims = decodeObject(body);
  if (header === null || claims === null || !BASE64URL.test(signature)) return malformed;
  const { alg, kid, typ } = header;
  const algorithm = ASSERTION_ALGORITHMS.find((known) => known === alg);
  const type = typeof typ === 'string' ? typ.toLowerCase() : typ;
  // RFC 7515 §4.1.11: what must be understood is not, so `crit` itself is refused.
  if (algorithm === undefined || !TYPES.includes(type) || Object.hasOwn(header, 'crit')) {
    return refuse({ reason: 'client_assertion_header_not_allowed' });
  }
  return kid === undefined || typeof kid === 'string' ? ok({ text, algorithm, kid, claims }) : malformed;
}

const BASE64URL = /^[A-Za-z0-9_-]+$/;

/** A JSON object in base64url without padding (RFC 7515 §2), written as an encoder writes it; null for anything else. */
function decodeObject(encoded: string): Readonly<Record<string, unknown>> | null {
  const bytes = Buffer.from(encoded, 'base64url');
  if (bytes.toString('base64url') !== encoded) return null;
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : null;
  } catch {
    return null;
  }
}

/**
 * Checks what an assertion claims (RFC 7523 §3, and its revision draft-ietf-oauth-rfc7523bis: the audience is the issuer
 * and nothing else, so that no other server can use it here). Whether the client signed it is another question, and so is
 * whether it was used before.
 *
 * @param clockSkewSeconds how far the client's clock may be off
 */
export function checkClientAssertion(
  { claims }: ClientAssertion,
  clientId: string,
  issuer: string,
  now: EpochMs,
  clockSkewSeconds: number,
): Result<AcceptedAssertion> {
  const { iss, sub, aud, exp, iat, nbf, jti } = claims;
  if (iss !== clientId || sub !== clientId) return refuse({ reason: 'client_assertion_of_another', clientId });
  const audiences: readonly unknown[] = [aud].flat();
  if (audiences.length !== 1 || audiences[0] !== issuer)
    return refuse({ reason: 'client_assertion_audience', clientId });
  const isTime = (value: unknown) => typeof value === 'number' && Number.isFinite(value);
  const begins = [iat, nbf].filter((time) => time !== undefined);
  if (typeof exp !== 'number' || !isTime(exp) || !begins.every(isTime)) {
    return refuse({ reason: 'client_assertion_times_malformed', clientId });
  }
  const nowSeconds = now / 1000;
  if (exp <= nowSeconds - clockSkewSeconds) return refuse({ reason: 'client_assertion_expired', clientId });
  if (exp > nowSeconds + LONGEST_ASSERTION_SECONDS + clockSkewSeconds) {
    return refuse({ reason: 'client_assertion_too_long', clientId });
  }
  if (begins.some((time) => Number(time) > nowSeconds + clockSkewSeconds)) {
    return refuse({ reason: 'client_assertion_too_early', clientId });
  }
  if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_JTI) {
    return refuse({ reason: 'client_assertion_without_jti', clientId });
  }
  // Once the skew for its own acceptance, and once more for an instance whose clock is ahead and forgets earlier.
  return ok({ id: assertionId(clientId, jti), rememberUntil: Math.ceil((exp + 2 * clockSkewSeconds) * 1000) });
}

/** No two pairs of client and `jti` have the same: JSON keeps them apart, ill-formed text too. */
export function assertionId(clientId: string, jti: string): Uint8Array<ArrayBuffer> {
  return sha256(JSON.stringify([clientId, jti]));
}

/** The keys of a client that may have signed: those of the `kid`, or without one all, that fit the algorithm. */
export function keysFor({ algorithm, kid }: ClientAssertion, jwks: JwkSet): JwkSet['keys'] {
  return jwks.keys.filter((key) => (kid === undefined || key['kid'] === kid) && fits(key, algorithm));
}

/** `kty` and curve of a key for an algorithm (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2). */
const KEY_TYPES: Readonly<Record<AssertionAlgorithm, string>> = {
  RS256: 'RSA',
  PS256: 'RSA',
  ES256: 'EC P-256',
  EdDSA: 'OKP Ed25519',
  Ed25519: 'OKP Ed25519',
};

/** Whether a key is of the kind of an algorithm, and not kept for another. */
function fits(key: Readonly<Record<string, unknown>>, algorithm: AssertionAlgorithm): boolean {
  const isOfKind = keyType(key) === KEY_TYPES[algorithm];
  const { alg } = key;
  // EdDSA is what Ed25519 was called before RFC 9864.
  return isOfKind && (alg === undefined || alg === algorithm || keyType(key) === 'OKP Ed25519');
}

/** What a key is, as `RSA` or `EC P-256`. */
export function keyType({ kty, crv }: Readonly<Record<string, unknown>>): string {
  return kty === 'RSA' ? 'RSA' : `${kty} ${crv}`;
}

/** The algorithms a key can be for; none when mintd does not know its kind. */
export function algorithmsOf(key: Readonly<Record<string, unknown>>): readonly AssertionAlgorithm[] {
  return ASSERTION_ALGORITHMS.filter((algorithm) => KEY_TYPES[algorithm] === keyType(key));
}

/** Why a client cannot authenticate by an assertion at all; the client's keys when it can. */
export function jwksOf(client: Client | null): Result<{ readonly client: Client; readonly jwks: JwkSet }> {
  if (client === null) return refuse({ reason: 'client_unknown' });
  if (client.kind === 'public') return refuse({ reason: 'client_is_public', clientId: client.id });
  if (client.jwks === null) return refuse({ reason: 'client_authentication_method_wrong', clientId: client.id });
  return ok({ client, jwks: client.jwks });
}
