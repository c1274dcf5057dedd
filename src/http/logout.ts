import cookies from '@fastify/cookie';
import type { FastifyInstance } from 'fastify';
import { checkPage, tokenInCookie } from '../oauth/cookie-delivery.js';
import { LOGOUT_PARAMETERS } from '../oauth/endpoint-parameters.js';
import { PATHS } from '../oauth/metadata.js';
import { ok, refuse } from '../oauth/result.js';
import type { TokenDeps } from '../tokens/deps.js';
import { endLoginOf } from '../tokens/revoke.js';
import { browserHeaders, setRefreshCookie } from './browser.js';
import { type ClientEndpoint, type ClientEndpointDeps, clientEndpoint } from './client-endpoint.js';
import { clientSchema, emptyAnswer, refusal } from './route-schema.js';

export type LogoutOptions = ClientEndpointDeps & { readonly tokens: TokenDeps; readonly isSecure: boolean };

const SCHEMA = clientSchema(
  {
    summary: 'End the login in the cookie',
    description:
      "For pages whose client keeps its refresh token in a cookie: from one of the client's origins, with a header X-Requested-With.",
    parameters: LOGOUT_PARAMETERS,
  },
  {
    204: emptyAnswer('The login is over and the cookie gone, if there was one.'),
    400: refusal('invalid_request', 'invalid_grant', 'unauthorized_client'),
    403: refusal('access_denied'),
  },
);

/** POST /logout: ends the login whose refresh token is in the browser's cookie, and takes the cookie away. */
export async function logoutEndpoint(app: FastifyInstance, options: LogoutOptions): Promise<void> {
  await app.register(cookies);
  clientEndpoint(app, options, { path: PATHS.logout, schema: SCHEMA, handle: logout(options) });
}

function logout({ tokens, isSecure }: LogoutOptions): ClientEndpoint['handle'] {
  return async (request, raw, reply) => {
    const { client, now } = request;
    if (client.delivery !== 'cookie') return refuse({ reason: 'client_without_cookies' });
    const headers = browserHeaders(raw);
    const page = checkPage(client, headers);
    if (!page.ok) return page;
    const token = tokenInCookie(request, headers, isSecure);
    const isLoggedOut = !token.ok && token.refusal.reason === 'refresh_cookie_missing';
    if (!token.ok && !isLoggedOut) return token;
    const ended = token.ok ? await endLoginOf(tokens, { client, token: token.value, now }, 'logout') : ok(null);
    if (!ended.ok) return ended;
    setRefreshCookie(reply, client, null, isSecure);
    return ok({ body: null, event: { event: 'logout', ...ended.value } });
  };
}
