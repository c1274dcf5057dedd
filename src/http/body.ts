import type { FastifyInstance } from 'fastify';
import { collectParameters, type Pair, parseForm, parseJson, type RequestParameters } from '../oauth/parameters.js';
import { type Result, refuse } from '../oauth/result.js';

/** What a body becomes: its parameters, or the reason why it has none. */
export type ParsedBody = Result<RequestParameters>;

/**
 * Reads forms and flat JSON into parameters, in place of Fastify's own parsers: those lose repetitions and turn names
 * into object members.
 */
export function parseOAuthBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const formats = { 'application/x-www-form-urlencoded': parseForm, 'application/json': parseJson };
  for (const [contentType, parse] of Object.entries(formats)) {
    app.addContentTypeParser(contentType, { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) =>
      parametersOf(body, parse),
    );
  }
}

function parametersOf(body: Buffer, parse: (text: string) => Result<readonly Pair[]>): ParsedBody {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return refuse({ reason: 'body_malformed' });
  }
  const pairs = parse(text);
  return pairs.ok ? collectParameters(pairs.value) : pairs;
}

/** The parameters of a request; one without a body has said nothing in a way mintd reads. */
export function parametersIn(body: unknown): ParsedBody {
  return body === undefined ? refuse({ reason: 'content_type_unsupported' }) : (body as ParsedBody);
}
