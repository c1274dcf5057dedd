import t, { type Test } from 'tap';
import { claimsOf, PROVIDERS } from '../helper.js';
import {
  type Chain,
  type Cluster,
  generationOf,
  logIn,
  nth,
  patientClient,
  refresh,
  refreshRequest,
  startCluster,
  strictClient,
  tokenIn,
  troubleOf,
} from './cluster.js';
import { SOAK } from './soak.js';
import { isForLater, prepare, send, sendAgain, type WireReply, type WireRequest } from './wire.js';

/** How many use one token at the same moment. */
const USES = 24;
const ROUNDS = 10 * SOAK;

/**
 * Connects all, spread over the servers, sends all but a byte of each request, and then that of all at once. Who is told
 * to come back does.
 */
async function startGate(urls: readonly string[], requests: readonly WireRequest[]): Promise<WireReply[]> {
  const gates = await Promise.all(requests.map((request, i) => prepare(urls[i % urls.length] ?? '', request)));
  const replies = await Promise.all(gates.map((open) => open()));
  const again = (i: number) => sendAgain(urls[i % urls.length] ?? '', requests[i] as WireRequest);
  return Promise.all(replies.map((reply, i) => (isForLater(reply) ? again(i) : reply)));
}

function times<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

/** Holds that all these answers are one and the same step of a chain, and goes on from there. */
function assertOneStep(t: Test, chain: Chain, replies: readonly WireReply[]): void {
  t.strictSame(new Set(replies.map(({ status }) => status)), new Set([200]), 'everybody gets an answer');
  const tokens = new Set(replies.map(tokenIn));
  t.equal(tokens.size, 1, 'and all of them the same refresh token');
  t.notOk(
    chain.answered.some((token) => tokens.has(token)),
    'one that was never there before',
  );
  const claims = replies.map(({ body }) => claimsOf(body['access_token']));
  t.strictSame(new Set(claims.map(({ sid }) => sid)), new Set([chain.sid]), 'of the same login');
  t.equal(new Set(claims.map(({ jti }) => jti)).size, replies.length, 'with access tokens of their own');
  chain.answered.push(...tokens);
}

async function raceAlongOneChain(t: Test, cluster: Cluster): Promise<void> {
  const { urls } = cluster;
  const chain = await logIn(urls[0] ?? '', 'ada');
  for (let round = 1; round <= ROUNDS; round++) {
    const request = refreshRequest(nth(chain));
    assertOneStep(
      t,
      chain,
      await startGate(
        urls,
        times(USES, () => request),
      ),
    );
    t.equal(await generationOf(cluster, chain), round, 'it was rotated once');
  }
  for (const url of urls) await refresh(url, chain);
  t.equal(await generationOf(cluster, chain), ROUNDS + urls.length, 'and it goes on, on each server');
}

function isInvalidGrant({ status, body }: WireReply): boolean {
  return status === 400 && body['error'] === 'invalid_grant';
}

function isInvalidScope({ status, body }: WireReply): boolean {
  return status === 400 && body['error'] === 'invalid_scope';
}

async function raceWithoutRetry(t: Test, cluster: Cluster): Promise<void> {
  const { urls, database } = cluster;
  for (let round = 0; round < ROUNDS; round++) {
    const url = urls[round % urls.length] ?? '';
    const chain = await logIn(url, 'ada', 'strict');
    const other = await logIn(url, 'ada', 'strict');
    await refresh(url, chain);
    const request = refreshRequest(nth(chain), 'strict');
    const replies = await startGate(
      urls,
      times(USES, () => request),
    );
    const winners = replies.filter(({ status }) => status === 200);
    t.equal(winners.length, 1, 'one of them rotates it');
    t.equal(replies.filter(isInvalidGrant).length, USES - 1, 'and nobody else');
    const row = await database.prisma.family.findUniqueOrThrow({ where: { id: chain.sid } });
    t.match(row, { generation: 2, revokedReason: 'reuse' }, 'any other is reuse, which ends the login');
    const tokens = [...chain.answered, ...winners.map(tokenIn)];
    const tries = tokens.flatMap((token) => urls.map((each) => send(each, refreshRequest(token, 'strict'))));
    t.ok((await Promise.all(tries)).every(isInvalidGrant), 'so that none of its tokens works on any server');
    await refresh(url, other);
    t.equal(other.answered.length, 2, 'another login of the same user is not touched');
  }
}

async function raceOfScopes(t: Test, cluster: Cluster): Promise<void> {
  const { urls } = cluster;
  const chain = await logIn(urls[0] ?? '', 'ada', 'app', { scope: 'read write' });
  const asked = [undefined, 'read', 'write', 'read write', 'admin'];
  for (let round = 1; round <= ROUNDS; round++) {
    const scopes = times(USES, (i) => asked[(i + round) % asked.length]);
    const requests = scopes.map((scope) => refreshRequest(nth(chain), 'app', scope === undefined ? {} : { scope }));
    const replies = await startGate(urls, requests);
    const tooMuch = replies.filter((_, i) => scopes[i] === 'admin');
    t.ok(tooMuch.length > 0 && tooMuch.every(isInvalidScope), 'a scope beyond the login is refused');
    const good = replies.flatMap((reply, i) => (scopes[i] === 'admin' ? [] : [{ reply, scope: scopes[i] }]));
    assertOneStep(
      t,
      chain,
      good.map(({ reply }) => reply),
    );
    t.strictSame(
      good.map(({ reply }) => reply.body['scope']),
      good.map(({ scope = 'read write' }) => scope),
      'each has the scope it asked for',
    );
    t.equal(await generationOf(cluster, chain), round, 'it was rotated once');
  }
  const last = await send(urls[0] ?? '', refreshRequest(nth(chain)));
  t.equal(last.body['scope'], 'read write', 'and the login keeps all of its own');
}

async function raceOfTooMuch(t: Test, cluster: Cluster): Promise<void> {
  const { urls } = cluster;
  const chain = await logIn(urls[0] ?? '', 'ada');
  const request = refreshRequest(nth(chain), 'app', { scope: 'admin' });
  const replies = await startGate(
    urls,
    times(USES, () => request),
  );
  t.ok(replies.every(isInvalidScope));
  t.equal(await generationOf(cluster, chain), 0, 'nothing was consumed');
}

for (const provider of PROVIDERS) {
  const servers = provider === 'postgres' ? 3 : 1;
  t.test(`${servers} server(s) on ${provider}: one token, used ${USES} times at the same moment`, async (t) => {
    const clients = [patientClient(), strictClient()];
    const cluster = await startCluster(t, { provider, servers, clients });
    await cluster.addUser('ada');
    await t.test(`it is one step of one chain, ${ROUNDS} times over`, (t) => raceAlongOneChain(t, cluster));
    await t.test('where nothing may be retried, one answer is given and then all is over', (t) =>
      raceWithoutRetry(t, cluster),
    );
    await t.test('each may narrow the scope for itself, and it is still one step', (t) => raceOfScopes(t, cluster));
    await t.test('a scope beyond the login consumes nothing', (t) => raceOfTooMuch(t, cluster));
    for (const server of cluster.servers) t.strictSame(await server.stop('SIGTERM'), { code: 0, signal: null });
    t.strictSame(troubleOf(cluster.servers), [], 'no server had trouble');
  });
}
