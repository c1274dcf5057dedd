import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { startPostgres } from '../scripts/postgres.js';
import { PATHS } from '../src/oauth/metadata.js';
import type { BareSettings, Model } from './bare-server.js';
import { formRequest, getRequest, openConnection } from './connection.js';
import { measureStart, type Started } from './measure.js';
import { COST, openPeople, PASSWORD, SECRET } from './people.js';
import { type Build, serve, TODAY } from './server.js';
import { basic, type Target } from './target.js';

/** Builds of mintd. `mintd` is held against the floor, `today` is the same build, started anew beside the baseline. */
export type BuildName = 'mintd' | 'today' | 'baseline';

/** What can be measured: mintd on its databases, and what does one thing of what mintd does and nothing else. */
export type SubjectName = BuildName | `${BuildName} on PostgreSQL` | 'floor' | 'bare JWKS' | 'bare bcrypt';

/** A database with users and clients, in a folder that also gets the keys, and where a server on it is asked for what. */
export type Prepared = {
  readonly folder: string;
  readonly url: string;
  targetAt(baseUrl: string): Target;
};

/** A build of mintd, and the way to prepare a database for it: SQLite in a new folder, where nothing is given. */
export type Installation = {
  readonly build: Build;
  prepare(given?: { readonly folder?: string; readonly url?: string }): Promise<Prepared>;
};

/** A server that runs. */
export type Subject = {
  readonly target: Target;
  /** Whose descendants' processor time and memory count as the server's. */
  readonly pids: readonly number[];
  /** The newest refresh token of each visitor, from one measurement to the next. */
  readonly tokens: (string | null)[];
};

/** Comparisons a second in a stretch of so many seconds. */
export type BareBcrypt = { readonly pid: number; count(seconds: number): Promise<number> };

/** Starts each server when it is first asked for; they stay, for a server without requests uses no processor. */
export type Subjects = {
  get(name: Exclude<SubjectName, 'bare bcrypt'>): Promise<Subject>;
  bcrypt(): Promise<BareBcrypt>;
  /**
   * Prepares a build and its database; what is returned starts and stops it once more.
   *
   * @param restMs between the moment it listens and the look at its memory
   */
  starter(name: BuildName, restMs: number): Promise<() => Promise<Started>>;
  stop(): Promise<void>;
};

const USERS = 32;
const SETTINGS = { BCRYPT_COST: String(COST) };

/** Where an installation of bench/people.ts is, and who may ask it for what. */
export function mintdTarget(baseUrl: string): Target {
  return {
    baseUrl,
    tokenPath: PATHS.token,
    jwksPath: PATHS.jwks,
    revokePath: PATHS.revoke,
    introspectPath: PATHS.introspect,
    auth: 'none',
    clientId: 'bench',
    username: 'user{n}',
    userCount: USERS,
    password: PASSWORD,
    clientCredentials: { clientId: 'service', clientSecret: SECRET },
  };
}

/** The people whom mintdTarget speaks of. */
export async function addPeople(given?: { readonly folder?: string; readonly url?: string }) {
  const people = await openPeople(given);
  for (let i = 0; i < USERS; i++) await people.add(`user${i}`);
  await people.database.close();
  return people;
}

/** Today's build, on a Node. */
export function today(node: string = TODAY.node): Installation {
  const prepare = async (given?: { readonly folder?: string; readonly url?: string }) => {
    const { folder, url } = await addPeople(given);
    return { folder, url, targetAt: mintdTarget };
  };
  return { build: { ...TODAY, node }, prepare };
}

/** @param beside what is held against the baseline, and the baseline; null: neither can be asked for */
export function openSubjects(beside: Readonly<Record<'today' | 'baseline', Installation>> | null = null): Subjects {
  const stops: (() => Promise<unknown>)[] = [];
  const started = new Map<SubjectName, Promise<Subject>>();
  let bcrypt: Promise<BareBcrypt> | null = null;
  const starts: Record<Exclude<SubjectName, 'bare bcrypt'>, () => Promise<Subject>> = {
    mintd: () => startOnSqlite(installationOf('mintd'), stops),
    today: () => startOnSqlite(installationOf('today'), stops),
    baseline: () => startOnSqlite(installationOf('baseline'), stops),
    'mintd on PostgreSQL': () => startOnPostgres(installationOf('mintd'), stops),
    'today on PostgreSQL': () => startOnPostgres(installationOf('today'), stops),
    'baseline on PostgreSQL': () => startOnPostgres(installationOf('baseline'), stops),
    floor: async () => startFloor(await get('mintd'), stops),
    'bare JWKS': async () => get('floor'),
  };
  function installationOf(name: BuildName): Installation {
    const installation = name === 'mintd' ? today() : beside?.[name];
    if (installation === undefined) throw new Error('the baseline was not opened');
    return installation;
  }
  function get(name: Exclude<SubjectName, 'bare bcrypt'>): Promise<Subject> {
    const subject = started.get(name) ?? starts[name]();
    started.set(name, subject);
    return subject;
  }
  return {
    get,
    bcrypt() {
      bcrypt ??= startBcrypt(stops);
      return bcrypt;
    },
    starter: (name, restMs) => openStarter(installationOf(name), restMs, stops),
    async stop() {
      for (const stop of stops.splice(0).reverse()) await stop();
    },
  };
}

async function startOnSqlite(installation: Installation, stops: (() => Promise<unknown>)[]): Promise<Subject> {
  const { folder, url, targetAt } = await installation.prepare();
  stops.push(() => rm(folder, { recursive: true, force: true }));
  const server = await serve(folder, url, SETTINGS, installation.build);
  stops.push(server.stop);
  return { target: targetAt(server.url), pids: [server.pid], tokens: [] };
}

/** On a PostgreSQL of its own, as in production: what was answered is on the disk. */
async function startOnPostgres(installation: Installation, stops: (() => Promise<unknown>)[]): Promise<Subject> {
  const postgres = await startPostgres({ fsync: 'on' });
  stops.push(postgres.stop);
  const folder = await mkdtemp(join(tmpdir(), 'mintd-bench-'));
  stops.push(() => rm(folder, { recursive: true, force: true }));
  const { targetAt } = await installation.prepare({ folder, url: postgres.url });
  const server = await serve(folder, postgres.url, SETTINGS, installation.build);
  stops.push(server.stop);
  return { target: targetAt(server.url), pids: [server.pid, postgres.pid()], tokens: [] };
}

async function openStarter(installation: Installation, restMs: number, stops: (() => Promise<unknown>)[]) {
  const { folder, url } = await installation.prepare();
  stops.push(() => rm(folder, { recursive: true, force: true }));
  const start = () => serve(folder, url, SETTINGS, installation.build);
  // The first start makes the keys.
  await (await start()).stop();
  return () => measureStart(start, restMs);
}

/** One of the processes in this folder. */
function forkBare(file: string, stops: (() => Promise<unknown>)[]) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), { stdio: 'inherit' });
  stops.push(async () => {
    const exit = once(child, 'exit');
    child.disconnect();
    await exit;
  });
  return child;
}

/** What a server answers to the same requests, so that the floor sends as many bytes. */
async function modelsOf({ target }: Subject): Promise<BareSettings> {
  const { baseUrl, tokenPath, jwksPath } = target;
  const connection = openConnection(baseUrl);
  const modelOf = async (form: Readonly<Record<string, string>>, authorization?: string): Promise<Model> => {
    const { body } = await connection.send(formRequest(baseUrl + tokenPath, form, authorization));
    const { access_token: token, refresh_token: _, ...answer } = JSON.parse(body);
    return { header: decodeProtectedHeader(token) as Model['header'], claims: decodeJwt(token), answer };
  };
  const user = await modelOf({ grant_type: 'password', client_id: 'bench', username: 'user0', password: PASSWORD });
  const client = await modelOf({ grant_type: 'client_credentials' }, basic('service', SECRET));
  const { head, body } = await connection.send(getRequest(baseUrl + jwksPath));
  connection.close();
  const lines = head
    .split('\r\n')
    .slice(1)
    .map((line) => line.split(/: */, 2) as [string, string]);
  // Those that Node adds by itself.
  const added = ['date', 'connection', 'keep-alive', 'content-length'];
  const headers = Object.fromEntries(lines.filter(([name]) => !added.includes(name.toLowerCase())));
  return { user, client, get: { headers, body } };
}

async function startFloor(mintd: Subject, stops: (() => Promise<unknown>)[]): Promise<Subject> {
  const child = forkBare('bare-server.ts', stops);
  child.send(await modelsOf(mintd));
  const [port] = await once(child, 'message');
  const target = { ...mintd.target, baseUrl: `http://127.0.0.1:${port}` };
  return { target, pids: [child.pid ?? 0], tokens: [] };
}

async function startBcrypt(stops: (() => Promise<unknown>)[]): Promise<BareBcrypt> {
  const child = forkBare('bare-bcrypt.ts', stops);
  const count = async (seconds: number) => {
    child.send(seconds);
    const [perSecond] = await once(child, 'message');
    return Number(perSecond);
  };
  await count(0.2);
  return { pid: child.pid ?? 0, count };
}
