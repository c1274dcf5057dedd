import type { FastifyInstance } from 'fastify';
import { PATHS } from '../oauth/metadata.js';
import { required } from '../oauth/parameters.js';
import { ok } from '../oauth/result.js';
import type { TokenDeps } from '../tokens/deps.js';
import { introspectToken } from '../tokens/introspect.js';
import { type ClientEndpointDeps, clientEndpoint } from './client-endpoint.js';

export type IntrospectOptions = ClientEndpointDeps & { readonly tokens: TokenDeps };

/** POST /introspect (RFC 7662 §2). */
export async function introspectEndpoint(app: FastifyInstance, options: IntrospectOptions): Promise<void> {
  clientEndpoint(app, options, {
    path: PATHS.introspect,
    async handle({ client, parameters, now }) {
      const token = required(parameters, 'token');
      if (!token.ok) return token;
      const introspected = await introspectToken(options.tokens, { client, token: token.value, now });
      if (!introspected.ok) return introspected;
      const { answer, inactive } = introspected.value;
      return ok({ body: answer, event: { event: 'introspected', active: answer.active, inactive } });
    },
  });
}
