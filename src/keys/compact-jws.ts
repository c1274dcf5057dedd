import { type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';

const signInPool = promisify(sign);

/** What goes before each payload: base64url of the protected header (RFC 7515 §3), the same for all that one key signs. */
export function encodedHeader(header: Readonly<Record<string, string>>): string {
  return Buffer.from(JSON.stringify(header)).toString('base64url');
}

/**
 * Signs claims with RS256 (RFC 7518 §3.3) in the compact serialization (RFC 7515 §7.1). Node's own signing, on libuv's
 * pool: by way of WebCrypto and with a header made anew each time, the same signature takes the event loop a third longer.
 */
export async function signCompact(header: string, claims: object, key: KeyObject): Promise<string> {
  const input = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
  const signature = await signInPool('sha256', Buffer.from(input, 'latin1'), key);
  return `${input}.${signature.toString('base64url')}`;
}
