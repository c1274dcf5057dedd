import swagger, { type FastifyDynamicSwaggerOptions, type SwaggerTransform } from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { CachedDocument } from '../keys/jwks.js';
import { PATHS } from '../oauth/metadata.js';
import { sendCached } from './cached.js';
import { answer, NOT_MODIFIED, publicSchema, SECURITY } from './route-schema.js';

export type OpenapiOptions = {
  readonly issuer: string;
  /** Of this program. */
  readonly version: string;
  readonly maxAgeSeconds: () => number;
  /** Makes a document to be cached of a text. */
  readonly toDocument: (text: string) => CachedDocument;
};

/** Describes every route that is added from here on, by its schema, and serves the description at GET /openapi.json. */
export async function describeRoutes(app: FastifyInstance, options: OpenapiOptions): Promise<void> {
  await app.register(swagger, {
    openapi: documentHead(options),
    transform: transformRoute,
    transformObject: (document) => {
      const whole = jsonSchemaTransformObject(document);
      sayHowListsAreSent(whole.paths as Paths);
      sayWhichBodiesMayBeLeftOut(whole.paths as Paths);
      return whole;
    },
    // Issuers may have paths, routes never repeat them.
    stripBasePath: false,
    convertConstToEnum: false,
  });
  const schema = publicSchema(
    { summary: 'This document' },
    { 200: answer('The description of this API (OpenAPI 3.1).', z.looseObject({})), 304: NOT_MODIFIED },
  );
  let document: CachedDocument | undefined;
  app.get(PATHS.openapi, { schema }, async (request, reply) => {
    document ??= options.toDocument(JSON.stringify(app.swagger()));
    return sendCached(request, reply, document, { type: 'application/json', maxAgeSeconds: options.maxAgeSeconds() });
  });
}

/** Bodies that are made of parameter tables are JSON Schema already; all else is zod. */
const transformRoute: SwaggerTransform = (route) => {
  const { body, ...rest } = route.schema ?? {};
  const isTable = typeof body === 'object' && body !== null && 'content' in body;
  const { schema, url } = jsonSchemaTransform(isTable ? { ...route, schema: rest } : route);
  const response = withHeaders(schema['response'] as Answers, rest.response as Answers);
  return { schema: { ...schema, ...(isTable && { body }), ...(response && { response }) }, url };
};

type Answers = Readonly<Record<string, { readonly headers?: object }>> | undefined;

/** What zod makes of answers has lost their headers. */
function withHeaders(answers: Answers, described: Answers): Answers {
  if (answers === undefined) return undefined;
  const whole = Object.entries(answers).map(([status, answer]) => {
    const headers = described?.[status]?.headers;
    return [status, headers === undefined ? answer : { ...answer, headers }] as const;
  });
  return Object.fromEntries(whole);
}

/** Where forms are in a document. */
type Form = {
  readonly schema: { readonly properties?: Readonly<Record<string, { type?: unknown }>>; readonly default?: unknown };
  encoding?: object;
};
type Operation = {
  readonly requestBody?: { required?: boolean; readonly content?: Readonly<Record<string, Form>> };
};
type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

/** A list in a form is its parameter again and again. OpenAPI takes that for granted, and Swagger UI does not. */
function sayHowListsAreSent(paths: Paths): void {
  for (const { requestBody } of Object.values(paths).flatMap((operations) => Object.values(operations))) {
    const form = requestBody?.content?.['application/x-www-form-urlencoded'];
    const lists = Object.entries(form?.schema.properties ?? {}).filter(([, { type }]) => type === 'array');
    if (form === undefined || lists.length === 0) continue;
    form.encoding = Object.fromEntries(lists.map(([name]) => [name, { style: 'form', explode: true }]));
  }
}

/** One that has a default may; @fastify/swagger calls every body required. */
function sayWhichBodiesMayBeLeftOut(paths: Paths): void {
  for (const { requestBody } of Object.values(paths).flatMap((operations) => Object.values(operations))) {
    const isDefault = requestBody?.content?.['application/json']?.schema.default !== undefined;
    if (requestBody !== undefined && isDefault) requestBody.required = false;
  }
}

function documentHead({ issuer, version }: OpenapiOptions): FastifyDynamicSwaggerOptions['openapi'] & object {
  const base = issuer.replace(/\/$/, '');
  const tokenUrl = base + PATHS.token;
  return {
    openapi: '3.1.0',
    info: {
      title: 'mintd',
      version,
      description:
        'An OAuth 2 token issuer. Parameters are sent as a form or as the same flat JSON; an empty one counts as left out, ' +
        'and unknown ones are ignored. Errors are those of RFC 6749 §5.2.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: base }],
    tags: [
      { name: 'Clients', description: 'For applications, which show who they are.' },
      { name: 'Users', description: 'For people, with the access token of a login.' },
      { name: 'Public', description: 'For everybody.' },
      {
        name: 'Administration',
        description:
          'For those who manage users and clients: with an access token that has the scope `mintd.admin` and this issuer as ' +
          'audience, of a client that may have them and, where it is the token of a person, of somebody with the role ' +
          '`mintd.admin`. Bodies are JSON, errors are problem details (RFC 9457), and nothing unknown is ignored.',
      },
    ],
    components: {
      securitySchemes: {
        [SECURITY.oauth2]: {
          type: 'oauth2',
          description:
            'Which scopes there are depends on the client. A login without any gets those that the client has by default.',
          flows: {
            password: { tokenUrl, refreshUrl: tokenUrl, scopes: {} },
            clientCredentials: { tokenUrl, scopes: {} },
          },
        },
        [SECURITY.client]: {
          type: 'http',
          scheme: 'basic',
          description: 'client_id and client_secret, each form-encoded first (client_secret_basic, RFC 6749 §2.3.1).',
        },
        [SECURITY.bearer]: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'An access token of a user (RFC 6750 §2.1, RFC 9068).',
        },
      },
    },
  };
}
