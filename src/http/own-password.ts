import type { FastifyInstance } from 'fastify';
import { type AccountDeps, changeOwnPassword } from '../accounts/own-password.js';
import { PATHS } from '../oauth/metadata.js';
import { required } from '../oauth/parameters.js';
import { ok, refuse } from '../oauth/result.js';
import { type BearerEndpointDeps, bearerEndpoint } from './bearer-endpoint.js';

export type OwnPasswordOptions = BearerEndpointDeps & { readonly accounts: AccountDeps };

/** POST /password: a user changes the own password; all other logins end. */
export async function ownPasswordEndpoint(app: FastifyInstance, options: OwnPasswordOptions): Promise<void> {
  bearerEndpoint(app, options, PATHS.password, {
    async POST({ user, token, parameters, sender, now }) {
      if (!parameters.ok) return parameters;
      const current = required(parameters.value, 'current_password');
      if (!current.ok) return current;
      const next = required(parameters.value, 'new_password');
      if (!next.ok) return next;
      if (token.sid === null) return refuse({ reason: 'access_token_without_user' });
      const asked = { user, sid: token.sid, current: current.value, next: next.value, sender, now };
      const changed = await changeOwnPassword(options.accounts, asked);
      return changed.ok ? ok({ body: null, event: { event: 'password_changed', sid: token.sid } }) : changed;
    },
  });
}
