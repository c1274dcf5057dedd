import type { InjectOptions } from 'fastify';
import type { Test } from 'tap';
import type { Client } from '../../src/oauth/client.js';
import type { Patience, Provider } from '../../src/store/database.js';
import { aClient, type TestIssuer } from '../helper.js';
import { aService, FORM, issuerWithClients, type send } from '../rfc/setup.js';

export type Table = 'clients' | 'users' | 'families';
export type Operation = 'INSERT' | 'UPDATE' | 'DELETE';
export type Answer = Awaited<ReturnType<typeof send>>;

/** One request, as its client sends it, and what must be true once it was answered well. */
export type Request = {
  /** Sends it; each time the very same. */
  readonly send: () => Promise<Answer>;
  /** What a good answer looks like. */
  readonly good: { readonly status: number; readonly body?: Readonly<Record<string, unknown>> };
  /** What holds after a good answer, and how the login goes on. */
  readonly after: (t: Test, answer: Answer) => Promise<void>;
  /** What must not be found in the log. */
  readonly secrets: readonly string[];
};

/** A flow: the statements it makes, and how a request of it comes about. */
export type Flow = {
  readonly name: string;
  readonly reads: readonly Table[];
  readonly writes: { readonly table: Table; readonly operation: Operation } | null;
  /** The deciding UPDATE of a refresh, where it matches no row and the row is judged. */
  readonly decidesNothing?: boolean;
  readonly prepare: (issuer: TestIssuer) => Promise<Request>;
};

/** Of the page that keeps its refresh token in a cookie. */
export const ORIGIN = 'https://app.example.com';
const COOKIE_CLIENT: Client = aClient({ id: 'page', delivery: 'cookie', origins: [ORIGIN], scopes: ['read', 'write'] });

/** An issuer with one client of each kind, and the user ada. */
export function faultyIssuer(t: Test, provider: Provider, patience?: Patience): Promise<TestIssuer> {
  const app = aClient({ defaultScope: ['read', 'write'] });
  return issuerWithClients(t, { provider, clients: [app, aService(), COOKIE_CLIENT], patience });
}

/** A form that is sent. */
export function post(url: string, form: Record<string, string>, headers: Record<string, string> = {}): InjectOptions {
  const payload = new URLSearchParams(form).toString();
  return { method: 'POST', url, payload, headers: { 'content-type': FORM, ...headers } };
}

/** A refresh by the public client. */
export function refreshing(token: unknown, more: Record<string, string> = {}): InjectOptions {
  return post('/token', { grant_type: 'refresh_token', client_id: 'app', refresh_token: String(token), ...more });
}

/** A request of whoever has an access token. */
export function bearer(url: string, token: unknown, method: 'GET' | 'DELETE' = 'GET'): InjectOptions {
  return { method, url, headers: { authorization: `Bearer ${token}` } };
}
