import type { FastifyInstance } from 'fastify';
import { PATHS } from '../oauth/metadata.js';
import { ok, refuse } from '../oauth/result.js';
import { sessionJson } from '../oauth/session.js';
import { isUuid } from '../oauth/uuid.js';
import type { SessionStore } from '../store/sessions.js';
import { type BearerEndpointDeps, bearerEndpoint } from './bearer-endpoint.js';

export type SessionsOptions = BearerEndpointDeps & { readonly sessions: SessionStore };

/** More than anybody looks through; the newest are shown. */
const MOST_SHOWN = 100;

/** One's own logins: GET /sessions shows them, DELETE /sessions/{sid} ends one, DELETE /sessions ends all. */
export async function sessionsEndpoints(app: FastifyInstance, options: SessionsOptions): Promise<void> {
  const { sessions, tokens } = options;
  bearerEndpoint(app, options, PATHS.sessions, {
    async GET({ user, token, now }) {
      const own = await sessions.list({ userId: user.id }, now, MOST_SHOWN);
      const body = { sessions: own.map((one) => ({ ...sessionJson(one), is_current: one.sid === token.sid })) };
      return ok({ body, event: { event: 'sessions_shown' } });
    },
    /** All of them, this one and any that is just beginning included. */
    async DELETE({ user }) {
      await tokens.users.endLogins(user.id);
      return ok({ body: null, event: { event: 'all_logins_ended' } });
    },
  });
}

/** DELETE /sessions/{sid}. One that is over already is as gone as asked. */
export async function sessionEndpoint(app: FastifyInstance, options: SessionsOptions): Promise<void> {
  const { families } = options.tokens;
  bearerEndpoint(app, options, PATHS.session, {
    async DELETE({ user, path, now }) {
      const sid = path['sid'] ?? '';
      const found = isUuid(sid) ? await families.find({ sid }) : null;
      if (found === null || found.login.userId !== user.id) return refuse({ reason: 'session_unknown' });
      await families.revoke(sid, 'ended_by_user', now);
      return ok({ body: null, event: { event: 'login_ended', sid } });
    },
  });
}
