import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify';
import type { Sender } from '../accounts/login.js';
import type { EventMembers } from '../oauth/event-messages.js';
import type { Refusal } from '../oauth/refusal.js';
import { ok, type Result, refuse } from '../oauth/result.js';
import type { EpochMs } from '../oauth/time.js';
import type { User } from '../store/users.js';
import { type Bearer, bearerOf } from '../tokens/bearer.js';
import type { TokenDeps } from '../tokens/deps.js';
import { type ParsedBody, parametersIn, parseOAuthBodies } from './body.js';
import type { Answer } from './client-endpoint.js';
import { allowAnyOrigin, allowOrigin, answerPreflights } from './cors.js';
import { NO_STORE, refuseWith } from './errors.js';
import { record } from './record.js';
import { senderOf } from './sender.js';
import { wireError } from './wire-errors.js';

/** What every endpoint needs that a user calls with an access token. */
export type BearerEndpointDeps = { readonly tokens: TokenDeps; readonly clock: () => EpochMs };

/** A request of a user who showed an access token. */
export type BearerRequest = Omit<Bearer, 'user'> & {
  readonly user: User;
  readonly parameters: ParsedBody;
  readonly sender: Sender;
  readonly now: EpochMs;
  /** The variable parts of the path. */
  readonly path: Readonly<Record<string, string>>;
};

type Method = 'GET' | 'POST' | 'DELETE';

/** What one method does at a path, and what the API's description says of it. */
type Operation = {
  readonly schema: FastifySchema;
  readonly handle: (request: BearerRequest) => Promise<Result<Answer>>;
};

/** Endpoints at one path for the user of an access token (RFC 6750 §2.1), with what each method does. */
export function bearerEndpoint(
  app: FastifyInstance,
  { tokens, clock }: BearerEndpointDeps,
  url: string,
  methods: Partial<Readonly<Record<Method, Operation>>>,
): void {
  parseOAuthBodies(app);
  answerPreflights(app, url, Object.keys(methods).sort(), tokens.clients);
  for (const [method, { schema, handle }] of Object.entries(methods)) {
    app.route({
      method,
      url,
      schema,
      handler: async (request, reply) => {
        const now = clock();
        const sender = senderOf(request, reply);
        const known = await identify(request, tokens, now);
        if (!known.ok) {
          await allowAnyOrigin(request, reply, tokens.clients);
          return refuseBearer(request, reply, known.refusal, { address: sender.address });
        }
        const { client, user } = known.value;
        allowOrigin(request, reply, client.origins);
        const path = request.params as Record<string, string>;
        const context = { clientId: client.id, userId: user.id, address: sender.address };
        const parameters = parametersIn(request.body);
        const answered = await handle({ ...known.value, parameters, sender, now, path });
        if (!answered.ok) return refuseBearer(request, reply, answered.refusal, context);
        const { body, event } = answered.value;
        record(request.log, { ...event, ...context });
        reply.headers(NO_STORE);
        return body === null ? reply.code(204).send() : reply.send(body);
      },
    });
  }
}

async function identify(request: FastifyRequest, tokens: TokenDeps, now: EpochMs) {
  const bearer = await bearerIn(request, tokens, now);
  if (!bearer.ok) return bearer;
  const { user } = bearer.value;
  return user === null ? refuse({ reason: 'access_token_without_user' }) : ok({ ...bearer.value, user });
}

/** Whose access token is in the Authorization header (RFC 6750 §2.1). */
export async function bearerIn(request: FastifyRequest, tokens: TokenDeps, now: EpochMs): Promise<Result<Bearer>> {
  const { authorization } = request.headers;
  if (authorization === undefined) return refuse({ reason: 'bearer_missing' });
  const text = /^bearer +([\w.~+/-]+=*) *$/i.exec(authorization)?.[1];
  if (text === undefined) return refuse({ reason: 'bearer_malformed' });
  return bearerOf(tokens, text, now);
}

function refuseBearer(
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: Refusal,
  context: EventMembers,
): FastifyReply {
  challenge(reply, refusal);
  return refuseWith(request, reply, refusal, context);
}

/** RFC 6750 §3: each refusal says how to ask; one of a request without a token says no more than that. */
export function challenge(reply: FastifyReply, refusal: Refusal): void {
  const { status, error } = wireError(refusal);
  const code = refusal.reason === 'bearer_missing' ? '' : `, error="${error}"`;
  if (status === 401 || status === 403 || refusal.reason === 'bearer_malformed')
    reply.header('www-authenticate', `Bearer realm="mintd"${code}`);
}
