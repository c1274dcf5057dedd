import type { FastifySchema } from 'fastify';
import { z } from 'zod';
import { type AnswerSchema, type AnswerWithBody, answer, type RouteText, refusal, SECURITY } from '../route-schema.js';
import { problemAnswer } from './problem.js';

/** The id in the path of one thing. */
export const ID = z.strictObject({ id: z.string() });

/** The same where it is a UUID, whose case means nothing (RFC 9562 §4). */
export const UUID = z.strictObject({ id: z.string().toLowerCase() });

/** Of requests for one revision of a thing (src/oauth/precondition.ts). */
export const IF_MATCH = z.looseObject({
  'if-match': z
    .string()
    .optional()
    .describe('The `ETag` of what was read: refused if it has changed since (RFC 9110 §13.1.1).'),
});

/** A parameter that says yes or no. */
export const FLAG = z.enum(['true', 'false']);

/** A body all of whose members may be left out may be left out itself. */
export function optionalBody<T extends z.ZodType>(schema: T) {
  return z.preprocess((body) => body ?? {}, schema.meta({ default: {} }));
}

type Parts = RouteText & {
  readonly querystring?: z.ZodType;
  readonly params?: z.ZodType;
  readonly body?: z.ZodType;
  readonly headers?: typeof IF_MATCH;
};

/** A JSON answer. */
export function json(description: string, schema: z.ZodType): AnswerWithBody {
  return answer(description, schema);
}

/** The same with the entity tag of what it shows. */
export function tagged(description: string, schema: z.ZodType): AnswerWithBody {
  return { ...answer(description, schema), headers: { ETag: { type: 'string', description: 'Its `revision`.' } } };
}

/** What is refused before it matters which route is asked is told as everywhere: a credential in the URL, a header twice. */
const BAD_REQUEST: AnswerWithBody = {
  description: 'The request is not as it must be.',
  content: { ...problemAnswer('').content, ...refusal('invalid_request').content },
};

/** Of routes that have none: what nobody knows is not ignored. */
const NO_PARAMETERS = z.strictObject({});

/** A route of the administration, as it is checked and described. */
export function adminSchema<P extends Parts>(parts: P, answers: Readonly<Record<number, AnswerSchema>>): P {
  const schema: FastifySchema & P = {
    querystring: NO_PARAMETERS,
    ...parts,
    tags: ['Administration'],
    security: [{ [SECURITY.oauth2]: [] }, { [SECURITY.bearer]: [] }],
    response: {
      400: BAD_REQUEST,
      401: problemAnswer('No access token that is good.'),
      403: problemAnswer('The access token, or its client now, lacks the scope; or its user the role.'),
      404: problemAnswer('There is nothing of this id.'),
      409: problemAnswer('A name is taken, or a rotation under way.'),
      412: problemAnswer('It has changed since.'),
      413: problemAnswer('The body is larger than 16 KiB.'),
      415: problemAnswer('The body is not of the type application/json.'),
      422: problemAnswer('It cannot be like this.'),
      429: problemAnswer('Too many at once.'),
      500: problemAnswer('Something went wrong here.'),
      503: problemAnswer('Not now.'),
      ...answers,
    },
  };
  return schema;
}
