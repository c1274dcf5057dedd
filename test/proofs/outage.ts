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
import { type Kind, type Load, startLoad } from './load.js';
import { SOAK } from './soak.js';

/** What is promised, on a machine that answers everybody in a second before anything happens; to a slower one, more. */
const WITHIN_MS = 3_000;
const WELL_WITHIN_MS = 1_000;
const SLOWEST_MACHINE = 3;
/** So many that they stand in line for the server's connections to the database. */
const CHAINS = 32;
const LOGINS = 2;
/** How often each client is served before the first outage, and after each. */
const STEPS = 4;
const ROUNDS = SOAK;

/** Clients at work on a server, and how long they may wait for an answer, whatever happens. */
export type Scene = {
  readonly cluster: Cluster;
  readonly server: Server;
  readonly load: Load;
  readonly withinMs: number;
};

/** What happens to the database, and how it ends. Both resolve when it has happened. */
export type Outage = {
  readonly begin: () => unknown;
  readonly end: () => unknown;
  /** What cannot be served meanwhile; all that needs the database unless told otherwise. */
  readonly hits?: readonly Kind[];
};

/** Lets an outage come and go under load, and holds what everybody was answered. */
export async function goThrough(t: Test, { load, withinMs }: Scene, what: string, outage: Outage): Promise<void> {
  const { begin, end, hits = ['refresh', 'login', 'readyz'] } = outage;
  for (let round = 0; round < ROUNDS; round++) {
    await begin();
    await load.untilUnavailable(2, hits);
    await end();
    await load.untilServed(STEPS);
    const { ms, what: slow } = load.takeSlowest();
    t.comment(`${what}: slowest ${ms} ms of ${Math.round(withinMs)} (${slow})`);
    t.ok(ms <= withinMs, `${what}: every request was answered in time`);
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
  const slowness = load.takeSlowest().ms / WELL_WITHIN_MS;
  return { cluster, server, load, withinMs: WITHIN_MS * Math.min(SLOWEST_MACHINE, Math.max(1, slowness)) };
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
