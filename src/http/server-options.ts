import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyHttpOptions, FastifyInstance } from 'fastify';
import type { TrustedProxies } from '../oauth/trusted-proxies.js';

const BODY_LIMIT_BYTES = 16 * 1024;
/** All headers of a request together. */
const HEADERS_LIMIT_BYTES = 16 * 1024;
/** From the first byte to the last; for a connection that says nothing, from its beginning. */
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** How late those two may be noticed. */
const TIMEOUTS_CHECKED_EVERY_MS = 1_000;
/** Nobody reads the answer, though there is one: longer than anything here takes. */
const SILENCE_TIMEOUT_MS = 30_000;
/** Longer than the 60 s proxies keep a connection for, so that the proxy closes it and no request meets a closed one. */
const KEEP_ALIVE_TIMEOUT_MS = 72_000;
/** With the answer to the last one the connection is closed; what was sent after it, without waiting, is not worked for. */
const REQUESTS_PER_CONNECTION = 1_000;

const CLIENT_ERRORS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** What holds for connections and requests before anything of ours sees them: each has a size and a time. */
export function serverOptions(trustedProxies: TrustedProxies) {
  return {
    bodyLimit: BODY_LIMIT_BYTES,
    trustProxy: trustOf(trustedProxies),
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: SILENCE_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    maxRequestsPerSocket: REQUESTS_PER_CONNECTION,
    // What still comes on a connection while the server stops is served, and the connection closed with it (src/http/guards.ts).
    return503OnClosing: false,
    http: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUTS_CHECKED_EVERY_MS,
      maxHeaderSize: HEADERS_LIMIT_BYTES,
    },
    forceCloseConnections: 'idle',
    // A request that is not HTTP: its bytes may be anything, so they are neither logged nor answered at length.
    clientErrorHandler: ({ code }, socket) => {
      const status = CLIENT_ERRORS[code ?? ''] ?? '400 Bad Request';
      if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    },
  } as const satisfies FastifyHttpOptions<Server>;
}

/**
 * So many connections are kept; one more is closed at once. When that happens, connections that ask for nothing make room
 * for the next ones: whoever keeps very many open shuts nobody out.
 */
export function boundConnections({ server }: FastifyInstance, maxConnections: number): void {
  server.maxConnections = maxConnections;
  server.on('drop', () => server.closeIdleConnections());
  // Node says so in that answer too, and then leaves it to the client, who may go on for ever.
  const requests = new WeakMap<Socket, number>();
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const count = (requests.get(socket) ?? 0) + 1;
    requests.set(socket, count);
    if (count === REQUESTS_PER_CONNECTION) response.setHeader('connection', 'close');
  });
}

/** A proxy that is trusted adds the address of whoever talks to it; the last of so many is the client's. */
function trustOf(proxies: TrustedProxies): string[] | ((address: string, hop: number) => boolean) {
  return typeof proxies === 'number' ? (_address, hop) => hop < proxies : [...proxies];
}
