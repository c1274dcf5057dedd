import type { Test } from 'tap';
import type { Client } from '../../src/oauth/client.js';
import { aClient, claimsOf, type Reply, type TestIssuer } from '../helper.js';
import { FORM, loginForm, send } from '../rfc/setup.js';

/** What an endpoint answered, with the body also as text: it may be empty. */
export type TextReply = Reply & { readonly text: string };

export type Form = Record<string, string> | readonly [string, string][];

/** POSTs a form to an endpoint whose answer may be empty. */
export function postForm(
  issuer: TestIssuer,
  url: string,
  form: Form,
  headers: Record<string, string> = {},
): Promise<TextReply> {
  const payload = new URLSearchParams(Array.isArray(form) ? form : Object.entries(form)).toString();
  return send(issuer, { method: 'POST', url, headers: { 'content-type': FORM, ...headers }, payload });
}

/** A request with an access token. */
export function asBearer(
  issuer: TestIssuer,
  method: 'GET' | 'POST' | 'DELETE' | 'PUT' | 'HEAD',
  url: string,
  token: unknown,
  headers: Record<string, string> = {},
): Promise<TextReply> {
  return send(issuer, { method, url, headers: { authorization: `Bearer ${token}`, ...headers } });
}

/** The login of a token answer. */
export function sidOf(body: Record<string, unknown>): string {
  return String(claimsOf(body['access_token'])['sid']);
}

/** All that the database has of a login: what a request leaves alone is the same before and after. */
export function rowOf({ database }: TestIssuer, sid: string) {
  return database.prisma.family.findUniqueOrThrow({ where: { id: sid } });
}

/** Does something while one function of a part fails. */
export async function whileFailing<T>(part: object, name: string, error: unknown, run: () => Promise<T>): Promise<T> {
  const original = { ...part };
  const fail = async () => {
    throw error;
  };
  Object.assign(part, { [name]: fail });
  return run().finally(() => Object.assign(part, original));
}

/** A page that may use the client of aWebClient. */
export const PAGE = 'https://app.example.com';

/** What that page sends. */
export const FROM_PAGE: Readonly<Record<string, string>> = { origin: PAGE, 'x-requested-with': 'fetch' };

/** A client for pages, with its refresh token in a cookie. */
export function aWebClient(overrides: Partial<Client> = {}): Client {
  return aClient({ id: 'web', name: 'Web', delivery: 'cookie', origins: [PAGE], ...overrides });
}

/** Every cookie that an answer sets, as it stands in the header. */
export function setCookies({ headers }: Reply): readonly string[] {
  return [headers['set-cookie'] ?? []].flat().map(String);
}

/** A cookie as a browser keeps it. */
export type Cookie = { readonly name: string; readonly value: string; readonly attributes: readonly string[] };

/** The one cookie that an answer sets; null when it sets none. */
export function cookieOf(reply: Reply): Cookie | null {
  const [header, ...others] = setCookies(reply);
  if (others.length > 0) throw new Error('it sets more than one cookie');
  if (header === undefined) return null;
  const [pair = '', ...attributes] = header.split(';').map((part) => part.trim());
  const at = pair.indexOf('=');
  return { name: pair.slice(0, at), value: pair.slice(at + 1), attributes };
}

/** What a browser sends back of a cookie. */
export function sent({ name, value }: Cookie): string {
  return `${name}=${value}`;
}

/** A login of a page. */
export type WebLogin = { readonly cookie: Cookie; readonly body: Record<string, unknown>; readonly sid: string };

/** Logs in as a page does; fails the test when that does not work. */
export async function logInAtPage(issuer: TestIssuer, form: Record<string, string> = {}): Promise<WebLogin> {
  const reply = await postForm(issuer, '/token', loginForm({ client_id: 'web', ...form }), FROM_PAGE);
  const cookie = cookieOf(reply);
  if (reply.status !== 200 || cookie === null) throw new Error(`login: ${reply.status} ${reply.text}`);
  return { cookie, body: reply.body, sid: sidOf(reply.body) };
}

/** POSTs as a page does, with a cookie. A header that is `''` is not sent. */
export function postAtPage(
  issuer: TestIssuer,
  path: string,
  cookie: Cookie | string | null,
  headers: Record<string, string>,
  form: Record<string, string>,
): Promise<TextReply> {
  const header = cookie === null || typeof cookie === 'string' ? (cookie ?? '') : sent(cookie);
  const all = { ...FROM_PAGE, cookie: header, ...headers };
  const filled = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
  return postForm(issuer, path, { client_id: 'web', ...form }, filled);
}

/** Refreshes as a page does; what it sends beside that can be changed. */
export function refreshAtPage(
  issuer: TestIssuer,
  cookie: Cookie | string | null,
  headers: Record<string, string> = {},
  form: Record<string, string> = {},
): Promise<TextReply> {
  return postAtPage(issuer, '/token', cookie, headers, { grant_type: 'refresh_token', ...form });
}

/** Holds an answer against RFC 6749 §5.1: nobody keeps it. */
export function assertNotStored(t: Test, { headers }: Reply, what: string): void {
  t.equal(headers['cache-control'], 'no-store', `${what}: Cache-Control`);
  t.equal(headers['pragma'], 'no-cache', `${what}: Pragma`);
}
