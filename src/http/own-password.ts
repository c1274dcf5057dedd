import type { FastifyInstance } from 'fastify';
import { type AccountDeps, changeOwnPassword } from '../accounts/own-password.js';
import { PASSWORD_PARAMETERS } from '../oauth/endpoint-parameters.js';
import { PATHS } from '../oauth/metadata.js';
import { readParameters } from '../oauth/parameters.js';
import { ok, refuse } from '../oauth/result.js';
import { type BearerEndpointDeps, type BearerRequest, bearerEndpoint } from './bearer-endpoint.js';
import { bearerSchema, emptyAnswer, refusal } from './route-schema.js';

export type OwnPasswordOptions = BearerEndpointDeps & { readonly accounts: AccountDeps };

const SCHEMA = bearerSchema(
  {
    summary: 'Change the own password',
    description: 'All other logins of the user end.',
    parameters: PASSWORD_PARAMETERS,
  },
  {
    204: emptyAnswer('Done.'),
    400: refusal('invalid_request', 'invalid_grant'),
    429: refusal('temporarily_unavailable'),
  },
);

/** POST /password: a user changes the own password; all other logins end. */
export async function ownPasswordEndpoint(app: FastifyInstance, options: OwnPasswordOptions): Promise<void> {
  bearerEndpoint(app, options, PATHS.password, {
    POST: { schema: SCHEMA, handle: (request) => change(options.accounts, request) },
  });
}

async function change(accounts: AccountDeps, { user, token, parameters, sender, now }: BearerRequest) {
  if (!parameters.ok) return parameters;
  const read = readParameters(PASSWORD_PARAMETERS, parameters.value);
  if (!read.ok) return read;
  const { sid } = token;
  if (sid === null) return refuse({ reason: 'access_token_without_user' });
  const { current_password: current, new_password: next } = read.value;
  const changed = await changeOwnPassword(accounts, { user, sid, current, next, sender, now });
  return changed.ok ? ok({ body: null, event: { event: 'password_changed', sid } }) : changed;
}
