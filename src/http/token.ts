import cookies from '@fastify/cookie';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { GrantDeps } from '../grants/deps.js';
import { grant } from '../grants/index.js';
import type { TokenResponse } from '../grants/issue.js';
import { checkPage, withTokenFromCookie } from '../oauth/cookie-delivery.js';
import { GRANT_PARAMETERS, TOKEN_PARAMETERS } from '../oauth/endpoint-parameters.js';
import { PATHS } from '../oauth/metadata.js';
import { optional } from '../oauth/parameters.js';
import { ok } from '../oauth/result.js';
import { browserHeaders, deviceOf, setRefreshCookie } from './browser.js';
import { type ClientEndpoint, type ClientEndpointDeps, type ClientRequest, clientEndpoint } from './client-endpoint.js';
import { answer, clientSchema, refusal } from './route-schema.js';
import { senderOf } from './sender.js';

export type TokenOptions = ClientEndpointDeps & {
  readonly grants: GrantDeps;
  /** Whether browsers reach the issuer over TLS. */
  readonly isSecure: boolean;
};

const TOKENS: z.ZodType<TokenResponse> = z.strictObject({
  access_token: z.string().describe('A JWT (RFC 9068).'),
  token_type: z.literal('Bearer'),
  expires_in: z.int().nonnegative().describe('Seconds.'),
  scope: z.string().exactOptional().describe('Separated by spaces.'),
  refresh_token: z.string().exactOptional().describe('For a client that may refresh and keeps it in no cookie.'),
});

const SCHEMA = clientSchema(
  {
    summary: 'Get tokens',
    description:
      'RFC 6749. A client that keeps its refresh token in a cookie asks from one of its origins, with X-Requested-With.',
    parameters: TOKEN_PARAMETERS,
    alternatives: { by: 'grant_type', tables: GRANT_PARAMETERS },
  },
  {
    429: refusal('temporarily_unavailable'),
    200: answer('RFC 6749 §5.1.', TOKENS),
    400: refusal(
      'invalid_request',
      'invalid_grant',
      'invalid_scope',
      'invalid_target',
      'unauthorized_client',
      'unsupported_grant_type',
    ),
    403: refusal('access_denied'),
  },
);

/** POST /token (RFC 6749 §3.2). */
export async function tokenEndpoint(app: FastifyInstance, options: TokenOptions): Promise<void> {
  await app.register(cookies);
  clientEndpoint(app, options, { path: PATHS.token, schema: SCHEMA, describe: grantTypeOf, handle: tokens(options) });
}

function tokens({ grants, isSecure }: TokenOptions): ClientEndpoint['handle'] {
  return async (request, raw, reply) => {
    const { client, now } = request;
    const usesCookie = client.delivery === 'cookie';
    const headers = browserHeaders(raw);
    const page = usesCookie ? checkPage(client, headers) : ok(null);
    if (!page.ok) return page;
    const parameters = usesCookie ? withTokenFromCookie(request, headers, isSecure) : ok(request.parameters);
    if (!parameters.ok) return parameters;
    const from = { device: deviceOf(raw), sender: senderOf(raw, reply) };
    const issued = await grant(grants, { ...request, parameters: parameters.value, ...from });
    if (!issued.ok) return issued;
    const { response, event, refreshExpiresAt } = issued.value;
    if (!usesCookie) return ok({ body: response, event });
    const { refresh_token: token, ...rest } = response;
    if (token !== undefined && refreshExpiresAt !== null) {
      setRefreshCookie(reply, client, { token, expiresAt: refreshExpiresAt, now }, isSecure);
    }
    return ok({ body: rest, event });
  };
}

/** Only of a grant the client has: anything else may be anything, a password among it. */
function grantTypeOf({ client, parameters }: ClientRequest): Record<string, string> {
  const grantType = optional(parameters, 'grant_type');
  const known = client.grants.find((one) => one === grantType);
  return known === undefined ? {} : { grantType: known };
}
