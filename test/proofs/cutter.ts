import { connect, createServer, type Socket } from 'node:net';
import type { Test } from 'tap';
import { listenOnFreePort } from '../ports.js';
import { readReply, type WireReply } from './wire.js';

/** How much of an answer arrives before the connection is cut. */
export type Cut = 'nothing' | 'the head' | 'all but the last byte';

/** A proxy that passes every request on, and drops some of the answers. */
export type Cutter = {
  readonly url: string;
  /** Cuts the connections of the next `count` requests when the answer to them is on its way. */
  cutNext(count: number, cut?: Cut): void;
  /** The answers that were dropped, whole; each is there soon after its connection was cut. */
  readonly dropped: readonly Promise<WireReply>[];
};

/** Starts a proxy in front of a server, gone with the test. */
export async function startCutter(t: Test, target: string): Promise<Cutter> {
  const { hostname, port: targetPort } = new URL(target);
  const dropped: Promise<WireReply>[] = [];
  const plan: Cut[] = [];
  const server = createServer((near) => {
    const far = connect(Number(targetPort), hostname);
    near.on('error', () => undefined).pipe(far, { end: false });
    far.on('error', () => near.destroy());
    const cut = plan.shift();
    if (cut === undefined) far.pipe(near);
    else dropped.push(drop(near, far, cut));
  });
  const port = await listenOnFreePort(server);
  t.teardown(() => server.close());
  const cutNext = (count: number, cut: Cut = 'nothing') => {
    for (let i = 0; i < count; i++) plan.push(cut);
  };
  return { url: `http://127.0.0.1:${port}`, cutNext, dropped };
}

/** Cuts the client off; the server may go on, and what it answers is kept. */
async function drop(near: Socket, far: Socket, cut: Cut): Promise<WireReply> {
  const chunks: Buffer[] = [];
  far.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    if (cut === 'nothing') near.destroy();
  });
  const reply = await readReply(far);
  const bytes = Buffer.concat(chunks);
  if (cut === 'the head') near.end(bytes.subarray(0, bytes.indexOf('\r\n\r\n') + 4));
  if (cut === 'all but the last byte') near.end(bytes.subarray(0, -1));
  return reply;
}
