import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { PATHS } from '../oauth/metadata.js';
import { ok, refuse } from '../oauth/result.js';
import { sessionJson } from '../oauth/session.js';
import { isUuid } from '../oauth/uuid.js';
import type { SessionStore } from '../store/sessions.js';
import { type BearerEndpointDeps, bearerEndpoint } from './bearer-endpoint.js';
import { answer, bearerSchema, emptyAnswer, refusal } from './route-schema.js';

export type SessionsOptions = BearerEndpointDeps & { readonly sessions: SessionStore };

/** More than anybody looks through; the newest are shown. */
const MOST_SHOWN = 100;

const SESSION = z.strictObject({
  sid: z.uuid(),
  client_id: z.string(),
  user_agent: z.string().nullable(),
  address: z.string().nullable(),
  created_at: z.iso.datetime(),
  last_used_at: z.iso.datetime(),
  expires_at: z.iso.datetime(),
  is_current: z.boolean().describe('Whether this is the login the access token comes from.'),
});

const SHOW = bearerSchema(
  { summary: "One's own logins" },
  { 200: answer(`The newest ${MOST_SHOWN}.`, z.strictObject({ sessions: z.array(SESSION) })) },
);
const END_ALL = bearerSchema(
  { summary: "End all of one's own logins", description: 'The one the access token comes from as well.' },
  { 204: emptyAnswer('They are over.') },
);
const END_ONE = {
  ...bearerSchema(
    { summary: "End one of one's own logins" },
    { 204: emptyAnswer('It is over, or was already.'), 404: refusal('not_found') },
  ),
  params: z.object({ sid: z.uuid() }),
};

/** One's own logins: GET /sessions shows them, DELETE /sessions/{sid} ends one, DELETE /sessions ends all. */
export async function sessionsEndpoints(app: FastifyInstance, options: SessionsOptions): Promise<void> {
  const { sessions, tokens } = options;
  bearerEndpoint(app, options, PATHS.sessions, {
    GET: {
      schema: SHOW,
      async handle({ user, token, now }) {
        const own = await sessions.list({ userId: user.id }, now, MOST_SHOWN);
        const body = { sessions: own.map((one) => ({ ...sessionJson(one), is_current: one.sid === token.sid })) };
        return ok({ body, event: { event: 'sessions_shown' } });
      },
    },
    DELETE: {
      schema: END_ALL,
      /** All of them, this one and any that is just beginning included. */
      async handle({ user }) {
        await tokens.users.endLogins(user.id);
        return ok({ body: null, event: { event: 'all_logins_ended' } });
      },
    },
  });
}

/** DELETE /sessions/{sid}. One that is over already is as gone as asked. */
export async function sessionEndpoint(app: FastifyInstance, options: SessionsOptions): Promise<void> {
  const { families } = options.tokens;
  bearerEndpoint(app, options, PATHS.session, {
    DELETE: {
      schema: END_ONE,
      async handle({ user, path, now }) {
        const sid = path['sid'] ?? '';
        const found = isUuid(sid) ? await families.find({ sid }) : null;
        if (found === null || found.login.userId !== user.id) return refuse({ reason: 'session_unknown' });
        await families.revoke(sid, 'ended_by_user', now);
        return ok({ body: null, event: { event: 'login_ended', sid } });
      },
    },
  });
}
