import type { FastifyInstance } from 'fastify';
import type { Signer } from '../keys/signer.js';
import { metadata, PATHS } from '../oauth/metadata.js';
import type { EpochMs } from '../oauth/time.js';

export type DiscoveryOptions = {
  readonly issuer: string;
  readonly signer: Pick<Signer, 'jwks'>;
  readonly jwksMaxAgeSeconds: number;
  readonly clock: () => EpochMs;
};

/** What anyone may know: the public keys (RFC 7517) and the metadata (RFC 8414), to be cached and read from any page. */
export async function discoveryEndpoints(app: FastifyInstance, options: DiscoveryOptions): Promise<void> {
  const headers = {
    'cache-control': `public, max-age=${options.jwksMaxAgeSeconds}`,
    'access-control-allow-origin': '*',
  };
  const document = JSON.stringify(metadata(options.issuer));

  app.get(PATHS.jwks, async (_request, reply) =>
    reply.headers(headers).type('application/jwk-set+json').send(options.signer.jwks(options.clock())),
  );
  for (const path of [PATHS.authorizationServerMetadata, PATHS.openidConfiguration]) {
    app.get(path, async (_request, reply) => reply.headers(headers).type('application/json').send(document));
  }
}
