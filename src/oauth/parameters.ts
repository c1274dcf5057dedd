import { ALL_PARAMETERS, type Parameter, type ParameterTable } from './endpoint-parameters.js';
import { ok, type Result, refuse } from './result.js';

/** One name and its value as they stood in the body, decoded, in order. */
export type Pair = readonly [name: string, value: string];

/** The parameters of a request, each known to be there at most once unless it may repeat, none of them empty. */
export type RequestParameters = ReadonlyMap<string, readonly string[]>;

/** Only these may be sent more than once (RFC 8707 §2, and `audience` as mintd has it). */
const REPEATABLE = namesOf(({ mayRepeat }) => mayRepeat === true);

/**
 * Names that must never stand in a URL: URLs end up in logs and histories (RFC 6749 §2.3.1). One is that of no
 * parameter here, and is sent by mistake: RFC 6750 §2.3 has it.
 */
const CREDENTIALS = new Set([...namesOf(({ isCredential }) => isCredential === true), 'access_token']);

/** The names of all parameters of all endpoints of which something holds. */
function namesOf(holds: (parameter: Parameter) => boolean): ReadonlySet<string> {
  const all = ALL_PARAMETERS.flatMap((table) => Object.entries(table));
  return new Set(all.filter(([, parameter]) => holds(parameter)).map(([name]) => name));
}

/**
 * Reads `application/x-www-form-urlencoded` (RFC 6749 Appendix B): `+` is a space, `%XX` is UTF-8. Stricter than a
 * browser's parser, which would turn ill-formed bytes into U+FFFD and let two different passwords look alike.
 */
export function parseForm(body: string): Result<readonly Pair[]> {
  const pairs: Pair[] = [];
  for (const field of body.split('&')) {
    if (field === '') continue;
    const [name, value] = splitField(field).map(decodeFormPart);
    if (typeof name !== 'string' || typeof value !== 'string') return refuse({ reason: 'body_malformed' });
    pairs.push([name, value]);
  }
  return ok(pairs);
}

/** Name and value of `name=value`, still encoded; a field without `=` is a name. */
function splitField(field: string): readonly [name: string, value: string] {
  const at = field.indexOf('=');
  return at === -1 ? [field, ''] : [field.slice(0, at), field.slice(at + 1)];
}

/**
 * Decodes one name or value of a form.
 *
 * @returns null when a `%` is not followed by two hex digits or the bytes are not UTF-8
 */
export function decodeFormPart(text: string): string | null {
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '));
    return decoded.isWellFormed() ? decoded : null;
  } catch {
    return null;
  }
}

/** Reads the same as a flat JSON object of strings; `resource` and `audience` may be arrays of strings. */
export function parseJson(body: string): Result<readonly Pair[]> {
  const malformed = refuse({ reason: 'body_malformed' });
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return malformed;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return malformed;
  const pairs: Pair[] = [];
  for (const [name, member] of Object.entries(value)) {
    if (!name.isWellFormed()) return malformed;
    const values: readonly unknown[] = Array.isArray(member) && REPEATABLE.has(name) ? member : [member];
    for (const one of values) {
      if (typeof one !== 'string' || !one.isWellFormed()) return malformed;
      pairs.push([name, one]);
    }
  }
  if (countMembers(body) !== Object.keys(value).length) return refuse({ reason: 'parameter_repeated' });
  return ok(pairs);
}

/** JSON.parse keeps only the last of two equal names. In flat JSON every string before a colon is a name: count them. */
export function countMembers(flatJson: string): number {
  const strings = flatJson.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g);
  return [...strings].filter(([, colon]) => colon !== undefined).length;
}

/** Applies RFC 6749 §3.2: nothing twice, and a parameter without a value is treated as left out. */
export function collectParameters(pairs: readonly Pair[]): Result<RequestParameters> {
  const seen = new Map<string, string[]>();
  for (const [name, value] of pairs) {
    const values = seen.get(name);
    if (values === undefined) seen.set(name, [value]);
    else if (REPEATABLE.has(name)) values.push(value);
    else return refuse({ reason: 'parameter_repeated' });
  }
  const present = new Map<string, readonly string[]>();
  for (const [name, values] of seen) {
    const filled = values.filter((value) => value !== '');
    if (filled.length > 0) present.set(name, filled);
  }
  return ok(present);
}

/** The value of a parameter that may be sent once. */
export function optional(parameters: RequestParameters, name: string): string | undefined {
  return parameters.get(name)?.[0];
}

/** The same for one that must be there. */
export function required(parameters: RequestParameters, name: string): Result<string> {
  const value = optional(parameters, name);
  return value === undefined ? refuse({ reason: 'parameter_missing', parameter: name }) : ok(value);
}

/** The names in a table that must be there. */
type RequiredIn<T extends ParameterTable> = {
  [Name in keyof T & string]: T[Name]['isRequired'] extends true ? Name : never;
}[keyof T & string];

/**
 * The parameters that an endpoint cannot do without.
 *
 * @returns their values by name, or the refusal `parameter_missing` with the first in the table that is not there
 */
export function readParameters<T extends ParameterTable>(
  table: T,
  parameters: RequestParameters,
): Result<Readonly<Record<RequiredIn<T>, string>>> {
  const values: Record<string, string> = {};
  for (const [name, { isRequired }] of Object.entries(table)) {
    if (!isRequired) continue;
    const value = required(parameters, name);
    if (!value.ok) return value;
    values[name] = value.value;
  }
  return ok(values as Record<RequiredIn<T>, string>);
}

/** Whether a query string (without its `?`) names a credential. */
export function carriesCredential(query: string): boolean {
  return query.split('&').some((field) => {
    const name = decodeFormPart(splitField(field)[0]);
    return name === null || CREDENTIALS.has(name.toLowerCase());
  });
}
