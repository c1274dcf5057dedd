import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { TrustedProxies } from '../oauth/trusted-proxies.js';
import { proxyTest } from './sender.js';

/** As proxies write it: a UUID, hexadecimal digits, an ULID. It ends up in logs, so it is short and of few characters. */
const WELL_FORMED = /^[\w.-]{1,64}$/;

/**
 * Names each request: as a trusted proxy did in `X-Request-Id`, so that its log and ours can be laid side by side, and
 * else anew. Nobody else chooses what stands in the log.
 */
export function requestIds(proxies: TrustedProxies): (raw: Pick<IncomingMessage, 'headers' | 'socket'>) => string {
  const isProxy = proxyTest(proxies);
  return ({ headers, socket }) => {
    const given = headers['x-request-id'];
    if (typeof given !== 'string' || !WELL_FORMED.test(given)) return randomUUID();
    return isProxy(socket.remoteAddress) ? given : randomUUID();
  };
}

/** Every answer says by which name its request is in the log. */
export function sayRequestIds(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    done();
  });
}
