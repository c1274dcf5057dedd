import type { FastifyInstance } from 'fastify';
import { PATHS } from '../oauth/metadata.js';
import { ok } from '../oauth/result.js';
import { type BearerEndpointDeps, type BearerRequest, bearerEndpoint } from './bearer-endpoint.js';

/** GET and POST /userinfo (OIDC Core §5.3): who the bearer is, as the database has it now. */
export async function userinfoEndpoint(app: FastifyInstance, deps: BearerEndpointDeps): Promise<void> {
  const userinfo = async ({ user, token }: BearerRequest) => {
    const body = {
      sub: user.id,
      preferred_username: user.username,
      ...(user.email !== null && { email: user.email }),
      roles: user.roles,
      ...(token.sid !== null && { sid: token.sid }),
    };
    return ok({ body, event: { event: 'userinfo' } });
  };
  bearerEndpoint(app, deps, PATHS.userinfo, { GET: userinfo, POST: userinfo });
}
