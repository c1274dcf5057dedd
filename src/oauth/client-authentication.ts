import { timingSafeEqual } from 'node:crypto';
import { type Client, isClientId } from './client.js';
import { decodeFormPart, optional, type RequestParameters } from './parameters.js';
import { sha256 } from './refresh-token.js';
import { ok, type Result, refuse } from './result.js';

/** How a client shows who it is (RFC 6749 §2.3.1; `none` is RFC 7591 §2's name for a public client). */
export type PresentedClient = {
  readonly method: 'none' | 'client_secret_basic' | 'client_secret_post';
  readonly clientId: string;
  readonly secret: string | undefined;
};

/** The methods, for the metadata document (RFC 8414 §2). */
export const CLIENT_AUTHENTICATION_METHODS = ['client_secret_basic', 'client_secret_post', 'none'] as const;

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
  const methods = [authorization, bodySecret, optional(parameters, 'client_assertion')];
  const twice = refuse({ reason: 'client_authentication_twice' });
  if (methods.filter((method) => method !== undefined).length > 1) return twice;
  if (authorization !== undefined) {
    const basic = parseBasic(authorization);
    return basic.ok && bodyId !== undefined && bodyId !== basic.value.clientId ? twice : basic;
  }
  if (bodyId === undefined) return refuse({ reason: 'client_not_named' });
  if (!isClientId(bodyId)) return refuse({ reason: 'client_unknown' });
  return ok({
    method: bodySecret === undefined ? 'none' : 'client_secret_post',
    clientId: bodyId,
    secret: bodySecret,
  });
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
 * Whether the presented credentials are those of this client. Secrets are 256 random bits, so their SHA-256 is
 * enough, compared in constant time; an unknown client costs the same comparison.
 */
export function authenticateClient(presented: PresentedClient, client: Client | null): Result<Client> {
  const { secret } = presented;
  const matches = secret !== undefined && timingSafeEqual(sha256(secret), client?.secretHash ?? NO_SECRET);
  if (client === null) return refuse({ reason: 'client_unknown' });
  if (client.kind === 'public' && secret !== undefined) return refuse({ reason: 'client_is_public' });
  if (client.kind === 'confidential' && secret === undefined) return refuse({ reason: 'client_secret_missing' });
  if (client.kind === 'confidential' && !matches) return refuse({ reason: 'client_secret_wrong' });
  return client.disabledAt === null ? ok(client) : refuse({ reason: 'client_disabled' });
}
