import cookies from '@fastify/cookie';
import type { FastifyInstance } from 'fastify';
import { checkPage, tokenInCookie } from '../oauth/cookie-delivery.js';
import { PATHS } from '../oauth/metadata.js';
import { ok, refuse } from '../oauth/result.js';
import type { TokenDeps } from '../tokens/deps.js';
import { endLoginOf } from '../tokens/revoke.js';
import { browserHeaders, setRefreshCookie } from './browser.js';
import { type ClientEndpoint, type ClientEndpointDeps, clientEndpoint } from './client-endpoint.js';

export type LogoutOptions = ClientEndpointDeps & { readonly tokens: TokenDeps; readonly isSecure: boolean };

/** POST /logout: ends the login whose refresh token is in the browser's cookie, and takes the cookie away. */
export async function logoutEndpoint(app: FastifyInstance, options: LogoutOptions): Promise<void> {
  await app.register(cookies);
  clientEndpoint(app, options, { path: PATHS.logout, handle: logout(options) });
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
