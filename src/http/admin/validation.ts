import type { FastifySchemaCompiler, FastifySchemaValidationError } from 'fastify';
import type { z } from 'zod';

/** Checks a part of a request by its schema in zod, and says where in it something is wrong. */
export const checkByZod: FastifySchemaCompiler<z.ZodType> = ({ schema }) => {
  return (data: unknown) => {
    const { data: value, error } = schema.safeParse(data);
    return error === undefined ? { value } : { error: error.issues.flatMap(errorsOf) };
  };
};

/** Of members that nobody knows each is one. */
function errorsOf(issue: z.core.$ZodIssue): FastifySchemaValidationError[] {
  const { code: keyword, path, message } = issue;
  const error = { keyword, schemaPath: '', params: {} };
  if (issue.code !== 'unrecognized_keys') return [{ ...error, instancePath: pointerTo(path), message }];
  return issue.keys.map((key) => ({
    ...error,
    instancePath: pointerTo([...path, key]),
    message: 'There is no such member.',
  }));
}

/** A JSON Pointer (RFC 6901). */
function pointerTo(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
