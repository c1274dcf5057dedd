import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type RequestListener, request } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { buffer } from 'node:stream/consumers';
import type { Test } from 'tap';
import { listenOnFreePort } from '../ports.js';

/** An answer of the issuer; null is one that gets lost on its way. */
export type Passed = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer } | null;

/** What becomes of a request for tokens; `forward` brings it to the issuer and has the answer. */
export type OnTheWay = (forward: () => Promise<Passed>) => Promise<Passed>;

/** Stands before the issuer, as a reverse proxy does, and can do to requests for tokens what networks do. */
export type ReverseProxy = {
  /** Where browsers find the issuer. */
  readonly url: string;
  /** Where the issuer really listens. */
  target: string;
  onTheWay: OnTheWay;
  /** Of the requests for tokens, how many there were, and how many at most at the same time. */
  readonly seen: { requests: number; now: number; most: number };
};

/** Nothing special happens. */
export const passOn: OnTheWay = (forward) => forward();

/** A private key and its certificate, as PEM. */
export type TlsIdentity = { readonly key: string; readonly cert: string };

/** Listens on a free port; with an identity, for https. */
export async function openReverseProxy(t: Test, identity?: TlsIdentity): Promise<ReverseProxy> {
  const pass: RequestListener = async (incoming, outgoing) => {
    const body = await buffer(incoming);
    const forward = () => ask(proxy.target, incoming, body);
    const answer = await (incoming.method === 'POST' && incoming.url === '/token' ? watched(forward) : forward());
    if (answer === null) return void outgoing.destroy();
    // A browser repeats by itself what it sent on a connection that it used before: none is used twice.
    outgoing.writeHead(answer.status, { ...answer.headers, connection: 'close' }).end(answer.body);
  };
  const server = identity === undefined ? createServer(pass) : createTlsServer(identity, pass);
  async function watched(forward: () => Promise<Passed>): Promise<Passed> {
    const { seen } = proxy;
    seen.requests += 1;
    seen.now += 1;
    seen.most = Math.max(seen.most, seen.now);
    return proxy.onTheWay(forward).finally(() => {
      seen.now -= 1;
    });
  }
  const port = await listenOnFreePort(server);
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const proxy: ReverseProxy = {
    url: `${identity === undefined ? 'http' : 'https'}://localhost:${port}`,
    target: '',
    onTheWay: passOn,
    seen: { requests: 0, now: 0, most: 0 },
  };
  return proxy;
}

/** The issuer's answer; null when there is none. */
async function ask(target: string, incoming: IncomingMessage, body: Buffer): Promise<Passed> {
  const outgoing = request(target + incoming.url, { method: incoming.method, headers: incoming.headers });
  outgoing.end(body);
  const [answer]: IncomingMessage[] = await once(outgoing, 'response');
  if (answer === undefined) return null;
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: await buffer(answer) };
}

/** Lets nobody through until so many have come. */
export function startGate(count: number): () => Promise<void> {
  let waiting = count;
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return () => {
    waiting -= 1;
    if (waiting === 0) open();
    return opened;
  };
}
