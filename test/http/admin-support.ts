import { generateKeyPairSync } from 'node:crypto';
import type { InjectOptions } from 'fastify';
import type { Test } from 'tap';
import { z } from 'zod';
import { ADMIN } from '../../src/oauth/admin.js';
import type { Client } from '../../src/oauth/client.js';
import type { Provider } from '../../src/store/database.js';
import { aClient, basic, ISSUER, type Overrides, type Reply, type TestIssuer } from '../helper.js';
import { aService, issuerWithClients, SECRET, send } from '../rfc/setup.js';
import { assertNotStored, postForm, type TextReply } from './support.js';

export type Shown = Record<string, unknown>;
export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';

/** An issuer, and somebody who may administer it. */
export type Administered = {
  readonly issuer: TestIssuer;
  readonly token: string;
  /** Sends a value as JSON, or nothing; with the administrator's token. */
  ask(method: Method, url: string, body?: unknown, headers?: Record<string, string>): Promise<TextReply>;
  /** The lines that the log got for an event since the last question about it. */
  audited(event: string): readonly Shown[];
};

/** A service that may administer; its secret is SECRET. */
export function anOffice(overrides: Partial<Client> = {}): Client {
  return aService({
    id: 'office',
    grants: ['client_credentials'],
    scopes: [ADMIN, 'read'],
    defaultScope: [ADMIN],
    audiences: [ISSUER, 'https://api.example'],
    defaultAudiences: [ISSUER],
    ...overrides,
  });
}

/** A client at which people log in who may administer if they have the role. */
export const CONSOLE = aClient({ id: 'console', scopes: [ADMIN, 'read'], defaultScope: [ADMIN] });

export async function anAdministeredIssuer(
  t: Test,
  { provider = 'sqlite', apiDocs = null }: { provider?: Provider; apiDocs?: Overrides['apiDocs'] } = {},
): Promise<Administered> {
  const clients = [aClient(), aService(), anOffice(), CONSOLE];
  return administered(await issuerWithClients(t, { provider, clients, apiDocs }));
}

/** The same of an issuer that has `office` already. */
export async function administered(issuer: TestIssuer): Promise<Administered> {
  const token = await tokenOf(issuer, 'office');
  const seen = new Map<string, number>();
  return {
    issuer,
    token,
    ask: (method, url, body, headers) => askAs(issuer, token, method, url, body, headers),
    audited(event) {
      const lines = issuer.log.map((line) => JSON.parse(line) as Shown).filter((line) => line['event'] === event);
      const before = seen.get(event) ?? 0;
      seen.set(event, lines.length);
      return lines.slice(before).map(({ level, time, msg, ...line }) => line);
    },
  };
}

/** What a service like `office` is given for itself. */
export async function tokenOf(issuer: TestIssuer, id: string, form: Record<string, string> = {}): Promise<string> {
  const authorization = basic(id, SECRET);
  const reply = await postForm(issuer, '/token', { grant_type: 'client_credentials', ...form }, { authorization });
  if (reply.status !== 200) throw new Error(`token: ${reply.status} ${reply.text}`);
  return String(reply.body['access_token']);
}

/** Whether a client gets a token with a secret. */
export async function opens({ issuer }: Administered, id: string, secret: string): Promise<boolean> {
  const authorization = basic(id, secret);
  return (await postForm(issuer, '/token', { grant_type: 'client_credentials' }, { authorization })).status === 200;
}

/** A key of a client. */
export function aJwk(): Shown {
  return generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }) as Shown;
}

export function askAs(
  issuer: TestIssuer,
  token: unknown,
  method: Method,
  url: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<TextReply> {
  const json = body === undefined ? {} : { 'content-type': 'application/json' };
  const options: InjectOptions = { method, url, headers: { authorization: `Bearer ${token}`, ...json, ...headers } };
  return send(issuer, body === undefined ? options : { ...options, payload: bytesOf(body) });
}

/** Texts and bytes are sent as they are. */
function bytesOf(body: unknown): string | Buffer {
  return typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
}

/** Holds an answer against what its route is documented with: no member more, and none less. */
export function assertFits(t: Test, shape: z.ZodObject, body: unknown, what: string): void {
  const { error } = z.strictObject(shape.shape).safeParse(body);
  t.equal(error === undefined ? '' : z.prettifyError(error), '', `${what}: as documented`);
}

/** Holds an answer against RFC 9457, and against what we say of problems. */
export function assertProblem(t: Test, reply: Reply, status: number, code: string, what = code): void {
  const { body, headers } = reply;
  t.strictSame([reply.status, body['status'], body['code']], [status, status, code], `${what}: ${status} ${code}`);
  t.match(headers['content-type'], /^application\/problem\+json(;|$)/, `${what}: problem+json`);
  t.equal(body['type'], 'about:blank', `${what}: type`);
  t.match(body['title'], /^[A-Z]/, `${what}: title`);
  t.match(body['detail'], /^[A-Za-z"].{5,}\.$/, `${what}: a sentence for people`);
  const known = ['type', 'title', 'status', 'code', 'detail', 'errors'];
  t.strictSame(
    Object.keys(body).filter((name) => !known.includes(name)),
    [],
    `${what}: nothing else`,
  );
  assertNotStored(t, reply, what);
}

/** Which parts of a request a problem is about. */
export function pointersIn({ body }: Reply): readonly unknown[] {
  return ((body['errors'] ?? []) as Shown[]).map(({ pointer }) => pointer);
}

/** The parameters of an address. */
export const query = (parameters: Record<string, string>) => `?${new URLSearchParams(parameters)}`;
