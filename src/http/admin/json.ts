import type { FastifyInstance } from 'fastify';

/**
 * JSON in well-formed UTF-8, of which no part is lost or repaired: a password would be one that nobody can type. A body of
 * no bytes is none, whatever its type: many clients send a type with every request.
 */
export function readJson(plugin: FastifyInstance): void {
  plugin.removeAllContentTypeParsers();
  plugin.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) =>
    body.length === 0 ? undefined : parse(body),
  );
}

/** What a body is refused with that is not what readJson wants. */
export const BODY_NOT_JSON = 'BODY_NOT_JSON';

function parse(body: Buffer): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
    const value: unknown = JSON.parse(text, (name, value: unknown) => {
      const isText = name.isWellFormed() && (typeof value !== 'string' || value.isWellFormed());
      if (!isText || name === '__proto__') throw new SyntaxError('no text');
      return value;
    });
    if (hasNameTwice(text)) throw new SyntaxError('a name twice');
    return value;
  } catch {
    throw Object.assign(new Error('the body is not JSON'), { statusCode: 400, code: BODY_NOT_JSON });
  }
}

/** JSON.parse keeps only the last of two equal names; whoever looked at the request before us may have kept the first. */
function hasNameTwice(json: string): boolean {
  const open: Set<string>[] = [];
  for (const [token, name, colon] of json.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|[{}]/g)) {
    if (token === '{') open.push(new Set());
    if (token === '}') open.pop();
    if (name === undefined || colon === undefined) continue;
    const [names, text] = [open.at(-1), String(JSON.parse(name))];
    if (names?.has(text)) return true;
    names?.add(text);
  }
  return false;
}
