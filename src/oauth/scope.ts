import { namedScope } from './named.js';
import { ok, type Result, refuse } from './result.js';

/** A list of tokens without spaces, in order, each once. Scopes, grants, roles and audiences are kept like this. */
export type TokenList = readonly string[];

/** scope-token of RFC 6749 §3.3: visible ASCII but `"` and `\`. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/;

/**
 * Reads the value of a `scope` parameter (RFC 6749 §3.3). The order means nothing and a repetition adds nothing.
 *
 * @returns null when the text does not follow the grammar
 */
export function parseScope(text: string): TokenList | null {
  return SCOPE.test(text) ? [...new Set(text.split(' '))] : null;
}

/** A space-delimited list as it stands in a database column, empty for none. */
export function splitList(text: string): TokenList {
  return text === '' ? [] : text.split(' ');
}

/** The reverse of splitList, with repetitions dropped. */
export function joinList(tokens: TokenList): string {
  return [...new Set(tokens)].join(' ');
}

/**
 * Which scope a token gets: what was asked, within what is allowed; the default when nothing was asked.
 *
 * Serves a new grant (allowed = the client's scopes, RFC 6749 §3.3) and a refresh (allowed = default = the family's
 * scope, RFC 6749 §6: narrower than the family is fine, wider never).
 */
export function grantScope(
  requested: string | undefined,
  allowed: TokenList,
  defaultScope: TokenList,
): Result<TokenList> {
  if (requested === undefined) return ok(defaultScope);
  const scope = parseScope(requested);
  if (scope === null) return refuse({ reason: 'scope_malformed' });
  const excess = scope.filter((token) => !allowed.includes(token));
  return excess.length === 0 ? ok(scope) : refuse({ reason: 'scope_not_allowed', scope: namedScope(excess) });
}
