import type { FastifyInstance } from 'fastify';
import { REVOKE_PARAMETERS } from '../oauth/endpoint-parameters.js';
import { PATHS } from '../oauth/metadata.js';
import { readParameters } from '../oauth/parameters.js';
import { ok } from '../oauth/result.js';
import type { TokenDeps } from '../tokens/deps.js';
import { endLoginOf } from '../tokens/revoke.js';
import { type ClientEndpointDeps, clientEndpoint } from './client-endpoint.js';
import { clientSchema, emptyAnswer, refusal } from './route-schema.js';

export type RevokeOptions = ClientEndpointDeps & { readonly tokens: TokenDeps };

const SCHEMA = clientSchema(
  {
    summary: 'End the login of a token',
    description: 'RFC 7009. A superseded refresh token will do as well.',
    parameters: REVOKE_PARAMETERS,
  },
  {
    200: emptyAnswer('The login is over, or the token never had one.'),
    400: refusal('invalid_request', 'invalid_grant', 'unsupported_token_type'),
  },
);

/** POST /revoke (RFC 7009 §2). The answer is 200 without a body, also for a token that never was. */
export async function revokeEndpoint(app: FastifyInstance, options: RevokeOptions): Promise<void> {
  clientEndpoint(app, options, {
    path: PATHS.revoke,
    schema: SCHEMA,
    async handle({ client, parameters, now }) {
      const read = readParameters(REVOKE_PARAMETERS, parameters);
      if (!read.ok) return read;
      const revoked = await endLoginOf(options.tokens, { client, token: read.value.token, now }, 'revoked');
      return revoked.ok ? ok({ body: 'empty', event: { event: 'revoked', ...revoked.value } }) : revoked;
    },
  });
}
