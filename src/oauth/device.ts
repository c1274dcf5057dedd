/** Where a login was made, as far as it can be told: for its person to know it by, and for nothing else. */
export type Device = {
  readonly userAgent: string | null;
  /** Of the other end of the connection. */
  readonly address: string | null;
};

const MOST_CHARACTERS = 256;

/**
 * What is kept of a User-Agent header (RFC 9110 §10.1.5): anybody may send anything, so it is cut to a fixed length,
 * and what is not visible ASCII becomes `?`.
 */
export function shownUserAgent(header: string | undefined): string | null {
  if (header === undefined || header === '') return null;
  return header.slice(0, MOST_CHARACTERS).replace(/[^\x20-\x7e]/g, '?');
}
