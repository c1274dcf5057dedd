import cookies from '@fastify/cookie';
import type { FastifyInstance } from 'fastify';
import type { GrantDeps } from '../grants/deps.js';
import { grant } from '../grants/index.js';
import { checkPage, withTokenFromCookie } from '../oauth/cookie-delivery.js';
import { PATHS } from '../oauth/metadata.js';
import { optional } from '../oauth/parameters.js';
import { ok } from '../oauth/result.js';
import { browserHeaders, deviceOf, setRefreshCookie } from './browser.js';
import { type ClientEndpoint, type ClientEndpointDeps, type ClientRequest, clientEndpoint } from './client-endpoint.js';
import { senderOf } from './sender.js';

export type TokenOptions = ClientEndpointDeps & {
  readonly grants: GrantDeps;
  /** Whether browsers reach the issuer over TLS. */
  readonly isSecure: boolean;
};

/** POST /token (RFC 6749 §3.2). */
export async function tokenEndpoint(app: FastifyInstance, options: TokenOptions): Promise<void> {
  await app.register(cookies);
  clientEndpoint(app, options, { path: PATHS.token, describe: grantTypeOf, handle: tokens(options) });
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
