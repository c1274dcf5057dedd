import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { AppDeps } from '../../src/app.js';

/** Describes the API of a program of that version; nothing of Swagger UI is loaded for it. */
export function described(version: string): NonNullable<AppDeps['apiDocs']> {
  return { version, swaggerUi: { missing: { command: '', globalCommand: '' } }, hasDemo: false };
}

type Media = { readonly schema: Record<string, unknown>; readonly encoding?: unknown };
type Content = Readonly<Record<string, Media>>;

/** An operation, as far as these tests look at it. */
export type Operation = {
  readonly summary?: string;
  readonly description?: string;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
};

/** The document, as far as these tests look at it. */
export type OpenapiDocument = {
  readonly openapi: string;
  readonly info: { readonly version: string };
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly securitySchemes: Readonly<Record<string, Record<string, unknown>>> };
};

/** One answer that an app gave at one of its routes. */
export type Given = {
  readonly operation: string;
  readonly status: number;
  readonly type: string | undefined;
  readonly body: string;
};

/** What an app has and does, seen from beside it: its routes as `POST /token`, and every answer it gives at them. */
export type Witness = { readonly routes: Set<string>; readonly given: Given[] };

/** Watches the app that is made meanwhile. */
export async function witnessed<T>(make: () => Promise<T>): Promise<Witness & { readonly made: T }> {
  const witness: Witness = { routes: new Set(), given: [] };
  const watch = (message: unknown) => watchApp((message as { fastify: FastifyInstance }).fastify, witness);
  subscribe('fastify.initialization', watch);
  const made = await make().finally(() => unsubscribe('fastify.initialization', watch));
  return { ...witness, made };
}

function watchApp(app: FastifyInstance, { routes, given }: Witness): void {
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) routes.add(`${one} ${url}`);
  });
  app.addHook('onSend', async ({ method, routeOptions, is404 }, reply, payload) => {
    if (is404 || routeOptions.url === undefined) return;
    const type = reply.getHeader('content-type')?.toString();
    const body = typeof payload === 'string' || Buffer.isBuffer(payload) ? String(payload) : '';
    given.push({ operation: `${method} ${routeOptions.url}`, status: reply.statusCode, type, body });
  });
}

/** All operations of a document, by the names of their routes. */
export function operationsOf(document: OpenapiDocument): ReadonlyMap<string, Operation> {
  return new Map(
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => [routeName(method, path), operation] as const),
    ),
  );
}

function routeName(method: string, path: string): string {
  return `${method.toUpperCase()} ${path.replace(/\{([^}]+)\}/g, ':$1')}`;
}

/** What the document does not say of an answer; null when it is as described. */
export function surpriseIn({ status, type, body }: Given, operation: Operation): string | null {
  const described = operation.responses[status];
  if (described === undefined) return `no answer ${status} is described`;
  if (described.content === undefined) return body === '' ? null : 'a body where there should be none';
  const content = described.content[type?.split(';')[0] ?? ''];
  if (content === undefined) return `not of a described type: ${type}`;
  if (type?.includes('json') !== true) return null;
  const parsed = z.fromJSONSchema(content.schema).safeParse(JSON.parse(body));
  return parsed.success ? null : z.prettifyError(parsed.error);
}
