import swaggerUi from '@fastify/swagger-ui';
import type { FastifyError, FastifyInstance } from 'fastify';
import { PATHS } from '../oauth/metadata.js';
import { handleError } from './errors.js';

export type DocsOptions = {
  /** As configured; browsers find the page below its path. */
  readonly issuer: string;
};

/** All that the page needs comes from here, and it may ask nobody else. */
const CONTENT_SECURITY_POLICY = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'connect-src': "'self'",
  'form-action': "'none'",
  'base-uri': "'none'",
  'frame-ancestors': "'none'",
};

/** GET /docs: Swagger UI, whose Authorize button logs in at /token. */
export async function docsPage(app: FastifyInstance, { issuer }: DocsOptions): Promise<void> {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    // How a file may not be asked for is nobody's business: it is not there.
    if (error.statusCode !== undefined && error.statusCode < 500) return reply.callNotFound();
    return handleError(error, request, reply);
  });
  await app.register(swaggerUi, {
    routePrefix: PATHS.docs,
    indexPrefix: new URL(issuer).pathname,
    staticCSP: CONTENT_SECURITY_POLICY,
    theme: { title: 'mintd' },
    // Without the bar on top, which could show the descriptions of others.
    uiConfig: { layout: 'BaseLayout', persistAuthorization: false, defaultModelsExpandDepth: -1 },
  });
}
