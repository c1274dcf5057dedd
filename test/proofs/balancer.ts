import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import type { Test } from 'tap';
import { listenOnFreePort } from '../ports.js';

const PROBE_MS = 100;

/** A proxy in front of several servers: each request goes to the next of them, whichever connection it came on. */
export type Balancer = {
  readonly url: string;
  add(url: string): void;
  /** Who gets requests at present. One that breaks a connection does not any more. */
  readonly targets: readonly string[];
  /** How many requests each server has answered. */
  readonly answered: ReadonlyMap<string, number>;
  /** How many a server is working on. */
  working(url: string): number;
  /** Resolves as soon as a server is working on so many at once. */
  untilWorking(url: string, count: number): Promise<void>;
};

/** One request on its way through. */
type Passage = { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse; readonly body: string };

/** Starts one, gone with the test. It keeps connections alive on both sides. */
export async function startBalancer(t: Test, urls: readonly string[]): Promise<Balancer> {
  const targets = [...urls];
  const answered = new Map<string, number>();
  const working = new Map<string, number>();
  const waiting = new Set<() => void>();
  const agent = new Agent({ keepAlive: true });
  let turn = 0;

  const count = (target: string, by: number) => {
    working.set(target, (working.get(target) ?? 0) + by);
    for (const look of waiting) look();
  };
  const takeOut = (target: string) => {
    if (targets.includes(target)) targets.splice(targets.indexOf(target), 1);
  };

  function pass({ incoming, outgoing, body }: Passage): void {
    const target = targets[turn++ % targets.length];
    if (target === undefined) return void outgoing.destroy();
    const { method, url = '/', headers } = incoming;
    const { connection: _, ...others } = headers;
    const sent = request(new URL(url, target), { ...(method && { method }), headers: others, agent });
    count(target, 1);
    sent.on('response', (answer) => {
      const { connection: _, ...rest } = answer.headers;
      outgoing.writeHead(answer.statusCode ?? 502, rest);
      answer.pipe(outgoing);
      answer.on('end', () => answered.set(target, (answered.get(target) ?? 0) + 1));
      answer.on('error', () => outgoing.destroy());
    });
    sent.on('close', () => count(target, -1));
    sent.on('error', (error) => {
      takeOut(target);
      // Where nobody listens nothing was done, so the next one may. Otherwise only the client knows what it wants.
      if ('code' in error && error.code === 'ECONNREFUSED') pass({ incoming, outgoing, body });
      else outgoing.destroy();
    });
    sent.end(body);
  }

  const server = createServer((incoming, outgoing) => {
    text(incoming).then(
      (body) => pass({ incoming, outgoing, body }),
      () => outgoing.destroy(),
    );
  });
  const port = await listenOnFreePort(server);
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
    agent.destroy();
  });
  return {
    url: `http://127.0.0.1:${port}`,
    add: (url) => void targets.push(url),
    targets,
    answered,
    working: (url) => working.get(url) ?? 0,
    untilWorking(url, wanted) {
      return new Promise((resolve) => {
        const look = () => {
          if ((working.get(url) ?? 0) < wanted) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      });
    },
  };
}

/** Asks servers all the time whether they are ready, as whatever sends them requests does. Resolves with complaints. */
export function watchReadiness(urls: readonly string[]): { stop(): Promise<readonly string[]> } {
  const complaints: string[] = [];
  let isOver = false;
  const watch = async (url: string) => {
    while (!isOver) {
      const reply = await fetch(`${url}/readyz`);
      const body = await reply.text();
      if (reply.status !== 200) complaints.push(body);
      await pause(PROBE_MS);
    }
  };
  const watching = Promise.all(urls.map(watch));
  return {
    async stop() {
      isOver = true;
      await watching;
      return complaints;
    },
  };
}
