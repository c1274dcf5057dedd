/** What YAML holds, before anything is known about it. */
export type Node = Readonly<Record<string, unknown>>;

/** The files of a deployment: path and text. */
export type Files = Readonly<Record<string, string>>;

/** A value as a map; anything else is an empty one. */
export function node(value: unknown): Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Node) : {};
}

/** A value as a list; anything else is an empty one. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A value as text; what is not there is the empty text. */
export function text(value: unknown): string {
  return value === undefined || value === null ? '' : String(value);
}
