import { STATUS_CODES } from 'node:http';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { NO_STORE } from '../errors.js';
import { type AnswerWithBody, answer } from '../route-schema.js';

/** What went wrong, for a program and for a person (RFC 9457). */
export type Problem = {
  readonly status: number;
  /** What a program goes by. */
  readonly code: string;
  /** What a person reads. */
  readonly detail: string;
  /** What is wrong with which part of the request. */
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
  readonly retryAfterSeconds?: number | undefined;
};

const PROBLEM = z
  .object({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.int(),
    code: z.string(),
    detail: z.string(),
    errors: z
      .array(z.object({ pointer: z.string().describe('A JSON Pointer (RFC 6901).'), detail: z.string() }))
      .optional(),
  })
  .describe('RFC 9457');

const CONTENT_TYPE = 'application/problem+json';

/** A problem in the description of a route. */
export function problemAnswer(description: string): AnswerWithBody {
  return answer(description, PROBLEM, CONTENT_TYPE);
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const { status, code, detail, errors, retryAfterSeconds } = problem;
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds));
  return reply
    .code(status)
    .headers(NO_STORE)
    .type(CONTENT_TYPE)
    .send({ type: 'about:blank', title: STATUS_CODES[status], status, code, detail, ...(errors && { errors }) });
}

/** Problems that many routes have. */
export const PROBLEMS = {
  unknown: { status: 404, code: 'not_found', detail: 'There is nothing of this id.' },
  changed: { status: 412, code: 'revision_changed', detail: 'It has changed since: read it again.' },
  taken: { status: 409, code: 'taken', detail: 'The id, the name or the e-mail address is taken.' },
} as const satisfies Record<string, Problem>;

/** Faults in sentences, about the request as a whole. */
export function unfit(faults: readonly string[]): Problem {
  return { status: 422, code: 'unfit', detail: faults.map((fault) => `${fault}.`).join(' ') };
}
