// Several servers on one PostgreSQL, behind a proxy that sends each request to the next of them: for whoever comes from
// outside they are one issuer, also while one of them dies, and while all are replaced by a newer version.
import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { RING_POLL_SECONDS } from '../../src/oauth/key-ring.js';
import { openFamilies } from '../../src/store/families.js';
import { emptyCommandLine } from '../cli/harness.js';
import { postToken } from '../process/harness.js';
import { aFamily, hashOf } from '../store/support.js';
import { type Balancer, startBalancer, watchReadiness } from './balancer.js';
import {
  type Chain,
  type Cluster,
  generationOf,
  loginRequest,
  nth,
  patientClient,
  refresh,
  refreshRequest,
  type Server,
  startCluster,
  troubleOf,
} from './cluster.js';
import { newerProgram } from './newer-program.js';
import { eventsOf, until } from './rotation-stage.js';
import { SOAK } from './soak.js';
import { startTravellers, type Travellers } from './travellers.js';
import { send } from './wire.js';

const EXPIRED = 450;
const LOGIN_LIMIT = 5;
/** As short as it goes: a rotation takes ten seconds, five of which are the servers' looking at the ring. */
const KEYS = { KEY_STORE: 'database', JWKS_MAX_AGE: '1s', VERIFIER_CACHE: '2s', CLOCK_SKEW: '1s' };

type World = { readonly cluster: Cluster; readonly balancer: Balancer; readonly travellers: Travellers };

async function isRefused(t: Test, url: string, form: Record<string, string> = {}, what = ''): Promise<void> {
  t.match(await postToken(url, form), { status: 400, body: { error: 'invalid_grant' } }, what);
}

async function assertEnded(t: Test, urls: readonly string[], chain: Chain, what: string): Promise<void> {
  for (const url of urls) await isRefused(t, url, refreshRequest(nth(chain)).form, `${what} ended it, on each server`);
}

async function refreshThrough({ travellers }: World, chain: Chain): Promise<void> {
  const { body } = await travellers.ask(refreshRequest(nth(chain)).form ?? {});
  chain.answered.push(String(body['refresh_token']));
}

/** What ends a login on one server has ended it on all, when the answer is there. */
async function endings(t: Test, world: World, servers: readonly Server[]): Promise<void> {
  const { cluster, travellers } = world;
  const urls = servers.map(({ url }) => url);
  const robbed = await travellers.logIn('bob');
  for (let i = 0; i < 3; i++) await refreshThrough(world, robbed);
  await isRefused(t, travellers.url, refreshRequest(nth(robbed, 3)).form, 'a token from long ago');
  await assertEnded(t, urls, robbed, 'reuse');
  const revoked = await travellers.logIn('bob');
  const form = { client_id: 'app', token: nth(revoked) };
  t.match(await send(travellers.url, { path: '/revoke', form }), { status: 200 });
  await assertEnded(t, urls, revoked, '/revoke');
  const disabled = [await travellers.logIn('bob'), await travellers.logIn('bob')];
  await cluster.mintd('users disable bob');
  for (const chain of disabled) await assertEnded(t, urls, chain, 'disabling the user');
  for (const url of urls) await isRefused(t, url, loginRequest('bob').form, 'nor is there a new one');
}

/** Guesses are counted wherever they arrive. */
async function guesses(t: Test, { travellers }: World, servers: readonly Server[]): Promise<void> {
  const statuses: number[] = [];
  while (statuses.at(-1) !== 429 && statuses.length <= LOGIN_LIMIT) {
    const { form = {} } = loginRequest('eve', 'app', { password: `guess ${statuses.length}` });
    statuses.push((await travellers.ask(form)).status);
  }
  t.strictSame(statuses, [...Array(LOGIN_LIMIT).fill(400), 429], 'so many are let through, by all of them together');
  for (const { url } of servers) t.match(await postToken(url, loginRequest('eve').form ?? {}), { status: 429 });
}

/** Three who rotate at once: no rotation is planned twice, and all servers carry it out at its time. */
async function rotate(t: Test, { cluster }: World, env: Record<string, string>) {
  const commands = emptyCommandLine(t);
  const environment = { ...env, DATABASE_URL: cluster.database.url };
  const all = await Promise.all([1, 2, 3].map(() => commands.mintd('keys rotate --json', { environment })));
  const done = all.filter(({ code }) => code === 0).map(({ out }) => JSON.parse(out).activates);
  // More than one, where the machine is so slow that the first new key signs before the last command has begun.
  t.ok(done.length > 0 && new Set(done.map(({ kid }) => kid)).size === done.length, `${done.length} rotated`);
  for (const { code, err } of all) if (code !== 0) t.match(err, /a rotation is under way/);
  const last = done.sort((a, b) => a.activates_at.localeCompare(b.activates_at)).at(-1);
  const activatesAt = Date.parse(last.activates_at);
  // Whole seconds, and a look at the ring takes a moment itself.
  const knownAt = Date.now() + (RING_POLL_SECONDS + 1) * 1000;
  return { kid: String(last.kid), activatesAt, settledAt: Math.max(activatesAt, knownAt) };
}

type Rotated = Awaited<ReturnType<typeof rotate>>;

async function assertRotated(t: Test, { travellers }: World, servers: readonly Server[], rotated: Rotated) {
  const { kid, activatesAt, settledAt } = rotated;
  await until('the rotation', settledAt + 20_000, () => Date.now() > settledAt);
  await travellers.untilSteps(3);
  const early = travellers.signed.filter((one) => one.gotAt < activatesAt);
  const late = travellers.signed.filter((one) => one.askedAt > settledAt);
  t.ok(early.length > 0 && early.every((one) => one.kid !== kid), 'before its time the new key signs nowhere');
  t.ok(late.length > 0 && late.every((one) => one.kid === kid), 'and then everywhere');
  const published = await Promise.all(servers.map(({ url }) => fetch(`${url}/.well-known/jwks.json`)));
  const [jwks = '', ...others] = new Set(await Promise.all(published.map((reply) => reply.text())));
  t.equal(others.length, 0, 'all publish the same keys');
  for (const used of new Set(travellers.signed.map((one) => one.kid))) t.ok(jwks.includes(used), 'all that signed');
}

/** Every login goes on with its newest token on every server, and nothing was refreshed but by its client. */
async function assertWhole(t: Test, { cluster, travellers }: World, servers: readonly Server[]): Promise<void> {
  for (const chain of travellers.chains) {
    t.equal(new Set(chain.answered).size, chain.answered.length, 'no token was answered twice as a new one');
    t.equal(await generationOf(cluster, chain), chain.answered.length - 1, 'every rotation was answered: one chain');
    const authorization = `Bearer ${travellers.access.get(chain.sid)}`;
    t.match(await send(travellers.url, { method: 'GET', path: '/userinfo', headers: { authorization } }), {
      status: 200,
    });
    for (const { url } of servers) await refresh(url, chain);
  }
  const sids = travellers.chains.map(({ sid }) => sid);
  const ended = await cluster.database.prisma.family.count({ where: { id: { in: sids }, revokedAt: { not: null } } });
  t.equal(ended, 0, 'no login was ended');
}

async function kill(t: Test, { balancer, travellers }: World, victim: Server): Promise<void> {
  travellers.isInHurry = true;
  await travellers.progress.watch(balancer.untilWorking(victim.url, 2));
  t.strictSame(await victim.stop('SIGKILL'), { code: null, signal: 'SIGKILL' });
  await travellers.untilSteps(5);
  travellers.isInHurry = false;
  t.notOk(balancer.targets.includes(victim.url), 'the proxy has taken it out');
  t.comment(`${travellers.count.retries} requests were sent once more`);
}

async function addExpired({ database }: Cluster, userId: string): Promise<void> {
  const families = openFamilies(database);
  for (let i = 0; i < EXPIRED; i++) {
    await families.begin(aFamily(userId, { handleHash: hashOf(`expired ${i}`), now: 0, absoluteExpiresAt: 1000 }));
  }
}

t.setTimeout(600_000);

t.test('three servers behind a proxy are one issuer, also when one of them dies', async (t) => {
  const key = { KEYS_ENCRYPTION_KEY: randomBytes(32).toString('base64') };
  const env = { ...KEYS, ...key, ISSUER: 'http://localhost', LOGIN_ACCOUNT_LIMIT: String(LOGIN_LIMIT) };
  const cluster = await startCluster(t, { provider: 'postgres', servers: 0, clients: [patientClient()], env });
  const [userId] = await Promise.all(['ada', 'bob', 'eve'].map((name) => cluster.addUser(name)));
  await addExpired(cluster, userId ?? '');
  const servers = await Promise.all([1, 2, 3].map(() => cluster.launch()));
  const balancer = await startBalancer(
    t,
    servers.map(({ url }) => url),
  );
  const travellers = await startTravellers(balancer.url, 'ada', 4);
  const world = { cluster, balancer, travellers };
  const rotated = await rotate(t, world, env);
  await endings(t, world, servers);
  await guesses(t, world, servers);
  await assertRotated(t, world, servers, rotated);
  t.strictSame(travellers.count, { retries: 0, unavailable: 0 }, 'nobody had to send anything again');
  t.ok(
    servers.every(({ url }) => balancer.answered.has(url)),
    'all three had their share',
  );
  const [victim, ...others] = servers;
  if (victim === undefined) throw new Error('no server');
  for (let round = 1; round < SOAK; round++) {
    const next = await cluster.launch();
    balancer.add(next.url);
    await kill(t, world, next);
  }
  await kill(t, world, victim);
  await travellers.stop();
  await assertWhole(t, world, others);
  t.equal(await cluster.database.prisma.family.count({ where: { absoluteExpiresAt: { lte: new Date(1000) } } }), 0);
  const removed = servers
    .flatMap((server) => eventsOf(server, 'families_removed'))
    .map(({ families }) => Number(families));
  t.equal(
    removed.reduce((sum, count) => sum + count, 0),
    EXPIRED,
    'each row that was over was removed once',
  );
  for (const server of others) t.strictSame(await server.stop('SIGTERM'), { code: 0, signal: null });
  t.strictSame(troubleOf(servers), [], 'no server had trouble');
});

/** Starts servers of a newer version beside the others; what their start did to those is held. */
async function startBeside(t: Test, world: World, old: readonly Server[], program: string, count: number) {
  const { cluster, balancer, travellers } = world;
  const watch = watchReadiness(old.map(({ url }) => url));
  const newer = await Promise.all(Array.from({ length: count }, () => cluster.launch({}, program)));
  for (const { url } of newer) balancer.add(url);
  await travellers.untilSteps(4);
  t.strictSame(await watch.stop(), [], 'those that were there before were ready all the time');
  const migrated = newer.flatMap((server) => eventsOf(server, 'migrated'));
  t.equal(migrated.length, 1, 'the migration was applied once');
  for (const { url } of [...old, ...newer]) t.ok(balancer.targets.includes(url), 'all have their share');
  return newer;
}

t.test('a rolling upgrade: new servers with a migration beside old ones, which are then replaced', async (t) => {
  const cluster = await startCluster(t, { provider: 'postgres', servers: 2, clients: [patientClient()] });
  await cluster.addUser('ada');
  const balancer = await startBalancer(t, cluster.urls);
  const travellers = await startTravellers(balancer.url, 'ada', 4);
  const world = { cluster, balancer, travellers };
  const next = { '29990101000000_expand_next': 'ALTER TABLE "families" ADD COLUMN "next" TEXT;' };
  const slow = { '29990102000000_slow': 'ALTER TABLE "families" ADD COLUMN "slow" TEXT; SELECT pg_sleep(1);' };

  const newer = await startBeside(t, world, cluster.servers, newerProgram(t, next), 2);
  t.strictSame(travellers.count, { retries: 0, unavailable: 0 }, 'no client noticed');
  for (const old of cluster.servers) {
    t.strictSame(await old.stop('SIGTERM'), { code: 0, signal: null });
    await travellers.untilSteps(4);
  }
  t.comment(`two were replaced: ${JSON.stringify(travellers.count)}`);

  const before = travellers.count.retries;
  const newest = await startBeside(t, world, newer, newerProgram(t, { ...next, ...slow }), 1);
  t.equal(travellers.count.retries, before, 'no connection broke while the table was locked for a second');
  t.comment(`the table was locked for a second: ${JSON.stringify(travellers.count)}`);
  await travellers.stop();
  await assertWhole(t, world, [...newer, ...newest]);
  const isBug = (line: string) => !line.includes('database_unavailable');
  t.strictSame(troubleOf([...cluster.servers, ...newer, ...newest]).filter(isBug), [], 'no server had other trouble');
});
