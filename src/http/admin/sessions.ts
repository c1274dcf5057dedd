import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { isClientId } from '../../oauth/client.js';
import { type Session, sessionJson } from '../../oauth/session.js';
import { isUuid } from '../../oauth/uuid.js';
import type { FamilyStore } from '../../store/families.js';
import type { SessionStore } from '../../store/sessions.js';
import { emptyAnswer } from '../route-schema.js';
import { BAD_CURSOR, cut, fromCursor, NEXT, PAGE, toCursor } from './page.js';
import { PROBLEMS, sendProblem } from './problem.js';
import { adminSchema, FLAG, json, UUID } from './schema.js';
import { type AdminScopeDeps, adminScope } from './scope.js';
import { SESSION } from './shapes.js';

export type AdminSessionsOptions = AdminScopeDeps & {
  readonly sessions: SessionStore;
  readonly families: Pick<FamilyStore, 'find' | 'revoke'>;
};

const SESSIONS = '/admin/sessions';
const QUERY = z.strictObject({
  ...PAGE,
  user_id: z.guid().toLowerCase().optional(),
  client_id: z.string().refine(isClientId, 'No client id is like that.').optional(),
  ended: FLAG.default('false').describe('With those that are over.'),
});

/** /admin/sessions: what `mintd sessions` does. */
export async function adminSessions(plugin: FastifyInstance, options: AdminSessionsOptions): Promise<void> {
  const { app, administratorOf, audit } = adminScope(plugin, options, isUuid);
  const { sessions, families } = options;
  const listed = json('Sessions, the newest first.', z.object({ sessions: z.array(SESSION), next: NEXT }));
  const schema = adminSchema({ summary: 'List sessions', querystring: QUERY }, { 200: listed });
  app.get(SESSIONS, { schema }, async (request, reply) => {
    const { limit, after: cursor, user_id: userId, client_id: clientId, ended } = request.query;
    const after = cursor === undefined ? undefined : placeIn(cursor);
    if (after === null) return sendProblem(reply, BAD_CURSOR);
    const filter = {
      withEnded: ended === 'true',
      after,
      ...(userId !== undefined && { userId }),
      ...(clientId !== undefined && { clientId }),
    };
    const found = await sessions.list(filter, administratorOf(request).now, limit + 1);
    const { items, next } = cut(found, limit, ({ createdAt, sid }) => toCursor(String(createdAt), sid));
    return reply.send({ sessions: items.map(shown), next });
  });
  const end = adminSchema({ summary: 'End a session', params: UUID }, { 204: emptyAnswer('It is over.') });
  app.delete(`${SESSIONS}/:id`, { schema: end }, async (request, reply) => {
    const { id: sid } = request.params;
    const found = await families.find({ sid });
    if (found === null) return sendProblem(reply, PROBLEMS.unknown);
    await families.revoke(sid, 'ended_by_admin', administratorOf(request).now);
    audit(request, 'login_ended', { sid, targetUserId: found.login.userId });
    return reply.code(204).send();
  });
}

function placeIn(cursor: string): Pick<Session, 'createdAt' | 'sid'> | null {
  const [createdAt = '', sid = ''] = fromCursor(cursor, 2) ?? [];
  return /^\d{1,13}$/.test(createdAt) && isUuid(sid) ? { createdAt: Number(createdAt), sid } : null;
}

function shown(session: Session) {
  return { ...sessionJson(session), user_id: session.userId, username: session.username, ended: session.ended };
}
