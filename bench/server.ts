import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A program to be measured, and the Node that runs it. */
export type Build = { readonly node: string; readonly program: string };

/** What `npm run build` made of the files here, on the Node that runs the bench. */
export const TODAY: Build = { node: process.execPath, program: 'dist/main.js' };

/** A server that runs, to be measured. */
export type Served = { readonly url: string; readonly pid: number; stop(): Promise<void> };

/**
 * Starts a build of mintd on a free port.
 *
 * @param more settings beside the usual ones
 */
export async function serve(
  folder: string,
  databaseUrl: string,
  more: Readonly<Record<string, string>> = {},
  { node, program }: Build = TODAY,
): Promise<Served> {
  const env = {
    PATH: process.env['PATH'],
    NODE_ENV: 'production',
    ISSUER: 'http://localhost',
    HOST: '127.0.0.1',
    PORT: '0',
    DATABASE_URL: databaseUrl,
    KEYS_DIR: join(folder, 'keys'),
    ...more,
  };
  const child: ChildProcess = spawn(node, [program, 'serve'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  const url = await new Promise<string>((resolve, reject) => {
    void exit.then(([code]) => reject(new Error(`mintd serve ended with ${code}`)));
    if (child.stdout === null) throw new Error('no stdout');
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => {
      const found = /mintd listens on (http:\/\/[^"\s]+)/.exec(line)?.[1];
      if (found === undefined) return;
      lines.close();
      resolve(found);
    });
  });
  // The log is read and dropped, which costs the measuring process next to nothing.
  child.stdout?.resume();
  return {
    url,
    pid: child.pid ?? 0,
    async stop() {
      child.kill('SIGTERM');
      await exit;
    },
  };
}
