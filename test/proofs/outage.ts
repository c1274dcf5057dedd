import type { Test } from 'tap';
import { type OwnPostgres, startPostgres } from '../../scripts/postgres.js';
import {
  type Chain,
  type Cluster,
  generationOf,
  logIn,
  patientClient,
  refresh,
  type Server,
  startCluster,
} from './cluster.js';
import { type Kind, type Load, type Slowest, startLoad } from './load.js';
import { SOAK } from './soak.js';

/** What is promised, beside what the same took on this machine before anything happened. */
const WITHIN_MS = 3_000;
/** So many that they stand in line for the server's connections to the database. */
const CHAINS = 32;
const LOGINS = 2;
/** How often each client is served before the first outage, and after each. */
const STEPS = 4;
const ROUNDS = SOAK;

/** Clients at work on a server, and their slowest answers while all was well. */
export type Scene = {
  readonly cluster: Cluster;
  readonly server: Server;
  readonly load: Load;
  readonly well: Slowest;
};

/** What happens to the database, and how it ends. Both resolve when it has happened. */
export type Outage = {
  readonly begin: () => unknown;
  readonly end: () => unknown;
  /** What cannot be served meanwhile; all that needs the database unless told otherwise. */
  readonly hits?: readonly Kind[];
};

/** Lets an outage come and go under load, and holds what everybody was answered. */
export async function goThrough(t: Test, { load, well }: Scene, what: string, outage: Outage): Promise<void> {
  const { begin, end, hits = ['refresh', 'login', 'readyz'] } = outage;
  for (let round = 0; round < ROUNDS; round++) {
    await begin();
    await load.untilUnavailable(2, hits);
    await end();
    await load.untilServed(STEPS);
    const slowest = load.takeSlowest();
    t.comment(`${what}: slowest ${JSON.stringify(slowest)}, before ${JSON.stringify(well)}`);
    const late = Object.entries(slowest).filter(([kind, ms]) => ms > WITHIN_MS + (well[kind] ?? 0));
    t.strictSame(late, [], `${what}: every request was answered in time`);
  }
  const { served, unavailable } = load.count;
  t.comment(`${what}: so far ${served} served, ${unavailable} times 503`);
  t.strictSame(load.wrong, [], `${what}: and served, or told to come back`);
}

/** Logins at work on a server of their own, whose way to the database may be another than the test's. */
export async function startScene(t: Test, cluster: Cluster, username: string, databaseUrl: string): Promise<Scene> {
  const server = await cluster.launch({ DATABASE_URL: databaseUrl });
  await cluster.addUser(username);
  const chains: Chain[] = [];
  // One after the other: only so many may wait under one name.
  for (let i = 0; i < CHAINS; i++) chains.push(await logIn(server.url, username));
  const load = startLoad(server.url, chains, username, LOGINS);
  t.teardown(() => load.stop());
  await load.untilServed(STEPS);
  return { cluster, server, load, well: load.takeSlowest() };
}

/** Nobody was logged out, nothing that was answered is lost, and every login is one chain. */
export async function finish(t: Test, { cluster, server, load }: Scene): Promise<void> {
  await load.stop();
  let broken = 0;
  for (const chain of load.chains) {
    if ((await generationOf(cluster, chain)) !== chain.answered.length - 1) broken++;
    await refresh(server.url, chain);
  }
  t.equal(broken, 0, `${load.chains.length} logins went through it, each of them one chain`);
  for (const chain of load.fresh) await refresh(server.url, chain);
  t.ok(load.fresh.length > 0, `${load.fresh.length} logins made meanwhile are all there`);
  const failures = server.lines.filter((line) => /"event":"(failure|crash)"/.test(line));
  t.strictSame([failures, server.stderr()], [[], ''], 'the server found no fault in itself');
  t.strictSame(await server.stop('SIGTERM'), { code: 0, signal: null });
}

/** A PostgreSQL server of the test's own, and what it takes to set servers to work on it. */
export async function startOwnCluster(t: Test): Promise<{ postgres: OwnPostgres; cluster: Cluster }> {
  const postgres = await startPostgres();
  t.teardown(() => postgres.stop());
  const clients = [patientClient()];
  const cluster = await startCluster(t, { provider: 'postgres', servers: 0, clients, databaseUrl: postgres.url });
  return { postgres, cluster };
}
