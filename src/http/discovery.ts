import type { FastifyInstance } from 'fastify';
import type { CachedDocument } from '../keys/jwks.js';
import type { Signer } from '../keys/signer.js';
import { PATHS } from '../oauth/metadata.js';
import type { EpochMs } from '../oauth/time.js';
import { sendCached } from './cached.js';

export type DiscoveryOptions = {
  readonly metadata: CachedDocument;
  readonly signer: Pick<Signer, 'jwks' | 'jwksMaxAgeSeconds'>;
  readonly clock: () => EpochMs;
};

/** What anyone may know: the public keys (RFC 7517) and the metadata (RFC 8414), to be cached and read from any page. */
export async function discoveryEndpoints(app: FastifyInstance, options: DiscoveryOptions): Promise<void> {
  const { metadata, signer, clock } = options;
  app.get(PATHS.jwks, async (request, reply) => {
    const caching = { type: 'application/jwk-set+json', maxAgeSeconds: signer.jwksMaxAgeSeconds() };
    return sendCached(request, reply, signer.jwks(clock()), caching);
  });
  for (const path of [PATHS.authorizationServerMetadata, PATHS.openidConfiguration]) {
    app.get(path, async (request, reply) => {
      const caching = { type: 'application/json', maxAgeSeconds: signer.jwksMaxAgeSeconds() };
      return sendCached(request, reply, metadata, caching);
    });
  }
}
