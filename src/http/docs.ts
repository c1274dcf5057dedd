import type { FastifySwaggerUiOptions } from '@fastify/swagger-ui';
import type { FastifyError, FastifyInstance, FastifyPluginCallback } from 'fastify';
import { addressOfPath, DEMO } from '../oauth/first-steps.js';
import { PATHS } from '../oauth/metadata.js';
import { DOCS_STYLE, followColours, loginFirst } from './docs-plugin.js';
import { handleError } from './errors.js';
import { html, sendPage } from './page.js';

/** What @fastify/swagger-ui exports. */
export type SwaggerUi = { readonly default: FastifyPluginCallback<FastifySwaggerUiOptions> };

/** How to get it where it is not installed. */
export type HowToGet = { readonly command: string; readonly globalCommand: string };

export type DocsOptions = {
  /** As configured; browsers find the page below its path. */
  readonly issuer: string;
  readonly swaggerUi: { readonly module?: SwaggerUi; readonly missing?: HowToGet };
  /** Whether the login form starts with the demo client and user. */
  readonly hasDemo: boolean;
};

/** All that the page needs comes from this server, and the browser lets it ask no other. */
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

/** GET /docs: Swagger UI, whose Authorize button logs in at /token; where it is not installed, a page that says how to get it. */
export async function docsPage(app: FastifyInstance, options: DocsOptions): Promise<void> {
  const { issuer, swaggerUi, hasDemo } = options;
  const { module } = swaggerUi;
  if (module === undefined) return sayHowToGet(app, options);
  app.setErrorHandler((error: FastifyError, request, reply) => {
    // A file that may not be asked for is answered as one that is not there.
    if (error.statusCode !== undefined && error.statusCode < 500) return reply.callNotFound();
    return handleError(error, request, reply);
  });
  await app.register(module.default, {
    routePrefix: PATHS.docs,
    indexPrefix: new URL(issuer).pathname,
    staticCSP: CONTENT_SECURITY_POLICY,
    theme: { title: 'mintd', css: [{ filename: 'mintd.css', content: DOCS_STYLE }] },
    // Without the bar on top, which could show the descriptions of others.
    uiConfig: {
      layout: 'BaseLayout',
      persistAuthorization: false,
      defaultModelsExpandDepth: -1,
      plugins: [loginFirst, followColours],
    },
    ...(hasDemo && { initOAuth: DEMO_LOGIN }),
  });
}

/** Swagger UI knows only of the client; the user is for our plugin. */
const DEMO_LOGIN = { clientId: DEMO, username: DEMO };

function sayHowToGet(app: FastifyInstance, { issuer, swaggerUi: { missing } }: DocsOptions): void {
  const description = addressOfPath(new URL(issuer).pathname, PATHS.openapi);
  const body = html`<h1>mintd <small>${PATHS.docs}</small></h1>
<p>This page is Swagger UI, where you can try every endpoint. It is a package of its own, and it is not installed here.</p>
<h2>In the folder that mintd is installed in</h2>
<pre>${missing?.command ?? ''}</pre>
<h2>Where mintd was installed globally</h2>
<pre>${missing?.globalCommand ?? ''}</pre>
<p>Then start mintd again.</p>
<p class="soft">Everything else works without it, the description of the API too: <a href="${description}">${PATHS.openapi}</a></p>`;
  for (const path of [PATHS.docs, `${PATHS.docs}/`]) {
    app.get(path, { schema: { hide: true } }, async (_request, reply) => sendPage(reply, 'mintd: /docs', body));
  }
}
