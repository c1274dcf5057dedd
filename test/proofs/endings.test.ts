// Refresh against revoke: whatever ends a login, no refresh that is sent after its answer succeeds, on any server, with
// any token that was ever answered. Refreshes are under way all the time, two at once with each token.
import t, { type Test } from 'tap';
import { PROVIDERS } from '../helper.js';
import {
  type Chain,
  type Cluster,
  chainFrom,
  logIn,
  loginRequest,
  nth,
  Progress,
  patientClient,
  refresh,
  refreshRequest,
  startCluster,
  tokenIn,
  troubleOf,
} from './cluster.js';
import { SOAK } from './soak.js';
import { sendAgain, type WireReply } from './wire.js';

const ROUNDS = SOAK;
const CHAINS = 3;

/** Logins that are refreshed while something ends them. */
type Scene = {
  readonly cluster: Cluster;
  readonly username: string;
  readonly clientId: string;
  readonly chains: readonly Chain[];
  /** The server that is told of the end. */
  readonly url: string;
};

type Ending = {
  /** Ends all chains of a scene; each promise resolves when the answer that tells so has arrived. */
  readonly end: (scene: Scene) => readonly Promise<unknown>[];
  /** Whether it also ends what the user has besides the chains. */
  readonly endsEverything: boolean;
  /** Whether a login that was sent before the answer is ended, too. After DELETE /sessions people may log in at once. */
  readonly endsRacingLogins: boolean;
};

const ENDINGS: Readonly<Record<string, Ending>> = {
  'POST /revoke with the first refresh token': each(({ url, clientId }, { answered: [token = ''] }) =>
    ok(url, { path: '/revoke', form: { client_id: clientId, token } }),
  ),
  'POST /revoke with the newest refresh token': each(({ url, clientId }, chain) =>
    ok(url, { path: '/revoke', form: { client_id: clientId, token: nth(chain) } }),
  ),
  'POST /revoke with an access token': each(({ url, clientId }, { accessToken }) =>
    ok(url, { path: '/revoke', form: { client_id: clientId, token: accessToken } }),
  ),
  'DELETE /sessions/{sid}': each(({ url }, { sid, accessToken }) =>
    ok(url, { method: 'DELETE', path: `/sessions/${sid}`, headers: bearer(accessToken) }),
  ),
  'mintd sessions revoke': each(({ cluster }, { sid }) => cluster.mintd(`sessions revoke ${sid}`)),
  'DELETE /sessions': {
    end: ({ url, chains: [first] }) => [
      ok(url, { method: 'DELETE', path: '/sessions', headers: bearer(first?.accessToken ?? '') }),
    ],
    endsEverything: true,
    endsRacingLogins: false,
  },
  'mintd users disable': everything(({ cluster, username }) => cluster.mintd(`users disable ${username}`)),
  'mintd users remove': everything(({ cluster, username }) => cluster.mintd(`users remove ${username} --yes`)),
  'mintd users set-password': everything(({ cluster, username }) =>
    cluster.mintd(`users set-password ${username} --password-stdin`, 'quite another password'),
  ),
  'mintd clients disable': everything(({ cluster, clientId }) => cluster.mintd(`clients disable ${clientId}`)),
  'mintd clients remove': everything(({ cluster, clientId }) => cluster.mintd(`clients remove ${clientId} --yes`)),
};

function each(endOne: (scene: Scene, chain: Chain) => Promise<unknown>): Ending {
  const end = (scene: Scene) => scene.chains.map((chain) => endOne(scene, chain));
  return { end, endsEverything: false, endsRacingLogins: false };
}

function everything(end: (scene: Scene) => Promise<unknown>): Ending {
  return { end: (scene) => [end(scene)], endsEverything: true, endsRacingLogins: true };
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

async function ok(...request: Parameters<typeof sendAgain>): Promise<void> {
  const { status } = await sendAgain(...request);
  if (status !== 200 && status !== 204) throw new Error(`the end was refused: ${status}`);
}

/** Refused for good: the login is over, or its client is. An outage or a fault would be something else. */
function isRefused({ status, body }: WireReply): boolean {
  return (
    (status === 400 && body['error'] === 'invalid_grant') || (status === 401 && body['error'] === 'invalid_client')
  );
}

/** What one who refreshes knows of the end. */
type End = { isAnswered: boolean };

/** Refreshes, each token twice at once on two servers, until one was sent after the end. */
async function refreshThroughEnd(t: Test, urls: readonly string[], chain: Chain, end: End, progress: Progress) {
  for (let step = 0; ; step++) {
    const isAfter = end.isAnswered;
    const request = refreshRequest(nth(chain), chain.clientId);
    const both = await Promise.all([0, 1].map((i) => sendAgain(urls[(step + i) % urls.length] ?? '', request)));
    const good = both.filter(({ status }) => status === 200);
    if (!both.every((reply) => reply.status === 200 || isRefused(reply))) t.fail('an answer of another kind', { both });
    const [successor, ...others] = new Set(good.map(tokenIn));
    if (others.length > 0) t.fail('two chains');
    if (isAfter) {
      t.equal(good.length, 0, 'a refresh sent after the end is refused');
      return;
    }
    if (successor !== undefined) chain.answered.push(successor);
    progress.tick();
  }
}

/** Logs in again and again; the last one is sent after the end. */
async function logInThroughEnd(urls: readonly string[], { username, clientId }: Scene, end: End): Promise<Chain[]> {
  const before: Chain[] = [];
  for (let i = 0; ; i++) {
    const isAfter = end.isAnswered;
    const reply = await sendAgain(urls[i % urls.length] ?? '', loginRequest(username, clientId));
    if (isAfter) return before;
    if (reply.status === 200) before.push(chainFrom(reply, clientId));
    else if (!isRefused(reply)) throw new Error(`login: ${reply.status}`);
  }
}

/** One round: logins that are refreshed, an end, and what is left. */
async function round(t: Test, cluster: Cluster, ending: Ending, name: string, number: number): Promise<void> {
  const { urls } = cluster;
  const urlOf = (i: number) => urls[i % urls.length] ?? '';
  await cluster.addUser(name);
  await cluster.addClient(patientClient({ id: name }));
  const log = (i: number) => logIn(urlOf(i), name, name);
  const chains = await Promise.all(Array.from({ length: CHAINS }, (_, i) => log(i)));
  const sibling = await log(number);
  const scene = { cluster, username: name, clientId: name, chains, url: urlOf(number) };

  const progress = new Progress();
  const ends = chains.map((): End => ({ isAnswered: false }));
  const loginEnd: End = { isAnswered: false };
  const refreshing = chains.map((chain, i) =>
    progress.watch(refreshThroughEnd(t, urls, chain, ends[i] ?? loginEnd, progress).then(() => chain)),
  );
  const loggingIn = progress.watch(
    ending.endsRacingLogins ? logInThroughEnd(urls, scene, loginEnd) : Promise.resolve([]),
  );
  // Another moment in each round.
  await progress.until(() => chains.every(({ answered }) => answered.length > 1 + (number % 4)));
  const answers = ending.end(scene);
  const ended = answers.map((answer, i) =>
    answer.finally(() => {
      for (const end of answers.length === 1 ? [...ends, loginEnd] : ends.slice(i, i + 1)) end.isAnswered = true;
    }),
  );
  await Promise.all(ended);
  const over = [...(await Promise.all(refreshing)), ...(await loggingIn), ...(ending.endsEverything ? [sibling] : [])];

  let alive = 0;
  for (const [i, { answered, clientId }] of over.entries()) {
    const tries = answered.flatMap((token) => urls.map((url) => sendAgain(url, refreshRequest(token, clientId))));
    for (const reply of await Promise.all(tries)) if (!isRefused(reply)) alive++;
    if (i === 0) t.ok(answered.length > 1, 'it had been refreshed before');
  }
  t.equal(alive, 0, `no token of ${over.length} logins works on any server`);
  if (!ending.endsEverything) {
    await refresh(scene.url, sibling);
    t.equal(sibling.answered.length, 2, 'another login of the same user goes on');
  }
}

t.setTimeout(600_000);

for (const provider of PROVIDERS) {
  const servers = provider === 'postgres' ? 3 : 1;
  t.test(`${servers} server(s) on ${provider}: refresh against what ends a login`, async (t) => {
    const cluster = await startCluster(t, { provider, servers, clients: [patientClient()] });
    const { urls } = cluster;
    await cluster.addUser('bystander');
    const bystander = await logIn(urls[0] ?? '', 'bystander');
    for (const [i, [what, ending]] of Object.entries(ENDINGS).entries()) {
      await t.test(`${what}, ${ROUNDS} times over`, async (t) => {
        const before = bystander.answered.length;
        for (let n = 0; n < ROUNDS; n++) await round(t, cluster, ending, `someone-${i}-${n}`, n);
        await refresh(urls[i % urls.length] ?? '', bystander);
        t.equal(bystander.answered.length, before + 1, 'and a bystander noticed nothing');
      });
    }
    t.strictSame(troubleOf(cluster.servers), [], 'no server had trouble');
  });
}
