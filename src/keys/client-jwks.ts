import { createPublicKey } from 'node:crypto';
import { z } from 'zod';
import type { JwkSet } from '../oauth/client.js';
import { ASSERTION_ALGORITHMS, algorithmsOf, keyType } from '../oauth/client-assertion.js';
import { KID } from './ring-format.js';

/** Far more than ten keys take. */
export const MOST_JWKS_BYTES = 16 * 1024;
const MOST_KEYS = 10;

/** A key set that may be stored, or why it may not be, in sentences. */
export type ClientJwks = { readonly jwks: JwkSet } | { readonly faults: readonly string[] };

/** Members that only a private (RFC 7518 §6.2.2, §6.3.2; RFC 8037 §2) or a symmetric key (RFC 7518 §6.4) has. */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/** What is kept of a key, by its type; all of it is public. */
const KEPT: Readonly<Record<string, readonly string[]>> = {
  RSA: ['kty', 'n', 'e', 'kid', 'use', 'alg'],
  'EC P-256': ['kty', 'crv', 'x', 'y', 'kid', 'use', 'alg'],
  'OKP Ed25519': ['kty', 'crv', 'x', 'kid', 'use', 'alg'],
};

const setSchema = z.looseObject({ keys: z.array(z.record(z.string(), z.unknown())) });

/**
 * Reads the JWK Set (RFC 7517 §5) of a client that authenticates with private_key_jwt: 1 to 10 public keys, each fit to verify
 * what the client signs. Of each only the members that mintd knows, and that are public, are taken.
 */
export async function readClientJwks(text: string): Promise<ClientJwks> {
  if (Buffer.byteLength(text) > MOST_JWKS_BYTES)
    return { faults: [`the JWKS is larger than ${MOST_JWKS_BYTES / 1024} KiB`] };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { faults: [`the JWKS is not JSON${text.includes('-----BEGIN ') ? ' but PEM: make a JWK of it' : ''}`] };
  }
  const parsed = setSchema.safeParse(value);
  if (!parsed.success) return { faults: ['the JWKS must be an object such as {"keys": [ … ]} (RFC 7517 §5)'] };
  const { keys } = parsed.data;
  if (keys.length < 1 || keys.length > MOST_KEYS) return { faults: [`the JWKS must have 1 to ${MOST_KEYS} keys`] };
  const faults = keys.flatMap((key, i) => {
    const fault = faultOf(key);
    return fault === null ? [] : [`key ${i + 1} of the JWKS ${fault}`];
  });
  const kids = keys.map(({ kid }) => kid).filter((kid) => kid !== undefined);
  if (new Set(kids).size < kids.length) faults.push('the JWKS has a kid twice');
  return faults.length > 0 ? { faults } : { jwks: { keys: keys.map(normalised) } };
}

type UnknownKey = Readonly<Record<string, unknown>>;

/** Ends a sentence that begins with the key; null for a key that can be taken. */
function faultOf(key: UnknownKey): string | null {
  // First of all: whoever made this mistake has to make a new key, whatever else may be wrong.
  if (key['kty'] === 'oct')
    return 'is a shared secret: a client signs with a key of its own, and gives out the public half';
  if (SECRET_MEMBERS.some((member) => Object.hasOwn(key, member))) {
    return 'is a PRIVATE key: nobody but the client may have it, so make a new pair and give out the public half alone';
  }
  const algorithms = algorithmsOf(key);
  if (algorithms.length === 0) return 'is of a kind mintd does not take: RSA, EC with P-256, or OKP with Ed25519';
  const { kid, use, alg, key_ops: operations } = key;
  if (kid !== undefined && (typeof kid !== 'string' || !KID.test(kid))) {
    return 'has a kid that is not 1 to 255 characters of visible ASCII without spaces';
  }
  if (use !== undefined && use !== 'sig') return 'is not for signatures: use must be sig, or left out';
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return 'is not for verifying: key_ops must have verify, or be left out';
  }
  if (alg !== undefined && !algorithms.some((known) => known === alg)) {
    return `is for an alg that does not fit: ${algorithms.join(' or ')} would, of ${ASSERTION_ALGORITHMS.join(', ')}`;
  }
  return faultOfMaterial(key);
}

const MATERIAL = ['n', 'e', 'x', 'y'];
const MOST_RSA_BITS = 8192;

/** Whether its numbers make a key: on its curve, or of a size that is safe and does not keep the server busy. */
function faultOfMaterial(key: UnknownKey): string | null {
  const needed = (KEPT[keyType(key)] ?? []).filter((member) => MATERIAL.includes(member));
  const unreadable = `has ${needed.join(' and ')} that cannot be read as a key`;
  const isEncoded = (value: unknown) => typeof value === 'string' && /^[A-Za-z0-9_-]+$/.test(value);
  if (!needed.every((member) => isEncoded(key[member]))) return unreadable;
  try {
    const material = Object.fromEntries(['kty', 'crv', ...needed].map((member) => [member, key[member]]));
    const made = createPublicKey({ key: material, format: 'jwk' });
    if (made.asymmetricKeyType !== 'rsa') return null;
    const { modulusLength = 0, publicExponent = 0n } = made.asymmetricKeyDetails ?? {};
    if (modulusLength < 2048 || modulusLength > MOST_RSA_BITS) {
      return `has ${modulusLength} bits: RSA keys must have 2048 to ${MOST_RSA_BITS}`;
    }
    // With e = 1 a signature is the message itself; RFC 8017 §3.1 wants an odd number of at least 3.
    return publicExponent < 3n || publicExponent % 2n === 0n ? `has the public exponent ${publicExponent}` : null;
  } catch {
    return unreadable;
  }
}

function normalised(key: UnknownKey): UnknownKey {
  const kept = KEPT[keyType(key)] ?? [];
  return Object.fromEntries(kept.filter((member) => key[member] !== undefined).map((member) => [member, key[member]]));
}
