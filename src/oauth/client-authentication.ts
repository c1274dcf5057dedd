import { timingSafeEqual } from 'node:crypto';
import { type Client, isClientId } from './client.js';
import { type ClientAssertion, JWT_BEARER, readClientAssertion } from './client-assertion.js';
import { decodeFormPart, optional, type RequestParameters } from './parameters.js';
import { sha256 } from './refresh-token.js';
import type { Refusal } from './refusal.js';
import { ok, type Result, refuse } from './result.js';
import type { EpochMs } from './time.js';

/** A client that shows a secret, or nothing (RFC 6749 §2.3.1; `none` is RFC 7591 §2's name for a public client). */
export type PresentedSecret = {
  readonly method: 'none' | 'client_secret_basic' | 'client_secret_post';
  readonly clientId: string;
  readonly secret: string | undefined;
};

/** A client that shows what it signed (RFC 7523 §2.2). */
export type PresentedAssertion = {
  readonly method: 'private_key_jwt';
  /** Who the assertion says it is. */
  readonly clientId: string;
  readonly assertion: ClientAssertion;
};

/** How a client shows who it is. */
export type PresentedClient = PresentedSecret | PresentedAssertion;

/** The methods, for the metadata document (RFC 8414 §2). */
export const CLIENT_AUTHENTICATION_METHODS = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'none',
] as const;

/**
 * Finds the client's credentials in a request. Two methods in one request are refused (RFC 6749 §2.3); naming the
 * same `client_id` in the body beside the Authorization header is not a second method.
 */
export function presentedClient(
  authorization: string | undefined,
  parameters: RequestParameters,
): Result<PresentedClient> {
  const bodyId = optional(parameters, 'client_id');
  const bodySecret = optional(parameters, 'client_secret');
  const assertion = optional(parameters, 'client_assertion');
  const assertionType = optional(parameters, 'client_assertion_type');
  const methods = [authorization, bodySecret, assertion ?? assertionType];
  const twice = refuse({ reason: 'client_authentication_twice' });
  if (methods.filter((method) => method !== undefined).length > 1) return twice;
  if (authorization !== undefined) {
    const basic = parseBasic(authorization);
    return basic.ok && bodyId !== undefined && bodyId !== basic.value.clientId ? twice : basic;
  }
  if (assertion !== undefined || assertionType !== undefined) {
    return presentedAssertion(assertion, assertionType, bodyId);
  }
  if (bodyId === undefined) return refuse({ reason: 'client_not_named' });
  if (!isClientId(bodyId)) return refuse({ reason: 'client_unknown' });
  return ok({
    method: bodySecret === undefined ? 'none' : 'client_secret_post',
    clientId: bodyId,
    secret: bodySecret,
  });
}

/** RFC 7521 §4.2: the assertion says whose it is; a `client_id` beside it is not needed, but must not differ. */
function presentedAssertion(
  text: string | undefined,
  type: string | undefined,
  bodyId: string | undefined,
): Result<PresentedAssertion> {
  if (type !== JWT_BEARER) return refuse({ reason: 'client_assertion_type_unknown' });
  const assertion = readClientAssertion(text ?? '');
  if (!assertion.ok) return assertion;
  const { sub } = assertion.value.claims;
  if (typeof sub !== 'string' || (bodyId !== undefined && bodyId !== sub)) {
    return refuse({ reason: 'client_assertion_malformed' });
  }
  if (!isClientId(sub)) return refuse({ reason: 'client_unknown' });
  return ok({ method: 'private_key_jwt', clientId: sub, assertion: assertion.value });
}

/** `Basic` credentials (RFC 7617 §2), each half form-decoded as RFC 6749 §2.3.1 wants it. */
function parseBasic(authorization: string): Result<PresentedClient> {
  const malformed = refuse({ reason: 'authorization_header_malformed' });
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(authorization)?.[1];
  const text = decodeBase64(encoded ?? '');
  if (text === null || !text.includes(':')) return malformed;
  const colon = text.indexOf(':');
  const clientId = decodeFormPart(text.slice(0, colon));
  const secret = decodeFormPart(text.slice(colon + 1));
  if (clientId === null || secret === null || clientId === '') return malformed;
  if (!isClientId(clientId)) return refuse({ reason: 'client_unknown' });
  return ok({ method: 'client_secret_basic', clientId, secret: secret === '' ? undefined : secret });
}

/** Base64 as an encoder writes it (RFC 4648 §3.5), with or without padding, of printable ASCII; null for anything else. */
function decodeBase64(encoded: string): string | null {
  const bytes = Buffer.from(encoded, 'base64');
  const canonical = bytes.toString('base64');
  if (encoded !== canonical && encoded !== canonical.replace(/=+$/, '')) return null;
  const text = bytes.toString('latin1');
  return /^[\x20-\x7e]*$/.test(text) ? text : null;
}

const NO_SECRET = new Uint8Array(32);

/**
 * Whether the presented secret is that of this client: its present one, or the one before it while that is good. Secrets are
 * 256 random bits, so their SHA-256 is enough. It is compared with both in constant time, whatever the first says; an unknown
 * client costs the same comparisons.
 */
export function authenticateClient(presented: PresentedSecret, client: Client | null, now: EpochMs): Result<Client> {
  const { secret } = presented;
  const hash = sha256(secret ?? '');
  const isPresent = timingSafeEqual(hash, client?.secretHash ?? NO_SECRET);
  const isPrevious = timingSafeEqual(hash, client?.previousSecret?.hash ?? NO_SECRET);
  if (client === null) return refuse({ reason: 'client_unknown' });
  const refusal = refusalOfSecret(client, { isGiven: secret !== undefined, isPresent, isPrevious }, now);
  if (refusal !== null) return refuse(refusal);
  return client.disabledAt === null ? ok(client) : refuse({ reason: 'client_disabled', clientId: client.id });
}

function refusalOfSecret(
  client: Client,
  { isGiven, isPresent, isPrevious }: { isGiven: boolean; isPresent: boolean; isPrevious: boolean },
  now: EpochMs,
): Refusal | null {
  const clientId = client.id;
  if (client.kind === 'public') return isGiven ? { reason: 'client_is_public', clientId } : null;
  if (client.jwks !== null) {
    return { reason: isGiven ? 'client_authentication_method_wrong' : 'client_assertion_missing', clientId };
  }
  if (!isGiven) return { reason: 'client_secret_missing', clientId };
  if (isPresent) return null;
  if (!isPrevious) return { reason: 'client_secret_wrong', clientId };
  return goodPreviousSecret(client, now) === null ? { reason: 'client_secret_expired', clientId } : null;
}

/** The secret before the present one, if it is still good. */
export function goodPreviousSecret({ previousSecret }: Client, now: EpochMs): Client['previousSecret'] {
  return previousSecret !== null && now < previousSecret.expiresAt ? previousSecret : null;
}
