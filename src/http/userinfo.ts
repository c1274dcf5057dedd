import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { PATHS } from '../oauth/metadata.js';
import { ok, type Result } from '../oauth/result.js';
import { type BearerEndpointDeps, type BearerRequest, bearerEndpoint } from './bearer-endpoint.js';
import type { Answer } from './client-endpoint.js';
import { answer, bearerSchema } from './route-schema.js';

const USER = z.strictObject({
  sub: z.uuid(),
  preferred_username: z.string(),
  email: z.string().optional(),
  roles: z.array(z.string()),
  sid: z.uuid().optional().describe('The login the token comes from.'),
});

const SCHEMA = bearerSchema(
  { summary: 'Whose access token is this?', description: 'As the database has it now (OIDC Core §5.3).' },
  { 200: answer('The user.', USER) },
);

/** GET and POST /userinfo (OIDC Core §5.3): who the bearer is, as the database has it now. */
export async function userinfoEndpoint(app: FastifyInstance, deps: BearerEndpointDeps): Promise<void> {
  const handle = async ({ user, token }: BearerRequest): Promise<Result<Answer>> => {
    const body = {
      sub: user.id,
      preferred_username: user.username,
      ...(user.email !== null && { email: user.email }),
      roles: user.roles,
      ...(token.sid !== null && { sid: token.sid }),
    };
    return ok({ body, event: { event: 'userinfo' } });
  };
  bearerEndpoint(app, deps, PATHS.userinfo, { GET: { schema: SCHEMA, handle }, POST: { schema: SCHEMA, handle } });
}
