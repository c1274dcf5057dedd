// The connection is cut between commit and answer: the request was done, and the client does not know. It sends the same
// again, and goes on where the lost answer would have led.
import t, { type Test } from 'tap';
import { PROVIDERS } from '../helper.js';
import {
  type Chain,
  type Cluster,
  generationOf,
  logIn,
  loginRequest,
  nth,
  patientClient,
  refresh,
  refreshRequest,
  startCluster,
  strictClient,
  tokenIn,
  troubleOf,
} from './cluster.js';
import { type Cut, type Cutter, startCutter } from './cutter.js';
import { SOAK } from './soak.js';
import { send, type WireReply, type WireRequest } from './wire.js';

const STEPS = 20 * SOAK;
const TIMES = 5;
const ORIGIN = 'http://localhost:3000';

/** A cluster, and a proxy before its first server. `last` is another server where there is one. */
type Scene = { readonly cluster: Cluster; readonly cutter: Cutter; readonly url: string; readonly last: string };

/** Sends a request whose answer is dropped; returns what the client never saw. */
async function lose(t: Test, { cutter }: Scene, request: WireRequest, cut?: Cut): Promise<WireReply> {
  const before = cutter.dropped.length;
  cutter.cutNext(1, cut);
  await t.rejects(send(cutter.url, request), { message: 'the connection broke' }, 'the client gets no answer');
  const lost = await cutter.dropped[before];
  if (lost === undefined) throw new Error('nothing was dropped');
  return lost;
}

async function goesOn(t: Test, { cluster, url, last }: Scene, chain: Chain): Promise<void> {
  t.equal(await generationOf(cluster, chain), chain.answered.length - 1, 'it was rotated once');
  await refresh(url, chain);
  await refresh(last, chain);
  t.equal(await generationOf(cluster, chain), chain.answered.length - 1, 'and the chain goes on');
}

async function lostRefresh(t: Test, scene: Scene): Promise<void> {
  const ways = { 'at the same server': scene.url, 'at another': scene.last, 'by the same way': scene.cutter.url };
  for (const cut of ['nothing', 'the head', 'all but the last byte'] as const) {
    for (const [where, url] of Object.entries(ways)) {
      const chain = await logIn(scene.url, 'ada');
      const request = refreshRequest(nth(chain));
      const lost = tokenIn(await lose(t, scene, request, cut));
      const retried = tokenIn(await send(url, request));
      t.equal(retried, lost, `${cut} arrived, retried ${where}: the successor that the lost answer carried`);
      chain.answered.push(retried);
      await goesOn(t, scene, chain);
    }
  }
}

async function lostAgainAndAgain(t: Test, scene: Scene): Promise<void> {
  const { cutter, url } = scene;
  const chain = await logIn(url, 'ada');
  const request = refreshRequest(nth(chain));
  const lost: string[] = [];
  for (let i = 0; i < TIMES; i++) lost.push(tokenIn(await lose(t, scene, request)));
  const retried = tokenIn(await send(cutter.url, request));
  t.strictSame(new Set(lost), new Set([retried]), 'every answer carries the same successor');
  chain.answered.push(retried);
  await goesOn(t, scene, chain);
}

async function lostAtOnce(t: Test, scene: Scene): Promise<void> {
  const { cutter, url } = scene;
  const chain = await logIn(url, 'ada');
  const request = refreshRequest(nth(chain));
  const before = cutter.dropped.length;
  cutter.cutNext(TIMES);
  const tries = Array.from({ length: TIMES }, () => t.rejects(send(cutter.url, request)));
  await Promise.all(tries);
  const lost = (await Promise.all(cutter.dropped.slice(before))).map(tokenIn);
  const retried = tokenIn(await send(url, request));
  t.strictSame(new Set(lost), new Set([retried]), 'every answer carries the same successor');
  chain.answered.push(retried);
  await goesOn(t, scene, chain);
}

async function lostAtEveryStep(t: Test, scene: Scene): Promise<void> {
  const chain = await logIn(scene.url, 'ada');
  for (let i = 0; i < STEPS; i++) {
    const request = refreshRequest(nth(chain));
    await lose(t, scene, request);
    chain.answered.push(tokenIn(await send(scene.cutter.url, request)));
  }
  t.equal(new Set(chain.answered).size, STEPS + 1);
  await goesOn(t, scene, chain);
}

async function lostWithoutRetry(t: Test, scene: Scene): Promise<void> {
  const chain = await logIn(scene.url, 'ada', 'strict');
  const request = refreshRequest(nth(chain), 'strict');
  const lost = tokenIn(await lose(t, scene, request));
  for (const token of [nth(chain), lost]) {
    const reply = await send(scene.url, refreshRequest(token, 'strict'));
    t.match(reply, { status: 400, body: { error: 'invalid_grant' } }, 'the price of a window of 0: a login is lost');
  }
}

async function lostLogin(t: Test, scene: Scene): Promise<void> {
  const { cluster, url } = scene;
  const userId = await cluster.addUser('grace');
  await lose(t, scene, loginRequest('grace'));
  const chain = await logIn(url, 'grace');
  await goesOn(t, scene, chain);
  const families = await cluster.database.prisma.family.findMany({ where: { userId } });
  t.equal(families.length, 2, 'the lost login is a family of its own');
  t.match(
    families.find(({ id }) => id !== chain.sid),
    { generation: 0, revokedAt: null },
    'which nobody uses',
  );
}

async function lostEndings(t: Test, scene: Scene): Promise<void> {
  const { url, last, cutter } = scene;
  const own = await logIn(url, 'ada');
  const endings: Record<string, (chain: Chain) => WireRequest> = {
    'POST /revoke': (chain) => ({ path: '/revoke', form: { client_id: 'app', token: nth(chain) } }),
    'DELETE /sessions/{sid}': ({ sid }) => ({
      method: 'DELETE',
      path: `/sessions/${sid}`,
      headers: { authorization: `Bearer ${own.accessToken}` },
    }),
  };
  for (const [what, ending] of Object.entries(endings)) {
    const chain = await logIn(url, 'ada');
    const lost = await lose(t, scene, ending(chain));
    t.match(await send(last, refreshRequest(nth(chain))), { status: 400 }, `${what}: it was done`);
    const retried = await send(cutter.url, ending(chain));
    t.equal(retried.status, lost.status, `${what}: a retry gets the answer that was lost`);
    t.ok(retried.status === 200 || retried.status === 204);
  }
  await refresh(url, own);
}

/** The cookie that an answer sets: name and value, and everything else. */
function cookieOf({ headers }: WireReply): { readonly pair: string; readonly attributes: string } {
  const [cookie = '', ...others] = headers.getSetCookie();
  if (others.length > 0) throw new Error('two cookies');
  return { pair: cookie.split('; ')[0] ?? '', attributes: cookie.replace(/^[^;]*|Max-Age=\d+/g, '') };
}

async function lostCookie(t: Test, scene: Scene): Promise<void> {
  const { url, last, cutter } = scene;
  const page = { origin: ORIGIN, 'x-requested-with': 'fetch' };
  const form = { grant_type: 'refresh_token', client_id: 'spa' };
  const first = await send(url, { ...loginRequest('ada', 'spa'), headers: page });
  let { pair: cookie } = cookieOf(first);
  for (const retryAt of [url, last, cutter.url]) {
    const request = { path: '/token', form, headers: { ...page, cookie } };
    const lost = await lose(t, scene, request);
    const retried = await send(retryAt, request);
    t.match(retried, { status: 200, body: { access_token: /^ey/ } });
    t.strictSame(cookieOf(retried), cookieOf(lost), 'a retry sets the cookie that was lost');
    t.not(cookieOf(retried).pair, cookie, 'a new one');
    cookie = cookieOf(retried).pair;
  }
  const logout = { path: '/logout', form: { client_id: 'spa' }, headers: { ...page, cookie } };
  await lose(t, scene, logout);
  const refreshed = await send(last, { path: '/token', form, headers: { ...page, cookie } });
  t.match(refreshed, { status: 400 }, 'a logout whose answer is lost was done');
  const again = await send(url, logout);
  t.equal(again.status, 204, 'and may be repeated');
  t.match(cookieOf(again).pair, /=$/, 'which takes the cookie away');
}

for (const provider of PROVIDERS) {
  const servers = provider === 'postgres' ? 2 : 1;
  t.test(`${servers} server(s) on ${provider}: the answer is lost on its way`, async (t) => {
    const spa = patientClient({ id: 'spa', delivery: 'cookie', origins: [ORIGIN] });
    const cluster = await startCluster(t, { provider, servers, clients: [patientClient(), strictClient(), spa] });
    await cluster.addUser('ada');
    const [url = '', last = url] = cluster.urls;
    const scene: Scene = { cluster, cutter: await startCutter(t, url), url, last };
    await t.test('a refresh: the retry has the same successor', (t) => lostRefresh(t, scene));
    await t.test(`a refresh, ${TIMES} times in a row`, (t) => lostAgainAndAgain(t, scene));
    await t.test(`a refresh, ${TIMES} times at once`, (t) => lostAtOnce(t, scene));
    await t.test(`each first answer of ${STEPS} refreshes`, (t) => lostAtEveryStep(t, scene));
    await t.test('a refresh where nothing may be retried', (t) => lostWithoutRetry(t, scene));
    await t.test('a login: it leaves a family nobody uses', (t) => lostLogin(t, scene));
    await t.test('the end of a login: the retry says that it is over', (t) => lostEndings(t, scene));
    await t.test('a cookie: the retry sets the same', (t) => lostCookie(t, scene));
    for (const server of cluster.servers) t.strictSame(await server.stop('SIGTERM'), { code: 0, signal: null });
    t.strictSame(troubleOf(cluster.servers), [], 'no server had trouble');
  });
}
