import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { clientJson } from '../../accounts/client-json.js';
import {
  type ClientDeps,
  type ClientSettings,
  changeClient,
  makeClient,
  removeClient,
  rotateSecret,
} from '../../accounts/clients.js';
import { type Client, isClientId, type JwkSet } from '../../oauth/client.js';
import { entityTag, revisionIn } from '../../oauth/precondition.js';
import { emptyAnswer } from '../route-schema.js';
import { BAD_CURSOR, cut, fromCursor, NEXT, PAGE, toCursor } from './page.js';
import { PROBLEMS, sendProblem, unfit } from './problem.js';
import { adminSchema, ID, IF_MATCH, json, optionalBody, tagged } from './schema.js';
import { type AdminApp, type AdminScopeDeps, adminScope } from './scope.js';
import { CLIENT, CLIENT_CHANGES, MADE_SECRET, NEW_CLIENT, SECRET_ROTATION } from './shapes.js';

export type AdminClientsOptions = AdminScopeDeps & {
  readonly managing: Omit<ClientDeps, 'now'>;
  /** Checks a JWK Set and leaves only what is public, or says what is wrong with it. */
  readonly readJwks: (text: string) => Promise<{ readonly jwks: JwkSet } | { readonly faults: readonly string[] }>;
};

const CLIENTS = '/admin/clients';

/** /admin/clients: what `mintd clients` does. */
export async function adminClients(plugin: FastifyInstance, options: AdminClientsOptions): Promise<void> {
  const admin = adminScope(plugin, options, isClientId);
  const depsOf: DepsOf = (request) => ({ ...options.managing, now: admin.administratorOf(request).now });
  listRoutes(admin, options);
  addRoute(admin, options, depsOf);
  changeRoute(admin, options, depsOf);
  secretRoute(admin, depsOf);
  removeRoutes(admin, options);
}

type DepsOf = (request: FastifyRequest) => ClientDeps;

function listRoutes({ app }: AdminApp, { managing: { clients } }: AdminClientsOptions): void {
  const listed = json('Clients, by id.', z.object({ clients: z.array(CLIENT), next: NEXT }));
  const schema = adminSchema({ summary: 'List clients', querystring: z.strictObject(PAGE) }, { 200: listed });
  app.get(CLIENTS, { schema }, async ({ query: { limit, after } }, reply) => {
    const place = after === undefined ? [undefined] : fromCursor(after, 1);
    if (place === null) return sendProblem(reply, BAD_CURSOR);
    const found = await clients.list({ after: place[0], limit: limit + 1 });
    const { items, next } = cut(found, limit, ({ id }) => toCursor(id));
    return reply.send({ clients: items.map(clientJson), next });
  });
  const one = adminSchema({ summary: 'Show a client', params: ID }, { 200: tagged('The client.', CLIENT) });
  app.get(`${CLIENTS}/:id`, { schema: one }, async ({ params }, reply) => {
    const client = await clients.find(params.id);
    if (client === null) return sendProblem(reply, PROBLEMS.unknown);
    return reply.headers(tagOf(client)).send(clientJson(client));
  });
}

function addRoute({ app, locationOf, audit }: AdminApp, { readJwks }: AdminClientsOptions, depsOf: DepsOf): void {
  const made = tagged('The client, and its secret if it has one.', CLIENT.extend(MADE_SECRET.partial().shape));
  const schema = adminSchema({ summary: 'Make a client', body: NEW_CLIENT }, { 201: made });
  app.post(CLIENTS, { schema }, async (request, reply) => {
    const { client_id: id, kind, jwks: given, ...settings } = request.body;
    const jwks = given === undefined ? undefined : await readJwks(JSON.stringify(given));
    if (jwks !== undefined && 'faults' in jwks) return sendProblem(reply, unfit(jwks.faults));
    const done = await makeClient(depsOf(request), { id, kind, ...settingsIn(settings), jwks: jwks?.jwks });
    if (done === 'taken') return sendProblem(reply, PROBLEMS.taken);
    if ('faults' in done) return sendProblem(reply, unfit(done.faults));
    const { client, secret } = done;
    audit(request, 'client_added', { targetClientId: client.id, scopes: client.scopes });
    return reply
      .code(201)
      .headers({ location: locationOf(`${CLIENTS}/${client.id}`), ...tagOf(client) })
      .send({ ...clientJson(client), ...(secret !== null && { client_secret: secret }) });
  });
}

function changeRoute({ app, audit }: AdminApp, { readJwks }: AdminClientsOptions, depsOf: DepsOf): void {
  const schema = adminSchema(
    {
      summary: 'Change a client',
      description: 'What is left out stays; a list is replaced as a whole.',
      params: ID,
      headers: IF_MATCH,
      body: CLIENT_CHANGES,
    },
    { 200: tagged('The client as it is now.', CLIENT) },
  );
  app.patch(`${CLIENTS}/:id`, { schema }, async (request, reply) => {
    const revision = revisionIn(request.headers['if-match']);
    const { jwks: given, disabled, ...settings } = request.body;
    const jwks = given === undefined ? undefined : await readJwks(JSON.stringify(given));
    if (jwks !== undefined && 'faults' in jwks) return sendProblem(reply, unfit(jwks.faults));
    const changes = { ...settingsIn(settings), jwks: jwks?.jwks, disabled };
    const done = await changeClient(depsOf(request), request.params.id, changes, revision);
    if (typeof done === 'string') return sendProblem(reply, PROBLEMS[done]);
    if ('faults' in done) return sendProblem(reply, unfit(done.faults));
    const { client, isChanged } = done;
    const changed = Object.keys(request.body);
    if (isChanged)
      audit(request, 'client_changed', { targetClientId: client.id, changed, scopes: settings.scopes, disabled });
    return reply.headers(tagOf(client)).send(clientJson(client));
  });
}

function secretRoute({ app, audit }: AdminApp, depsOf: DepsOf): void {
  const schema = adminSchema(
    { summary: 'Give a client a new secret', params: ID, headers: IF_MATCH, body: optionalBody(SECRET_ROTATION) },
    { 200: tagged('The client and its new secret.', CLIENT.extend(MADE_SECRET.shape)) },
  );
  app.post(`${CLIENTS}/:id/secret`, { schema }, async (request, reply) => {
    const revision = revisionIn(request.headers['if-match']);
    const { overlap_seconds: overlapSeconds } = request.body;
    const done = await rotateSecret(depsOf(request), request.params.id, overlapSeconds, revision);
    if (typeof done === 'string') return sendProblem(reply, PROBLEMS[done]);
    if ('faults' in done) return sendProblem(reply, unfit(done.faults));
    const { client, secret } = done;
    audit(request, 'client_secret_rotated', { targetClientId: client.id, overlapSeconds });
    return reply.headers(tagOf(client)).send({ ...clientJson(client), client_secret: secret });
  });
}

function removeRoutes({ app, audit }: AdminApp, { managing: { clients } }: AdminClientsOptions): void {
  const gone = { 204: emptyAnswer('Done.') };
  const remove = adminSchema(
    { summary: 'Delete a client', description: 'All its logins end.', params: ID, headers: IF_MATCH },
    gone,
  );
  app.delete(`${CLIENTS}/:id`, { schema: remove }, async (request, reply) => {
    const { id } = request.params;
    const done = await removeClient({ clients }, id, revisionIn(request.headers['if-match']));
    if (done !== 'removed') return sendProblem(reply, PROBLEMS[done]);
    audit(request, 'client_removed', { targetClientId: id });
    return reply.code(204).send();
  });
  const end = adminSchema({ summary: 'End all logins at a client', params: ID }, gone);
  app.delete(`${CLIENTS}/:id/sessions`, { schema: end }, async (request, reply) => {
    const { id } = request.params;
    if (!(await clients.endLogins(id))) return sendProblem(reply, PROBLEMS.unknown);
    audit(request, 'all_logins_ended', { targetClientId: id });
    return reply.code(204).send();
  });
}

function settingsIn(body: Omit<z.output<typeof CLIENT_CHANGES>, 'jwks' | 'disabled'>): ClientSettings {
  return {
    name: body.name,
    grants: body.grants,
    scopes: body.scopes,
    defaultScope: body.default_scope,
    audiences: body.audiences,
    defaultAudiences: body.default_audiences,
    accessTokenTtlSeconds: body.access_token_ttl_seconds,
    refreshIdleTtlSeconds: body.refresh_idle_ttl_seconds,
    refreshAbsoluteTtlSeconds: body.refresh_absolute_ttl_seconds,
    retryWindowSeconds: body.retry_window_seconds,
    delivery: body.delivery,
    origins: body.origins,
    tokensPerMinute: body.tokens_per_minute,
  };
}

function tagOf({ revision }: Client): { etag: string } {
  return { etag: entityTag(revision) };
}
