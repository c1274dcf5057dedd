import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { listenOnFreePort } from '../ports.js';

const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** How a process ended. */
export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/** A process of the real program. */
export type Mintd = {
  readonly child: ChildProcess;
  /** The lines of stdout so far. */
  readonly lines: string[];
  /** All of stderr so far. */
  readonly stderr: () => string;
  /** Resolves when the process has ended and its output has been read to the end. */
  readonly exit: Promise<Exit>;
  /** Resolves with the first line of stdout, past or to come, that the pattern matches; rejects when none will come. */
  waitFor(pattern: RegExp): Promise<string>;
  /** Sends a signal and waits for the end. */
  stop(signal: NodeJS.Signals): Promise<Exit>;
};

/** Another main.js than the one that was built; a command that runs what follows it in its own process, as `env` does. */
export type Launch = { readonly program?: string; readonly before?: readonly string[] };

/**
 * Starts `mintd ARGS…` as a process of its own: nothing in its environment but what is given, in a folder of its own,
 * with nothing on stdin unless given. It is killed when the test ends.
 */
export function start(
  t: Test,
  folder: string,
  args: string,
  env: Record<string, string> = {},
  stdin: string | Buffer = '',
  { program = PROGRAM, before = [] }: Launch = {},
): Mintd {
  const [command = '', ...rest] = [...before, process.execPath, program, ...args.split(' ').filter(Boolean)];
  const child = spawn(command, rest, {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: folder, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(stdin);
  const watched = watchLines(child.stdout);
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const exit = once(child, 'close').then(([code, signal]): Exit => ({ code, signal }));
  const stop = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return exit;
  };
  t.teardown(async () => {
    if (child.exitCode === null && child.signalCode === null) await stop('SIGKILL');
  });
  const stderr = () => errors;
  const waitFor = async (pattern: RegExp) => {
    const line = await watched.find(pattern);
    if (line === null) throw new Error(`mintd ${args} ended without a line like ${pattern}:\n${errors}`);
    return line;
  };
  return { child, lines: watched.lines, stderr, exit, waitFor, stop };
}

/** Reads a stream line by line, and lets others wait for a line. */
function watchLines(stream: Readable) {
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  let ended = false;
  const wake = () => {
    for (const one of waiting) one();
    waiting.clear();
  };
  createInterface({ input: stream })
    .on('line', (line) => {
      lines.push(line);
      wake();
    })
    .on('close', () => {
      ended = true;
      wake();
    });
  async function find(pattern: RegExp): Promise<string | null> {
    for (;;) {
      const found = lines.find((line) => pattern.test(line));
      if (found !== undefined || ended) return found ?? null;
      await new Promise<void>((resolve) => waiting.add(resolve));
    }
  }
  return { lines, find };
}

/** Runs a command that ends by itself. */
export async function run(
  t: Test,
  folder: string,
  args: string,
  env?: Record<string, string>,
  stdin?: string | Buffer,
) {
  const mintd = start(t, folder, args, env, stdin);
  const { code } = await mintd.exit;
  return { code, out: mintd.lines.map((line) => `${line}\n`).join(''), err: mintd.stderr() };
}

/** Starts a server on a free port and waits until it listens. */
export async function serve(t: Test, folder: string, env: Record<string, string> = {}, program = PROGRAM) {
  const mintd = start(t, folder, 'serve', { HOST: '127.0.0.1', PORT: '0', BCRYPT_COST: '10', ...env }, '', { program });
  const url = await addressOf(mintd);
  return { ...mintd, url };
}

/** Where a starting server listens, as soon as it does. */
export async function addressOf(mintd: Mintd): Promise<string> {
  const line = await mintd.waitFor(/mintd listens on http/);
  return /http:\/\/[^"\s]+/.exec(line)?.[0] ?? '';
}

export type Answer = { readonly status: number; readonly body: Record<string, unknown> };

/** POST /token with a form. Rejects when the connection breaks. */
export async function postToken(url: string, parameters: Record<string, string>): Promise<Answer> {
  const reply = await fetch(`${url}/token`, { method: 'POST', body: new URLSearchParams(parameters) });
  return { status: reply.status, body: (await reply.json()) as Record<string, unknown> };
}

/** A port nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listenOnFreePort(server);
  server.close();
  await once(server, 'close');
  return port;
}

/** A stretch of cable to a database, which the test can cut. */
export async function cable(
  t: Test,
  databaseUrl: string,
): Promise<{ url: string; cut(): void; mend(): Promise<void> }> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket
        .on('error', () => undefined)
        .on('close', () => {
          sockets.delete(socket);
          other.destroy();
        });
      socket.pipe(other);
    }
  });
  const port = await listenOnFreePort(server);
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  const cut = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  const mend = async () => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  t.teardown(cut);
  return { url: url.href, cut, mend };
}
