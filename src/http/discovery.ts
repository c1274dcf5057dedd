import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { CachedDocument } from '../keys/jwks.js';
import type { Signer } from '../keys/signer.js';
import { PATHS } from '../oauth/metadata.js';
import type { EpochMs } from '../oauth/time.js';
import { sendCached } from './cached.js';
import { answer, NOT_MODIFIED, publicSchema } from './route-schema.js';

export type DiscoveryOptions = {
  readonly metadata: CachedDocument;
  readonly signer: Pick<Signer, 'jwks' | 'jwksMaxAgeSeconds'>;
  readonly clock: () => EpochMs;
};

const JWK = z.strictObject({
  kty: z.literal('RSA'),
  use: z.literal('sig'),
  alg: z.literal('RS256'),
  kid: z.string().describe('Its thumbprint (RFC 7638).'),
  n: z.string(),
  e: z.string(),
});

const JWKS_SCHEMA = publicSchema(
  { summary: 'The public keys', description: 'RFC 7517. A key stands here long before its first signature.' },
  {
    200: answer('The keys.', z.strictObject({ keys: z.array(JWK) }), 'application/jwk-set+json'),
    304: NOT_MODIFIED,
  },
);

const METADATA_SCHEMA = publicSchema(
  { summary: 'What this server can do, and where', description: 'RFC 8414.' },
  {
    200: answer('The metadata.', z.looseObject({ issuer: z.url(), token_endpoint: z.url(), jwks_uri: z.url() })),
    304: NOT_MODIFIED,
  },
);

/** What anyone may know: the public keys (RFC 7517) and the metadata (RFC 8414), to be cached and read from any page. */
export async function discoveryEndpoints(app: FastifyInstance, options: DiscoveryOptions): Promise<void> {
  const { metadata, signer, clock } = options;
  app.get(PATHS.jwks, { schema: JWKS_SCHEMA }, async (request, reply) => {
    const caching = { type: 'application/jwk-set+json', maxAgeSeconds: signer.jwksMaxAgeSeconds() };
    return sendCached(request, reply, signer.jwks(clock()), caching);
  });
  for (const path of [PATHS.authorizationServerMetadata, PATHS.openidConfiguration]) {
    app.get(path, { schema: METADATA_SCHEMA }, async (request, reply) => {
      const caching = { type: 'application/json', maxAgeSeconds: signer.jwksMaxAgeSeconds() };
      return sendCached(request, reply, metadata, caching);
    });
  }
}
