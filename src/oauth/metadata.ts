import { GRANT_TYPES } from './client.js';
import { ASSERTION_ALGORITHMS } from './client-assertion.js';
import { CLIENT_AUTHENTICATION_METHODS } from './client-authentication.js';

/** The paths of the endpoints below the issuer, in one place for the routes and the metadata. */
export const PATHS = {
  start: '/',
  token: '/token',
  revoke: '/revoke',
  introspect: '/introspect',
  userinfo: '/userinfo',
  sessions: '/sessions',
  session: '/sessions/:sid',
  logout: '/logout',
  register: '/register',
  password: '/password',
  jwks: '/.well-known/jwks.json',
  authorizationServerMetadata: '/.well-known/oauth-authorization-server',
  openidConfiguration: '/.well-known/openid-configuration',
  livez: '/livez',
  readyz: '/readyz',
  metrics: '/metrics',
  openapi: '/openapi.json',
  docs: '/docs',
} as const;

/**
 * Authorization server metadata (RFC 8414 §2). States only what is switched on. `issuer` stands exactly as configured,
 * byte for byte what `iss` says; nothing comes from the request.
 */
export function metadata(issuer: string): Record<string, unknown> {
  const base = issuer.replace(/\/$/, '');
  return {
    issuer,
    token_endpoint: base + PATHS.token,
    jwks_uri: base + PATHS.jwks,
    grant_types_supported: GRANT_TYPES,
    response_types_supported: [],
    token_endpoint_auth_methods_supported: CLIENT_AUTHENTICATION_METHODS,
    token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    revocation_endpoint: base + PATHS.revoke,
    revocation_endpoint_auth_methods_supported: CLIENT_AUTHENTICATION_METHODS,
    revocation_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    introspection_endpoint: base + PATHS.introspect,
    introspection_endpoint_auth_methods_supported: CLIENT_AUTHENTICATION_METHODS.filter((method) => method !== 'none'),
    introspection_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    userinfo_endpoint: base + PATHS.userinfo,
  };
}
