import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Sender } from '../../accounts/login.js';
import { mayAdminister } from '../../oauth/admin.js';
import type { EventName } from '../../oauth/events.js';
import { ok, type Result } from '../../oauth/result.js';
import type { EpochMs } from '../../oauth/time.js';
import type { Bearer } from '../../tokens/bearer.js';
import type { TokenDeps } from '../../tokens/deps.js';
import { bearerIn, challenge } from '../bearer-endpoint.js';
import { failureOf, NO_STORE } from '../errors.js';
import { addressOf, senderOf } from '../sender.js';
import { wireError } from '../wire-errors.js';
import { type Problem, sendProblem } from './problem.js';

export type AdminScopeDeps = { readonly tokens: TokenDeps; readonly clock: () => EpochMs };

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
  /** Writes down who changed what. */
  readonly audit: (request: FastifyRequest, event: EventName, what: Readonly<Record<string, unknown>>) => void;
};

/**
 * What holds for all routes below /admin: the token is looked at before the body; bodies are JSON, queries are parameters,
 * both exactly as the schema says; errors are RFC 9457 problem details.
 */
export function adminScope(plugin: FastifyInstance, { tokens, clock }: AdminScopeDeps): AdminApp {
  const administrators = new WeakMap<FastifyRequest, Administrator>();
  plugin.setValidatorCompiler(validatorCompiler);
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
    const { refusal } = known;
    request.log.info({ event: 'refused', ...refusal, ...known.who, address: sender.address }, 'refused');
    const { status, error, description, retryAfterSeconds } = wireError(refusal);
    challenge(reply, refusal);
    return sendProblem(reply, { status, code: error, detail: description, retryAfterSeconds });
  });
  plugin.addHook('preValidation', async (request, reply) => {
    const query = queryOf(request.url);
    if (query !== null) request.query = query;
    else return sendProblem(reply, { ...BAD_REQUEST, detail: 'A parameter was sent more than once.' });
  });
  const administratorOf = (request: FastifyRequest) => {
    const administrator = administrators.get(request);
    if (administrator === undefined) throw new Error('a request got past the guard');
    return administrator;
  };
  return {
    app: typed(plugin),
    administratorOf,
    audit(request, event, what) {
      const { bearer, sender } = administratorOf(request);
      const by = { clientId: bearer.client.id, ...(bearer.user !== null && { userId: bearer.user.id }) };
      request.log.info({ event, by, ...what, address: sender.address }, event);
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
): Promise<Result<Bearer> & { readonly who?: object }> {
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

/** JSON in well-formed UTF-8: repaired, a password would be one that nobody can type. */
function readJson(plugin: FastifyInstance): void {
  plugin.removeAllContentTypeParsers();
  plugin.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) => {
    try {
      const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
      return JSON.parse(text, (name, value: unknown) => {
        const isText = name.isWellFormed() && (typeof value !== 'string' || value.isWellFormed());
        if (!isText || name === '__proto__') throw new SyntaxError('no text');
        return value;
      });
    } catch {
      throw Object.assign(new Error('the body is not JSON'), { statusCode: 400, code: 'BODY_NOT_JSON' });
    }
  });
}

function handleAdminError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = problemOf(error);
  if (problem !== null) {
    request.log.info({ event: 'refused', reason: problem.code, address: addressOf(request) }, 'refused');
    return sendProblem(reply, problem);
  }
  const { status, error: code, description, retryAfterSeconds } = failureOf(error, request);
  return sendProblem(reply, { status, code, detail: description, retryAfterSeconds });
}

function problemOf({ code, statusCode, validation, validationContext }: FastifyError): Problem | null {
  if (validation !== undefined) {
    const errors = validation.map(({ instancePath, message = '' }) => ({ pointer: instancePath, detail: message }));
    return { ...BAD_REQUEST, detail: `The ${validationContext} is not as it must be.`, errors };
  }
  if (code === 'BODY_NOT_JSON') return { ...BAD_REQUEST, detail: 'The body is not a JSON text in UTF-8.' };
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return { status: 415, code: 'unsupported_media_type', detail: 'Send application/json.' };
  }
  if (statusCode === 413) return { status: 413, code: 'too_large', detail: 'The body is larger than 16 KiB.' };
  return statusCode !== undefined && statusCode < 500
    ? { ...BAD_REQUEST, detail: 'The request cannot be read.' }
    : null;
}
