import type { FastifySchema } from 'fastify';
import { z } from 'zod';
import { type AnswerSchema, answer, type RouteText, SECURITY } from '../route-schema.js';
import { problemAnswer } from './problem.js';

/** The id in the path of one thing. */
export const ID = z.strictObject({ id: z.string() });

type Parts = RouteText & {
  readonly querystring?: z.ZodType;
  readonly params?: z.ZodType;
  readonly body?: z.ZodType;
};

/** A JSON answer. */
export function json(description: string, schema: z.ZodType): AnswerSchema {
  return answer(description, schema);
}

/** A route of the administration, as it is checked and described. */
export function adminSchema<P extends Parts>(parts: P, answers: Readonly<Record<number, AnswerSchema>>): P {
  const schema: FastifySchema & P = {
    ...parts,
    tags: ['Administration'],
    security: [{ [SECURITY.oauth2]: [] }, { [SECURITY.bearer]: [] }],
    response: {
      400: problemAnswer('The request is not as it must be.'),
      401: problemAnswer('No access token that is good.'),
      403: problemAnswer('The access token lacks the scope, or its user the role.'),
      404: problemAnswer('There is nothing of this id.'),
      409: problemAnswer('A name is taken.'),
      412: problemAnswer('It has changed since.'),
      422: problemAnswer('It cannot be like this.'),
      429: problemAnswer('Too many at once.'),
      500: problemAnswer('Something went wrong here.'),
      503: problemAnswer('Not now.'),
      ...answers,
    },
  };
  return schema;
}
