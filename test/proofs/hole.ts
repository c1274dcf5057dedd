import { connect, createServer, type Socket } from 'node:net';
import type { Test } from 'tap';
import { listenOnFreePort } from '../ports.js';

/** A stretch of network before a database, in which packets can vanish without a word. */
export type Hole = {
  /** The database, by this way. */
  readonly url: string;
  /** From now on nothing gets through, in either direction. New connections are accepted, and never answered. */
  swallow(): void;
  /** From now on, what the database says comes so much later. */
  delay(ms: number): void;
  /** Everything gets through again, and what was held back arrives after all. */
  heal(): void;
  /** New connections get through again; those of before stay silent for ever. */
  forget(): void;
};

/** Puts a hole, closed at first, before a database; gone with the test. */
export async function startHole(t: Test, databaseUrl: string): Promise<Hole> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const held = new Set<() => void>();
  let isOpen = false;
  let delayMs = 0;
  const server = createServer({ pauseOnConnect: true }, (near) => {
    sockets.add(near.on('error', () => undefined));
    const begin = () => {
      const far = connect(Number(target.port), target.hostname);
      sockets.add(far.on('error', () => undefined));
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        from.on('data', (bytes) => {
          if (isOpen) hold(from, to, bytes);
          else if (delayMs > 0 && from === far) setTimeout(() => to.write(bytes), delayMs);
          else to.write(bytes);
        });
        from.on('close', () => {
          sockets.delete(from);
          if (!isOpen) to.destroy();
        });
      }
      near.resume();
    };
    if (isOpen) held.add(begin);
    else begin();
  });
  /** Keeps what came from one side, and stops listening to it. */
  function hold(from: Socket, to: Socket, bytes: Buffer): void {
    from.pause();
    held.add(() => {
      to.write(bytes);
      from.resume();
    });
  }
  const port = await listenOnFreePort(server);
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const swallow = () => {
    isOpen = true;
  };
  const delay = (ms: number) => {
    delayMs = ms;
  };
  const heal = () => {
    isOpen = false;
    for (const go of held) go();
    held.clear();
  };
  const forget = () => {
    isOpen = false;
    for (const socket of sockets) socket.removeAllListeners('data').pause();
    held.clear();
  };
  return { url: url.href, swallow, delay, heal, forget };
}
