import type { FastifyInstance } from 'fastify';
import { PATHS } from '../oauth/metadata.js';
import { required } from '../oauth/parameters.js';
import { ok } from '../oauth/result.js';
import type { TokenDeps } from '../tokens/deps.js';
import { endLoginOf } from '../tokens/revoke.js';
import { type ClientEndpointDeps, clientEndpoint } from './client-endpoint.js';

export type RevokeOptions = ClientEndpointDeps & { readonly tokens: TokenDeps };

/** POST /revoke (RFC 7009 §2). The answer is 200 without a body, also for a token that never was. */
export async function revokeEndpoint(app: FastifyInstance, options: RevokeOptions): Promise<void> {
  clientEndpoint(app, options, {
    path: PATHS.revoke,
    async handle({ client, parameters, now }) {
      const token = required(parameters, 'token');
      if (!token.ok) return token;
      const revoked = await endLoginOf(options.tokens, { client, token: token.value, now }, 'revoked');
      return revoked.ok ? ok({ body: 'empty', event: { event: 'revoked', ...revoked.value } }) : revoked;
    },
  });
}
