// kill -9 in a loop under load, with a journal kept by the clients: no consumed token is alive outside the retry rule, no
// answered token is lost. SQLite: the one server is killed and started again. PostgreSQL: of two servers one is killed
// again and again, while its clients go on with the other.
import t, { type Test } from 'tap';
import { PROVIDERS } from '../helper.js';
import {
  type Chain,
  type Cluster,
  generationOf,
  logIn,
  nth,
  Progress,
  patientClient,
  refresh,
  refreshRequest,
  type Server,
  startCluster,
  strictClient,
  tokenIn,
  troubleOf,
} from './cluster.js';
import { SOAK } from './soak.js';
import { send } from './wire.js';

const ROUNDS = 3 * SOAK;
const BUSY = 3;
/** How often each busy login is refreshed before a kill, and again after it. */
const STEPS = 6;

/** The servers that are up, and what the busy clients live through. */
type World = {
  readonly cluster: Cluster;
  /** The one that is killed comes first; the other, if there is one, never stops. */
  readonly up: Map<number, Server>;
  readonly progress: Progress;
  readonly busy: Chain[];
  /** Answers that were lost with the server. */
  lost: number;
  /** Between two rounds the busy clients rest, so that what is checked meanwhile is not slowed down. */
  isResting: boolean;
  isOver: boolean;
};

/** Refreshes all the time. When the connection breaks it sends the same token again, wherever somebody listens. */
async function keepRefreshing(world: World, chain: Chain, first: number): Promise<void> {
  for (let i = first; !world.isOver; i++) {
    await world.progress.until(() => world.isOver || (world.up.size > 0 && !world.isResting));
    if (world.isOver) return;
    const servers = [...world.up.values()];
    const url = servers[i % servers.length]?.url ?? '';
    const reply = await send(url, refreshRequest(nth(chain))).catch(() => null);
    if (reply === null) world.lost++;
    else chain.answered.push(tokenIn(reply));
    world.progress.tick();
  }
}

/** What happens on the server that is going to be killed, up to the kill. */
type Round = {
  readonly url: string;
  /** Within the retry window: refreshed up to the kill; then somebody uses a token from before the last two. */
  readonly robbed: readonly Chain[];
  /** Without retry, refreshed up to the kill. */
  readonly strict: readonly Chain[];
  /** Without retry, at rest when the server dies: the newest token works, and no other. */
  readonly resting: readonly Chain[];
  /** Logged in under load; nothing more. */
  readonly fresh: Chain[];
  /** Logged in and revoked under load. */
  readonly revoked: Chain[];
};

async function refreshUntilKilled(world: World, url: string, chain: Chain): Promise<void> {
  for (;;) {
    const reply = await send(url, refreshRequest(nth(chain), chain.clientId)).catch(() => null);
    if (reply === null) break;
    chain.answered.push(tokenIn(reply));
    world.progress.tick();
  }
  world.lost++;
}

async function comeAndGoUntilKilled({ progress }: World, { url, fresh, revoked }: Round): Promise<void> {
  try {
    for (;;) {
      fresh.push(await logIn(url, 'ada'));
      const goes = await logIn(url, 'ada');
      const { status } = await send(url, { path: '/revoke', form: { client_id: 'app', token: nth(goes) } });
      if (status === 200) revoked.push(goes);
      progress.tick();
    }
  } catch (error) {
    if (!/broke|ECONN/.test(String(error))) throw error;
  }
}

async function beginRound(url: string): Promise<Round> {
  const logins = (clientId: string, count: number) =>
    Promise.all(Array.from({ length: count }, () => logIn(url, 'ada', clientId)));
  const resting = await logins('strict', 3);
  for (const chain of resting) for (let i = 0; i < 3; i++) await refresh(url, chain);
  return { url, robbed: await logins('app', 2), strict: await logins('strict', 2), resting, fresh: [], revoked: [] };
}

/** Works on a server and kills it in the middle of it. */
async function workAndKill(t: Test, world: World, server: Server): Promise<Round> {
  const { progress, up } = world;
  const round = await beginRound(server.url);
  world.isResting = false;
  progress.tick();
  const work = [...round.robbed, ...round.strict].map((chain) => refreshUntilKilled(world, server.url, chain));
  work.push(comeAndGoUntilKilled(world, round));
  for (const one of work) progress.watch(one);
  const busyOnes = [...round.robbed, ...round.strict];
  await untilMoreSteps(world, () => busyOnes.every(({ answered }) => answered.length > 3) && round.revoked.length > 1);
  up.delete(0);
  t.strictSame(await server.stop('SIGKILL'), { code: null, signal: 'SIGKILL' });
  await Promise.all(work);
  if (up.size > 0) await untilMoreSteps(world);
  world.isResting = true;
  return round;
}

async function isRefused(t: Test, url: string, { clientId }: Chain, token: string, what: string): Promise<void> {
  t.match(await send(url, refreshRequest(token, clientId)), { status: 400, body: { error: 'invalid_grant' } }, what);
}

/** Waits until every busy login was refreshed some more. */
function untilMoreSteps({ busy, progress }: World, and: () => boolean = () => true): Promise<void> {
  const before = busy.map(({ answered }) => answered.length);
  return progress.until(() => busy.every(({ answered }, i) => answered.length >= (before[i] ?? 0) + STEPS) && and());
}

/** What must hold after the kill. */
async function check(t: Test, url: string, round: Round): Promise<void> {
  for (const chain of round.robbed) {
    await isRefused(t, url, chain, nth(chain, 2), 'a token from before the last two does not work');
    await isRefused(t, url, chain, nth(chain), 'and whoever tried ended the login');
  }
  for (const chain of round.strict) {
    await isRefused(t, url, chain, nth(chain, 1), 'a token whose successor was answered does not work');
  }
  const [kept, ...others] = round.resting;
  if (kept === undefined) throw new Error('nobody rests');
  await refresh(url, kept);
  t.equal(kept.answered.length, 5, 'without any retry, the newest token is the one that works');
  for (const [i, chain] of others.entries()) {
    await isRefused(t, url, chain, nth(chain, i + 1), 'and none before it');
  }
  for (const chain of round.fresh) await refresh(url, chain);
  t.ok(
    round.fresh.every(({ answered }) => answered.length === 2),
    'a login that was answered is there',
  );
  for (const chain of round.revoked) await isRefused(t, url, chain, nth(chain), 'a revocation that was answered holds');
}

/** One chain for each login that went through all of it. */
async function checkBusy(t: Test, { cluster, busy }: World): Promise<void> {
  for (const chain of busy) {
    t.equal(new Set(chain.answered).size, chain.answered.length, 'no token was answered twice as a new one');
    t.equal(await generationOf(cluster, chain), chain.answered.length - 1, 'every rotation was answered: one chain');
    for (const { url } of cluster.servers.slice(1)) await refresh(url, chain);
  }
}

t.setTimeout(600_000);

for (const provider of PROVIDERS) {
  const servers = provider === 'postgres' ? 2 : 1;
  t.test(`one of ${servers} server(s) on ${provider}: kill -9 under load, ${ROUNDS} times over`, async (t) => {
    const clients = [patientClient(), strictClient()];
    const cluster = await startCluster(t, { provider, servers, clients });
    await cluster.addUser('ada');
    let [victim] = cluster.servers;
    if (victim === undefined) throw new Error('no server');
    const { url } = victim;
    const busy = await Promise.all(Array.from({ length: BUSY }, () => logIn(url, 'ada')));
    const up = new Map(cluster.servers.entries());
    const world: World = { cluster, up, progress: new Progress(), busy, lost: 0, isResting: true, isOver: false };
    const working = world.progress.watch(Promise.all(busy.map((chain, i) => keepRefreshing(world, chain, i))));
    for (let i = 0; i < ROUNDS; i++) {
      const round = await workAndKill(t, world, victim);
      if (servers > 1) await check(t, cluster.servers[1]?.url ?? '', round);
      victim = await cluster.launch();
      if (servers === 1) await check(t, victim.url, round);
      world.up.set(0, victim);
    }
    world.isResting = false;
    world.progress.tick();
    await untilMoreSteps(world);
    world.isOver = true;
    world.progress.tick();
    await working;
    t.comment(`${busy.reduce((sum, { answered }) => sum + answered.length, 0)} refreshes, ${world.lost} answers lost`);
    t.ok(world.lost > 0, 'requests were under way when the server died');
    await checkBusy(t, world);
    t.strictSame(await victim.stop('SIGTERM'), { code: 0, signal: null });
    t.strictSame(troubleOf([...cluster.servers, victim]), [], 'no server had trouble');
  });
}
