/**
 * What the log names of a text that was sent. A client may send a credential in the wrong place, and every one that mintd
 * hands out is longer than this: a made password has 22 characters, a client secret 43, a refresh token 68.
 */
const LONGEST_NAME = 21;

/** So that no request makes a line long. */
const MOST_NAMES = 5;

/** A refused scope as the log names it: its first tokens, without those that are long enough for a credential. */
export function namedScope(tokens: readonly string[]): string {
  const named = tokens.filter((token) => token.length <= LONGEST_NAME).slice(0, MOST_NAMES);
  return named.length < tokens.length ? [...named, '…'].join(' ') : named.join(' ');
}

/** A refused audience as the log names it: scheme, host and path of a URL; null where that could hold a credential. */
export function namedAudience(text: string): string | null {
  if (!URL.canParse(text)) return null;
  const { protocol, username, password, host, pathname } = new URL(text);
  if (!/^https?:$/.test(protocol) || username !== '' || password !== '') return null;
  const named = `${protocol}//${host}${pathname}`;
  const parts = named.split(/[/.]/);
  return named.length <= 5 * LONGEST_NAME && parts.every((part) => part.length <= LONGEST_NAME) ? named : null;
}
