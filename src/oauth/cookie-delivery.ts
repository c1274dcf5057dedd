import type { Client } from './client.js';
import { optional, type RequestParameters } from './parameters.js';
import { ok, type Result, refuse } from './result.js';

/** What a browser says of a request beside its body: the headers, undefined where it sent none. */
export type BrowserHeaders = {
  readonly origin: string | undefined;
  readonly secFetchSite: string | undefined;
  readonly requestedWith: string | undefined;
  readonly cookie: string | undefined;
};

/** Who asks, and for what. */
export type BrowserRequest = { readonly client: Client; readonly parameters: RequestParameters };

/**
 * The name of the cookie that carries a client's refresh token; one browser may use several clients. With `__Host-`
 * (RFC 6265bis §4.1.3.2) a browser takes it from this very host alone, over TLS, so no neighbour can plant one.
 *
 * @param isSecure false only for an issuer on http, which is a loopback address
 */
export function cookieName(clientId: string, isSecure: boolean): string {
  return `${isSecure ? '__Host-' : ''}refresh_token-${clientId}`;
}

/**
 * Whether a request comes from a page that may use this client. A cookie goes along with requests of any page on the
 * same site, so the browser's own word for the page is asked: Origin, exactly, Sec-Fetch-Site where it sends one, and
 * a header that no form can send and no foreign script may (OWASP CSRF cheat sheet, custom request headers).
 */
export function checkPage({ origins }: Client, headers: BrowserHeaders): Result<null> {
  const { origin, secFetchSite, requestedWith } = headers;
  if (origin === undefined || !origins.includes(origin)) return refuse({ reason: 'origin_not_allowed' });
  // A header that was sent twice arrives as a list.
  if (secFetchSite?.includes('cross-site')) return refuse({ reason: 'cross_site' });
  return requestedWith === undefined || requestedWith === '' ? refuse({ reason: 'requested_with_missing' }) : ok(null);
}

/**
 * The refresh token of a request whose client keeps it in a cookie. It may stand there once, and nowhere else.
 *
 * @returns the refusal `refresh_cookie_missing` where the browser has none, or none any more
 */
export function tokenInCookie(
  { client, parameters }: BrowserRequest,
  headers: BrowserHeaders,
  isSecure: boolean,
): Result<string> {
  if (parameters.has('refresh_token')) return refuse({ reason: 'refresh_token_in_body' });
  const [value, ...others] = valuesOf(cookieName(client.id, isSecure), headers.cookie ?? '');
  if (others.length > 0) return refuse({ reason: 'cookie_repeated' });
  return value === undefined || value === '' ? refuse({ reason: 'refresh_cookie_missing' }) : ok(value);
}

/** Every value a Cookie header (RFC 6265 §4.2.1) has for a name. Parsers keep one of several, and not all the same one. */
function valuesOf(name: string, header: string): readonly string[] {
  return header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1).trim());
}

/** A request for new tokens as the grants know it, wherever its refresh token came from. */
export function withTokenFromCookie(
  { client, parameters }: BrowserRequest,
  headers: BrowserHeaders,
  isSecure: boolean,
): Result<RequestParameters> {
  if (optional(parameters, 'grant_type') !== 'refresh_token') return ok(parameters);
  const token = tokenInCookie({ client, parameters }, headers, isSecure);
  return token.ok ? ok(new Map([...parameters, ['refresh_token', [token.value]]])) : token;
}
