import { createHmac, hash } from 'node:crypto';

/** Bytes of the handle: the family's secret address. */
export const HANDLE_BYTES = 16;
/** Bytes of the secret: what changes at each rotation. 224 bits, far beyond the 2^-160 of RFC 6749 §10.10. */
export const SECRET_BYTES = 28;
/** Bytes of the checksum: what tells a token that was damaged on its way from one that was superseded. */
const CHECKSUM_BYTES = 4;
/** Bytes of the key that turns a secret into its successor. */
export const SUCCESSOR_KEY_BYTES = 32;

const PREFIX = 'mrt_';
const SHAPE = /^mrt_[A-Za-z0-9_-]{64}$/;

/** A refresh token taken apart. */
export type RefreshToken = { readonly handle: Uint8Array; readonly secret: Uint8Array };

/** `mrt_` and base64url(handle ‖ secret ‖ checksum): 68 characters, found by any scanner for leaked secrets. */
export function formatRefreshToken({ handle, secret }: RefreshToken): string {
  return PREFIX + Buffer.concat([handle, secret, checksumOf(handle, secret)]).toString('base64url');
}

/**
 * The reverse of formatRefreshToken. A token that was cut or has a changed byte is not one, so it can harm no family:
 * without the checksum it would look like a token that was superseded long ago, which is reuse.
 *
 * @returns null when the text was never a refresh token of mintd
 */
export function parseRefreshToken(text: string): RefreshToken | null {
  if (!SHAPE.test(text)) return null;
  const bytes = new Uint8Array(Buffer.from(text.slice(PREFIX.length), 'base64url'));
  const handle = bytes.subarray(0, HANDLE_BYTES);
  const secret = bytes.subarray(HANDLE_BYTES, HANDLE_BYTES + SECRET_BYTES);
  const checksum = bytes.subarray(HANDLE_BYTES + SECRET_BYTES);
  return Buffer.compare(checksum, checksumOf(handle, secret)) === 0 ? { handle, secret } : null;
}

/** Guards against accidents, not attackers: whoever wants to harm a family needs its handle, and that is secret. */
function checksumOf(handle: Uint8Array, secret: Uint8Array): Uint8Array {
  return sha256(Buffer.concat([handle, secret])).subarray(0, CHECKSUM_BYTES);
}

/**
 * The secret that follows `secret`. The key is random, kept in the family's row until the next rotation and worthless
 * without `secret`, of which only the hash is stored: only a holder of the previous token can have its successor
 * derived again, and only while the row still keeps the key.
 */
export function successorOf(secret: Uint8Array, successorKey: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac('sha256', successorKey).update(secret).digest()).subarray(0, SECRET_BYTES);
}

/** SHA-256. What it is used on has at least 128 random bits, so nothing slower is called for. */
export function sha256(data: Uint8Array | string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(hash('sha256', data, 'buffer'));
}
