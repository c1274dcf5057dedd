import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { userJson } from '../../accounts/user-json.js';
import { changeUser, makeUser, removeUser, setPassword, type UserDeps } from '../../accounts/users.js';
import { entityTag, revisionIn } from '../../oauth/precondition.js';
import type { Result } from '../../oauth/result.js';
import { isRole, parseLoginName } from '../../oauth/username.js';
import { isUuid } from '../../oauth/uuid.js';
import type { User } from '../../store/users.js';
import { emptyAnswer } from '../route-schema.js';
import { BAD_CURSOR, cut, fromCursor, NEXT, PAGE, toCursor } from './page.js';
import { PROBLEMS, sendProblem, unfit } from './problem.js';
import { sendRefusal } from './refusal.js';
import { adminSchema, FLAG, IF_MATCH, json, optionalBody, tagged, UUID } from './schema.js';
import { type AdminApp, type Administrator, type AdminScopeDeps, adminScope } from './scope.js';
import { MADE_PASSWORD, NEW_PASSWORD, NEW_USER, USER, USER_CHANGES } from './shapes.js';

export type AdminUsersOptions = AdminScopeDeps & {
  readonly accounts: Pick<UserDeps, 'users' | 'isCommonPassword' | 'randomBytes'>;
  /** Hashes a password when its turn has come. */
  readonly hash: (password: string, abandoned: AbortSignal) => Promise<Result<string>>;
};

const USERS = '/admin/users';
const QUERY = z.strictObject({
  ...PAGE,
  search: z
    .string()
    .trim()
    .refine((text) => text === '' || parseLoginName(text) !== null, 'No user name begins like that.')
    .optional()
    .describe('What the name begins with, in whatever case.'),
  role: z.string().refine(isRole, 'No role is like that.').optional(),
  disabled: FLAG.optional().describe('Those who are disabled, or those who are not.'),
});

/** /admin/users: what `mintd users` does. */
export async function adminUsers(plugin: FastifyInstance, options: AdminUsersOptions): Promise<void> {
  const admin = adminScope(plugin, options, isUuid);
  const depsOf = ({ sender, now }: Administrator): UserDeps => ({
    ...options.accounts,
    hash: (password) => options.hash(password, sender.abandoned),
    now,
  });
  listRoutes(admin, options);
  addRoute(admin, depsOf);
  changeRoute(admin, depsOf);
  passwordRoute(admin, depsOf);
  removeRoutes(admin, options);
}

function listRoutes({ app }: AdminApp, { accounts: { users } }: AdminUsersOptions): void {
  const listed = json('Users, by name.', z.object({ users: z.array(USER), next: NEXT }));
  const schema = adminSchema({ summary: 'List users', querystring: QUERY }, { 200: listed });
  app.get(USERS, { schema }, async ({ query }, reply) => {
    const { limit, after, search, role, disabled } = query;
    const place = after === undefined ? [undefined] : fromCursor(after, 1);
    if (place === null) return sendProblem(reply, BAD_CURSOR);
    const prefix = parseLoginName(search ?? '')?.key;
    const found = await users.list({
      after: place[0],
      limit: limit + 1,
      prefix,
      role,
      isDisabled: disabled === undefined ? undefined : disabled === 'true',
    });
    const { items, next } = cut(found, limit, ({ username }) => toCursor(parseLoginName(username)?.key ?? username));
    return reply.send({ users: items.map(userJson), next });
  });
  const one = adminSchema({ summary: 'Show a user', params: UUID }, { 200: tagged('The user.', USER) });
  app.get(`${USERS}/:id`, { schema: one }, async ({ params }, reply) => {
    const user = await users.find(params.id);
    return user === null ? sendProblem(reply, PROBLEMS.unknown) : reply.headers(tagOf(user)).send(userJson(user));
  });
}

type DepsOf = (administrator: Administrator) => UserDeps;

function addRoute({ app, administratorOf, locationOf, audit }: AdminApp, depsOf: DepsOf): void {
  const made = tagged('The user, and the password if it was made.', USER.extend(MADE_PASSWORD.partial().shape));
  const schema = adminSchema({ summary: 'Make a user', body: NEW_USER }, { 201: made });
  app.post(USERS, { schema }, async (request, reply) => {
    const done = await makeUser(depsOf(administratorOf(request)), request.body);
    if (!done.ok) return sendRefusal(request, reply, done.refusal);
    if (done.value === 'taken') return sendProblem(reply, PROBLEMS.taken);
    if ('faults' in done.value) return sendProblem(reply, unfit(done.value.faults));
    const { user, password } = done.value;
    audit(request, 'user_added', { targetUserId: user.id, roles: user.roles });
    const location = locationOf(`${USERS}/${user.id}`);
    return reply
      .code(201)
      .headers({ location, ...tagOf(user) })
      .send({ ...userJson(user), ...(password !== null && { password }) });
  });
}

function changeRoute({ app, administratorOf, audit }: AdminApp, depsOf: DepsOf): void {
  const schema = adminSchema(
    {
      summary: 'Change a user',
      description: 'What is left out stays; a list is replaced as a whole.',
      params: UUID,
      headers: IF_MATCH,
      body: USER_CHANGES,
    },
    { 200: tagged('The user as it is now.', USER) },
  );
  app.patch(`${USERS}/:id`, { schema }, async (request, reply) => {
    const revision = revisionIn(request.headers['if-match']);
    const done = await changeUser(depsOf(administratorOf(request)), request.params.id, request.body, revision);
    if (typeof done === 'string') return sendProblem(reply, PROBLEMS[done]);
    if ('faults' in done) return sendProblem(reply, unfit(done.faults));
    const { user, isChanged } = done;
    const { roles, disabled } = request.body;
    const changed = Object.keys(request.body);
    if (isChanged) audit(request, 'user_changed', { targetUserId: user.id, changed, roles, disabled });
    return reply.headers(tagOf(user)).send(userJson(user));
  });
}

function passwordRoute({ app, administratorOf, audit }: AdminApp, depsOf: DepsOf): void {
  const schema = adminSchema(
    {
      summary: 'Set a password',
      description: 'All logins of the user end.',
      params: UUID,
      headers: IF_MATCH,
      body: optionalBody(NEW_PASSWORD),
    },
    { 200: json('The password that was made.', MADE_PASSWORD), 204: emptyAnswer('Set.') },
  );
  app.put(`${USERS}/:id/password`, { schema }, async (request, reply) => {
    const deps = depsOf(administratorOf(request));
    const user = await deps.users.find(request.params.id);
    if (user === null) return sendProblem(reply, PROBLEMS.unknown);
    const revision = revisionIn(request.headers['if-match']) ?? user.revision;
    if (revision !== user.revision) return sendProblem(reply, PROBLEMS.changed);
    const done = await setPassword(deps, user, request.body.password);
    if (!done.ok) return sendRefusal(request, reply, done.refusal);
    if (done.value === 'unknown') return sendProblem(reply, PROBLEMS.unknown);
    if ('faults' in done.value) return sendProblem(reply, unfit(done.value.faults));
    audit(request, 'user_password_set', { targetUserId: user.id });
    const { password } = done.value;
    return password === null ? reply.code(204).send() : reply.send({ password });
  });
}

function removeRoutes({ app, audit }: AdminApp, { accounts: { users } }: AdminUsersOptions): void {
  const gone = { 204: emptyAnswer('Done.') };
  const remove = adminSchema(
    { summary: 'Delete a user', description: 'All logins end.', params: UUID, headers: IF_MATCH },
    gone,
  );
  app.delete(`${USERS}/:id`, { schema: remove }, async (request, reply) => {
    const { id } = request.params;
    const done = await removeUser({ users }, id, revisionIn(request.headers['if-match']));
    if (done !== 'removed') return sendProblem(reply, PROBLEMS[done]);
    audit(request, 'user_removed', { targetUserId: id });
    return reply.code(204).send();
  });
  const end = adminSchema({ summary: 'End all logins of a user', params: UUID }, gone);
  app.delete(`${USERS}/:id/sessions`, { schema: end }, async (request, reply) => {
    const { id } = request.params;
    if (!(await users.endLogins(id))) return sendProblem(reply, PROBLEMS.unknown);
    audit(request, 'all_logins_ended', { targetUserId: id });
    return reply.code(204).send();
  });
}

function tagOf({ revision }: User): { etag: string } {
  return { etag: entityTag(revision) };
}
