import type { AddressInfo } from 'node:net';
import type { InjectOptions } from 'fastify';
import type { Test } from 'tap';
import type { Client } from '../../src/oauth/client.js';
import { sha256 } from '../../src/oauth/refresh-token.js';
import type { Patience, Provider } from '../../src/store/database.js';
import { aClient, basic, type Overrides, PASSWORD, type Reply, type TestIssuer, testIssuer } from '../helper.js';

/** The secret of the confidential client `service`. */
export const SECRET = 'c2VydmljZS1zZWNyZXQtb2YtMjU2LXJhbmRvbS1iaXRz';

/** What `service` sends in the Authorization header. */
export const SERVICE = { authorization: basic('service', SECRET) };

export const FORM = 'application/x-www-form-urlencoded';

/** A confidential client with every grant, audiences of its own and a default narrower than what it may have. */
export function aService(overrides: Partial<Client> = {}): Client {
  return aClient({
    id: 'service',
    name: 'Service',
    kind: 'confidential',
    secretHash: sha256(SECRET),
    grants: ['password', 'refresh_token', 'client_credentials'],
    audiences: ['https://api.example', 'https://files.example/v1', 'urn:example:queue', 'plain-name'],
    defaultAudiences: ['https://api.example'],
    ...overrides,
  });
}

export type Setup = {
  readonly provider?: Provider;
  readonly clients?: readonly Client[];
  readonly overrides?: Overrides;
  readonly apiDocs?: Overrides['apiDocs'];
  readonly startPage?: Overrides['startPage'];
  /** With its statements on PostgreSQL; without it, more than a server has. */
  readonly patience?: Patience | undefined;
};

/** An issuer with the public client `app`, the confidential client `service` and the user `ada`. */
export async function issuerWithClients(t: Test, setup: Setup = {}): Promise<TestIssuer> {
  const issuer = await testIssuer(t, setup.provider ?? 'sqlite', {
    ...setup.overrides,
    ...(setup.apiDocs !== undefined && { apiDocs: setup.apiDocs }),
    ...(setup.startPage !== undefined && { startPage: setup.startPage }),
    patience: setup.patience,
  });
  for (const client of setup.clients ?? [aClient(), aService()]) {
    if (!(await issuer.clients.add(client))) throw new Error(`${client.id} is taken`);
  }
  await issuer.addUser({ username: 'ada', email: 'ada@example.com', roles: ['admin'] });
  return issuer;
}

/** What a public client sends to log in. */
export function loginForm(more: Record<string, string> = {}): Record<string, string> {
  return { grant_type: 'password', client_id: 'app', username: 'ada', password: PASSWORD, ...more };
}

/** Logs in; fails the test when that does not work. */
export async function logIn(issuer: TestIssuer, more: Record<string, string> = {}): Promise<Reply['body']> {
  const reply = await issuer.post('/token', loginForm(more));
  if (reply.status !== 200) throw new Error(`login: ${reply.status} ${JSON.stringify(reply.body)}`);
  return reply.body;
}

/** Presents a refresh token as the public client `app`. */
export function refresh(issuer: TestIssuer, token: unknown, more: Record<string, string> = {}): Promise<Reply> {
  return issuer.post('/token', {
    grant_type: 'refresh_token',
    client_id: 'app',
    refresh_token: String(token),
    ...more,
  });
}

/** Any request at all; the body of the answer must be JSON, or empty for HEAD. */
export async function send(issuer: TestIssuer, options: InjectOptions): Promise<Reply & { readonly text: string }> {
  const reply = await issuer.app.inject(options);
  return {
    status: reply.statusCode,
    headers: reply.headers,
    text: reply.body,
    body: reply.body === '' ? {} : reply.json(),
  };
}

/** POST /token with a body and a content type that may be anything. */
export function sendBody(
  issuer: TestIssuer,
  contentType: string,
  payload: string | Buffer,
): Promise<Reply & { readonly text: string }> {
  return send(issuer, { method: 'POST', url: '/token', headers: { 'content-type': contentType }, payload });
}

/** RFC 6749 §5.2: what may stand in error and error_description. */
const ERROR_TEXT = /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/;

/** Holds an answer against RFC 6749 §5.2: status, code, JSON, nobody keeps it, and no character that may not be there. */
export function assertError(t: Test, reply: Reply, status: number, error: string, what = error): void {
  t.equal(reply.status, status, `${what}: status`);
  t.equal(reply.body['error'], error, `${what}: error`);
  t.match(
    String(reply.body['error_description']),
    ERROR_TEXT,
    `${what}: error_description has allowed characters only`,
  );
  t.strictSame(Object.keys(reply.body).sort(), ['error', 'error_description'], `${what}: says nothing else`);
  t.match(reply.headers['content-type'], /^application\/json(;|$)/, `${what}: JSON`);
  t.equal(reply.headers['cache-control'], 'no-store', `${what}: Cache-Control`);
  t.equal(reply.headers['pragma'], 'no-cache', `${what}: Pragma`);
}

/** Holds a successful answer of the token endpoint against RFC 6749 §5.1. */
export function assertTokens(t: Test, reply: Reply, what = 'tokens'): void {
  t.equal(reply.status, 200, `${what}: status`);
  t.match(reply.body['access_token'], /^[\w-]+\.[\w-]+\.[\w-]+$/, `${what}: access_token`);
  t.equal(reply.body['token_type'], 'Bearer', `${what}: token_type`);
  t.ok(Number.isInteger(reply.body['expires_in']), `${what}: expires_in`);
  t.match(reply.headers['content-type'], /^application\/json(;|$)/, `${what}: JSON`);
  t.equal(reply.headers['cache-control'], 'no-store', `${what}: Cache-Control`);
  t.equal(reply.headers['pragma'], 'no-cache', `${what}: Pragma`);
}

/** Lets the issuer listen on a free port of this machine; returns the origin, such as http://127.0.0.1:40123. */
export async function listening(issuer: TestIssuer): Promise<string> {
  await issuer.app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = issuer.app.server.address() as AddressInfo;
  return `http://127.0.0.1:${port}`;
}
