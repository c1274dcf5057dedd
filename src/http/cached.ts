import type { FastifyReply, FastifyRequest } from 'fastify';
import fresh from 'fresh';
import type { CachedDocument } from '../keys/jwks.js';

/**
 * Sends a document that caches may keep: with its entity tag, and as 304 without a body to whoever has it already
 * (RFC 9110 §13.1.2, §15.4.5). Anyone may read it, from any page.
 */
export function sendCached(
  request: FastifyRequest,
  reply: FastifyReply,
  { text, etag }: CachedDocument,
  { type, maxAgeSeconds }: { readonly type: string; readonly maxAgeSeconds: number },
): FastifyReply {
  reply.headers({
    'cache-control': `public, max-age=${maxAgeSeconds}`,
    etag,
    'access-control-allow-origin': '*',
  });
  return fresh(request.headers, { etag }) ? reply.code(304).send() : reply.type(type).send(text);
}
