import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Sender } from '../../accounts/login.js';
import { mayAdminister } from '../../oauth/admin.js';
import type { EventMembers } from '../../oauth/event-messages.js';
import type { EventName } from '../../oauth/events.js';
import { ok, type Result } from '../../oauth/result.js';
import type { EpochMs } from '../../oauth/time.js';
import type { Bearer } from '../../tokens/bearer.js';
import type { TokenDeps } from '../../tokens/deps.js';
import { bearerIn, challenge } from '../bearer-endpoint.js';
import { failureOf, NO_STORE } from '../errors.js';
import { record } from '../record.js';
import { addressOf, senderOf } from '../sender.js';
import { BODY_NOT_JSON, readJson } from './json.js';
import { PROBLEMS, type Problem, sendProblem } from './problem.js';
import { sendRefusal } from './refusal.js';
import { checkByZod } from './validation.js';

export type AdminScopeDeps = { readonly tokens: TokenDeps; readonly clock: () => EpochMs };

/** Whether something could have this id: nothing else is looked up. */
type IsId = (text: string) => boolean;

/** Who administers, from where, and when. */
export type Administrator = {
  readonly bearer: Bearer;
  readonly sender: Sender;
  readonly now: EpochMs;
};

/** Routes whose requests are known to come from somebody who may administer, and to be as their schemas want them. */
export type AdminApp = {
  readonly app: ReturnType<typeof typed>;
  readonly administratorOf: (request: FastifyRequest) => Administrator;
  /** The address of what is at a path, as others see it: the issuer may have a path of its own. */
  readonly locationOf: (path: string) => string;
  /** Writes down who changed what. */
  readonly audit: (request: FastifyRequest, event: EventName, what: EventMembers) => void;
};

/**
 * What holds for all routes below /admin: the token is looked at before the body; bodies are JSON, queries are parameters,
 * both exactly as the schema says; errors are RFC 9457 problem details.
 */
export function adminScope(plugin: FastifyInstance, { tokens, clock }: AdminScopeDeps, isId: IsId): AdminApp {
  const administrators = new WeakMap<FastifyRequest, Administrator>();
  plugin.setValidatorCompiler(checkByZod);
  plugin.setErrorHandler(handleAdminError);
  readJson(plugin);
  plugin.addHook('onRequest', async (request, reply) => {
    const [now, sender] = [clock(), senderOf(request, reply)];
    const known = await administratorIn(request, tokens, now);
    if (known.ok) {
      administrators.set(request, { bearer: known.value, sender, now });
      reply.headers(NO_STORE);
      return;
    }
    challenge(reply, known.refusal);
    return sendRefusal(request, reply, known.refusal, known.who);
  });
  plugin.addHook('preValidation', async (request, reply) => {
    const query = queryOf(request.url);
    if (query !== null) request.query = query;
    else return sendProblem(reply, { ...BAD_REQUEST, detail: 'A parameter was sent more than once.' });
    const { id } = request.params as { readonly id?: string };
    if (id !== undefined && !isId(id)) return sendProblem(reply, PROBLEMS.unknown);
  });
  const administratorOf = (request: FastifyRequest) => {
    const administrator = administrators.get(request);
    if (administrator === undefined) throw new Error('a request got past the guard');
    return administrator;
  };
  return {
    app: typed(plugin),
    administratorOf,
    locationOf: (path) => tokens.settings.issuer.replace(/\/$/, '') + path,
    audit(request, event, what) {
      const { bearer, sender } = administratorOf(request);
      const by = { clientId: bearer.client.id, ...(bearer.user !== null && { userId: bearer.user.id }) };
      record(request.log, { event, by, ...what, address: sender.address });
    },
  };
}

function typed(plugin: FastifyInstance) {
  return plugin.withTypeProvider<ZodTypeProvider>();
}

/** Whoever may not, although known, is named. */
async function administratorIn(
  request: FastifyRequest,
  tokens: TokenDeps,
  now: EpochMs,
): Promise<Result<Bearer> & { readonly who?: EventMembers }> {
  const bearer = await bearerIn(request, tokens, now);
  if (!bearer.ok) return bearer;
  const { token, client, user } = bearer.value;
  const may = mayAdminister(token, client, user, tokens.settings.issuer);
  return may.ok ? ok(bearer.value) : { ...may, who: { clientId: client.id, userId: user?.id } };
}

const BAD_REQUEST = { status: 400, code: 'invalid_request' } as const;

/** Each parameter once; null when one is there twice. */
function queryOf(url: string): Readonly<Record<string, string>> | null {
  const pairs = [...new URLSearchParams(/\?([^#]*)/.exec(url)?.[1] ?? '')];
  const query = Object.fromEntries(pairs);
  return Object.keys(query).length === pairs.length ? query : null;
}

function handleAdminError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = problemOf(error);
  if (problem !== null) {
    // Where in the body may be a name that somebody made up.
    record(request.log, { event: 'refused', reason: problem.code, address: addressOf(request) });
    return sendProblem(reply, problem);
  }
  const { status, error: code, description, retryAfterSeconds } = failureOf(error, request);
  return sendProblem(reply, { status, code, detail: description, retryAfterSeconds });
}

const PARTS: Readonly<Record<string, string>> = { querystring: 'query', params: 'path' };

function problemOf({ code, statusCode, validation, validationContext }: FastifyError): Problem | null {
  if (validation !== undefined) {
    const errors = validation.map(({ instancePath, message = '' }) => ({ pointer: instancePath, detail: message }));
    return {
      ...BAD_REQUEST,
      detail: `The ${PARTS[validationContext ?? ''] ?? validationContext} is not as it must be.`,
      errors,
    };
  }
  if (code === BODY_NOT_JSON) return { ...BAD_REQUEST, detail: 'The body is not JSON in UTF-8 with each member once.' };
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return { status: 415, code: 'unsupported_media_type', detail: 'Send application/json.' };
  }
  if (statusCode === 413) return { status: 413, code: 'too_large', detail: 'The body is larger than 16 KiB.' };
  return statusCode !== undefined && statusCode < 500
    ? { ...BAD_REQUEST, detail: 'The request cannot be read.' }
    : null;
}
