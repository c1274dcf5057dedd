import type { FastifyInstance } from 'fastify';
import { PATHS } from '../oauth/metadata.js';

/** What readiness rests on; true is good. */
export type Readiness = { readonly database: boolean; readonly schema: boolean; readonly keys: boolean };

export type HealthOptions = { readonly readiness: () => Promise<Readiness> };

/** GET /livez: the process answers. GET /readyz: it can do its work. */
export async function healthEndpoints(app: FastifyInstance, { readiness }: HealthOptions): Promise<void> {
  const headers = { 'cache-control': 'no-store' };
  app.get(PATHS.livez, async (_request, reply) => reply.headers(headers).send({ status: 'live' }));
  app.get(PATHS.readyz, async (_request, reply) => {
    const checks = await readiness();
    const ready = Object.values(checks).every(Boolean);
    return reply
      .code(ready ? 200 : 503)
      .headers(ready ? headers : { ...headers, 'retry-after': '1' })
      .send({ status: ready ? 'ready' : 'not ready', checks });
  });
}
