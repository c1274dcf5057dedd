import type { FastifyInstance, FastifySchema } from 'fastify';
import { z } from 'zod';
import type { ParameterTable } from '../oauth/endpoint-parameters.js';

/** The names of the ways to show who one is, as the document has them (src/http/openapi.ts). */
export const SECURITY = { oauth2: 'oauth2', client: 'client', bearer: 'bearer' } as const;

/** A JSON Schema (2020-12) of our own making. */
type JsonSchema = Readonly<Record<string, unknown>>;

/** An answer: what it says and in which format, with headers that matter; or that it has no body. */
export type AnswerSchema = z.ZodNull | AnswerWithBody;
export type AnswerWithBody = {
  readonly description: string;
  readonly content: object;
  /** In JSON Schema. */
  readonly headers?: Readonly<Record<string, JsonSchema>>;
};

/** What the document says of a route. */
export type RouteText = { readonly summary: string; readonly description?: string };

/** One that takes parameters: its table, or one for each value of a parameter that decides which others there are. */
export type ParametersText = RouteText & {
  readonly parameters: ParameterTable;
  readonly alternatives?: Alternatives;
};

type Alternatives = { readonly by: string; readonly tables: Readonly<Record<string, ParameterTable>> };

type Answers = Readonly<Record<number, AnswerSchema>>;

/** An answer with a body. */
export function answer(description: string, schema: z.ZodType, contentType = 'application/json'): AnswerWithBody {
  return { description, content: { [contentType]: { schema } } };
}

/** An answer that says nothing. */
export function emptyAnswer(description: string): AnswerSchema {
  return z.null().describe(description);
}

/** A refusal, with the codes it may have. */
export function refusal(code: string, ...codes: readonly string[]): AnswerWithBody {
  const named = [code, ...codes].map((one) => `\`${one}\``).join(', ');
  const schema = z.object({ error: z.enum([code, ...codes]), error_description: z.string() });
  return answer(`Refused: ${named}.`, schema);
}

/** What a cache is told whose copy is still right. */
export const NOT_MODIFIED = emptyAnswer('Not changed since (RFC 9110 §15.4.5).');

const EVERYWHERE: Answers = { 400: refusal('invalid_request'), 500: refusal('server_error') };
const UNAVAILABLE: Answers = { 503: refusal('temporarily_unavailable') };

/** The parameters of a request that has any. */
type Body = { readonly parameters?: ParameterTable };

function bodyOf(parameters: ParameterTable | undefined): Pick<FastifySchema, 'body'> {
  return parameters === undefined ? {} : { body: bodySchema(parameters) };
}

/** What anyone may ask. */
export function publicSchema({ parameters, ...text }: RouteText & Body, answers: Answers): FastifySchema {
  return { ...text, ...bodyOf(parameters), tags: ['Public'], security: [], response: { ...EVERYWHERE, ...answers } };
}

/** What a user asks with an access token (RFC 6750). */
export function bearerSchema({ parameters, ...text }: RouteText & Body, answers: Answers): FastifySchema {
  return {
    ...text,
    ...bodyOf(parameters),
    tags: ['Users'],
    security: [{ [SECURITY.oauth2]: [] }, { [SECURITY.bearer]: [] }],
    response: {
      ...EVERYWHERE,
      ...UNAVAILABLE,
      401: refusal('invalid_token'),
      403: refusal('insufficient_scope'),
      ...answers,
    },
  };
}

/** What a client asks. A public one is named in the body, and shows nothing (RFC 6749 §3.2.1). */
export function clientSchema({ parameters, alternatives, ...text }: ParametersText, answers: Answers): FastifySchema {
  const response = {
    ...EVERYWHERE,
    ...UNAVAILABLE,
    401: refusal('invalid_client'),
    413: refusal('invalid_request'),
    ...answers,
  };
  const body = bodySchema(parameters, alternatives);
  return { ...text, tags: ['Clients'], security: [{ [SECURITY.client]: [] }, {}], body, response };
}

/** The parameters as a form, and the same as flat JSON (src/http/body.ts). */
export function bodySchema(parameters: ParameterTable, alternatives?: Alternatives): object {
  const schema = {
    type: 'object',
    properties:
      alternatives === undefined ? propertiesOf(parameters, requiredIn(parameters)) : allPropertiesOf(alternatives),
    required: requiredIn(parameters),
    ...(alternatives !== undefined && { oneOf: alternativesOf(alternatives) }),
  };
  return { content: { 'application/x-www-form-urlencoded': { schema }, 'application/json': { schema } } };
}

/** Each stands once, whatever alternatives it belongs to: pages that make forms of a schema look no deeper. */
function allPropertiesOf({ by, tables }: Alternatives): JsonSchema {
  const properties = propertiesOf(Object.assign({}, ...Object.values(tables)), [by]);
  return { ...properties, [by]: { ...properties[by], enum: Object.keys(tables) } };
}

/** Which of them a request must have. */
function alternativesOf({ by, tables }: Alternatives): readonly JsonSchema[] {
  return Object.entries(tables).map(([value, table]) => ({
    title: value,
    properties: { [by]: { const: value } },
    required: requiredIn(table),
  }));
}

function requiredIn(table: ParameterTable): readonly string[] {
  return Object.entries(table).flatMap(([name, { isRequired, mayBeCookie }]) =>
    isRequired && mayBeCookie !== true ? [name] : [],
  );
}

/** What may be left out may be empty as well; so a page with a form of it starts with that, and not with an example. */
function propertiesOf(table: ParameterTable, needed: readonly string[]): Readonly<Record<string, JsonSchema>> {
  const properties: Record<string, JsonSchema> = {};
  for (const [name, { description, isCredential, maxCharacters, mayRepeat }] of Object.entries(table)) {
    const one = {
      type: 'string',
      ...(isCredential && { format: 'password' }),
      ...(maxCharacters !== undefined && { maxLength: maxCharacters }),
    };
    const shape = mayRepeat ? { type: 'array', items: one } : one;
    properties[name] = { ...shape, ...(!needed.includes(name) && { default: mayRepeat ? [] : '' }), description };
  }
  return properties;
}

/**
 * Route schemas say what the endpoints do; they do it by themselves (src/http/body.ts, src/oauth/parameters.ts). So
 * Fastify checks nothing, and answers are written as they are. A plugin may set other compilers for its own routes.
 */
export function leaveSchemasToEndpoints(app: FastifyInstance): void {
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
}
