import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { INTROSPECT_PARAMETERS } from '../oauth/endpoint-parameters.js';
import { PATHS } from '../oauth/metadata.js';
import { readParameters } from '../oauth/parameters.js';
import { ok } from '../oauth/result.js';
import type { TokenDeps } from '../tokens/deps.js';
import { introspectToken } from '../tokens/introspect.js';
import { type ClientEndpointDeps, clientEndpoint } from './client-endpoint.js';
import { answer, clientSchema } from './route-schema.js';

export type IntrospectOptions = ClientEndpointDeps & { readonly tokens: TokenDeps };

const ACTIVE = z.looseObject({
  active: z.literal(true),
  token_type: z.literal('Bearer').optional().describe('Of an access token; it has all its claims here.'),
  iss: z.string(),
  sub: z.string(),
  aud: z.union([z.string(), z.array(z.string())]),
  client_id: z.string(),
  scope: z.string().optional(),
  exp: z.int().nonnegative().describe('In seconds since 1970 (RFC 7519 §2).'),
  iat: z.int().nonnegative(),
  sid: z.string().optional(),
  username: z.string().optional(),
  auth_time: z.int().nonnegative().optional(),
});

const SCHEMA = clientSchema(
  {
    summary: 'Is a token good right now?',
    description:
      'RFC 7662, for confidential clients: of their own tokens, and of those with their client_id as audience.',
    parameters: INTROSPECT_PARAMETERS,
  },
  { 200: answer('What is to be known of it.', z.union([ACTIVE, z.strictObject({ active: z.literal(false) })])) },
);

/** POST /introspect (RFC 7662 §2). */
export async function introspectEndpoint(app: FastifyInstance, options: IntrospectOptions): Promise<void> {
  clientEndpoint(app, options, {
    path: PATHS.introspect,
    schema: SCHEMA,
    async handle({ client, parameters, now }) {
      const read = readParameters(INTROSPECT_PARAMETERS, parameters);
      if (!read.ok) return read;
      const introspected = await introspectToken(options.tokens, { client, token: read.value.token, now });
      if (!introspected.ok) return introspected;
      const { answer, inactive } = introspected.value;
      return ok({ body: answer, event: { event: 'introspected', active: answer.active, inactive } });
    },
  });
}
