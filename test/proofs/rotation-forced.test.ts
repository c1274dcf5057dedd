import t, { type Test } from 'tap';
import { RING_POLL_SECONDS } from '../../src/oauth/key-ring.js';
import { claimsOf } from '../helper.js';
import { troubleOf } from './cluster.js';
import { pyjwtVerifiers } from './rotation-pyjwt.js';
import { isActive, type KeysAnswer, rotationStage, type Stage, until } from './rotation-stage.js';
import { stubbornVerifiers } from './rotation-stubborn.js';
import { commentTallies } from './rotation-tally.js';
import { type Issued, startTraffic, type Traffic } from './rotation-traffic.js';
import { joseRemote, type Verifier, verifiersOf } from './rotation-verifiers.js';

t.setTimeout(300_000);

// What the servers count with; whoever keeps keys longer than this is not of this test. Tokens outlive every cache.
const [MAX_AGE, CACHE, SKEW] = [2, 8, 1];
const TIMING = {
  JWKS_MAX_AGE: `${MAX_AGE}s`,
  VERIFIER_CACHE: `${CACHE}s`,
  CLOCK_SKEW: `${SKEW}s`,
  ACCESS_TOKEN_TTL: '2m',
  ACCESS_TOKEN_MAX_TTL: '2m',
  KEY_ROTATION_INTERVAL: 'off',
};
const WAIT_MS = (MAX_AGE + CACHE + SKEW + RING_POLL_SECONDS) * 1000;
const POLL_MS = RING_POLL_SECONDS * 1000;
/** Commands say times in whole seconds. */
const GRAIN_MS = 1000;

type Run = { readonly stage: Stage; readonly traffic: Traffic; readonly keeping: readonly Verifier[] };

function time(text: string | null): number {
  return text === null ? 0 : Date.parse(text);
}

/** Waits until each server has given `service` a token signed with a key, asked for after a moment; returns one of each. */
async function tokensOf({ stage, traffic }: Run, kid: string, since: number): Promise<readonly Issued[]> {
  const find = () =>
    stage.servers.flatMap((_, server) => {
      const isOne = (one: Issued) => one.server === server && one.kid === kid && one.askedAt >= since;
      const own = traffic.issued.filter((one) => isOne(one) && claimsOf(one.token)['client_id'] === 'service');
      return own.slice(0, 1);
    });
  await until(`tokens of ${kid}`, Date.now() + 4 * POLL_MS, () => find().length === stage.servers.length);
  return find();
}

/** Good tokens that somebody refused who was shown them from a moment on. */
function refusedIn({ traffic }: Run, from: number): readonly string[] {
  return [...traffic.tallies].flatMap(([name, { refusals }]) =>
    refusals.filter(({ at }) => at >= from).map(({ why }) => `${name}: ${why}`),
  );
}

/**
 * Has a key sign at once, which everybody knows, and then rotates to its successor, which was published only just now.
 *
 * @returns the plan of the second rotation
 */
async function rotateTwice(t: Test, { stage }: Run, second: string): Promise<KeysAnswer> {
  const known = await stage.keys('rotate --force');
  t.equal(known.surprises_until, null, 'the first key is known to everybody');
  const at = time(known.activates.activates_at);
  // Until it signs, a second command would only bring the same key forward.
  await until('the first key signs', at + GRAIN_MS, () => Date.now() > at);
  const plan = await stage.keys(second);
  t.not(plan.activates.kid, known.activates.kid, 'the second is its successor');
  return plan;
}

/** Waits until a moment has passed and some tokens were given after it. */
async function calmAfter({ traffic }: Run, moment: number): Promise<void> {
  const given = () => traffic.issued.filter(({ askedAt }) => askedAt >= moment).length;
  await until('tokens', Math.max(moment, Date.now()) + 20_000, () => given() >= 20);
}

async function rotateWaiting(t: Test, run: Run): Promise<void> {
  // By then nobody keeps keys from before the first standby was published.
  await calmAfter(run, Date.now() + WAIT_MS);
  const askedAt = Date.now();
  const plan = await rotateTwice(t, run, 'rotate');
  const at = time(plan.activates.activates_at);
  t.ok(at - askedAt >= WAIT_MS, 'the second key signs when everybody can know it');
  await tokensOf(run, plan.activates.kid, at);
  // Whoever was slowest to learn of it has asked again by then.
  await calmAfter(run, at + POLL_MS);
  commentTallies(t, 'with the waiting rule: `keys rotate` right after a key was published', run.traffic.tallies);
  t.strictSame(refusedIn(run, 0).slice(0, 5), [], 'and nobody refuses a good token');
}

async function rotateWithoutWaiting(t: Test, run: Run): Promise<void> {
  const plan = await rotateTwice(t, run, 'rotate --force');
  const surprisesUntil = time(plan.surprises_until);
  t.ok(surprisesUntil > Date.now(), 'the command says until when verifiers may not know the second key');
  const calm = surprisesUntil + GRAIN_MS;
  await calmAfter(run, calm);
  commentTallies(t, 'the waiting rule switched off: the same with `keys rotate --force`', run.traffic.tallies);
  const stubborn = [...run.traffic.tallies].filter(([name]) => name.startsWith('the stubborn'));
  const refused = stubborn.flatMap(([, { refusals }]) => refusals).length;
  t.ok(refused > 0, `the stubborn refuse ${refused} good tokens: the proof can fail`);
  t.strictSame(refusedIn(run, calm).slice(0, 5), [], 'and nobody any more, from the time on that the command said');
}

/** Revokes the key that signs. */
async function revokeActive(t: Test, run: Run): Promise<void> {
  const { stage, keeping, traffic } = run;
  const [newest] = traffic.issued.slice(-1);
  const kid = newest?.kid ?? '';
  const old = await tokensOf(run, kid, 0);
  for (const { token } of old) {
    for (const url of stage.urls) t.ok(await isActive(url, token), '/introspect: a token is active');
    await Promise.all(keeping.map((one) => one.verify(token)));
  }
  const plan = await stage.keys(`revoke ${kid} --yes`);
  const revokedAt = Date.now();
  const [acceptedUntil, surprisesUntil] = [time(plan.accepted_until), time(plan.surprises_until)];

  for (const [server, url] of stage.urls.entries()) {
    for (const { token } of old) {
      await until(
        `/introspect of ${server}`,
        revokedAt + POLL_MS + GRAIN_MS,
        async () => !(await isActive(url, token)),
      );
      t.pass(`server ${server}: /introspect says it is not active, by ${Date.now() - revokedAt} ms after the command`);
    }
  }
  const isAfterCaches = acceptedUntil + GRAIN_MS;
  for (const { token } of old) {
    const last = await Promise.all(keeping.map((one) => refusedFrom(one, token, isAfterCaches)));
    const ms = Math.max(...last) - revokedAt;
    t.pass(`${keeping.length} verifiers refuse it when their caches ran out, the last ${ms} ms after the command`);
  }
  const successor = plan.signs.kid;
  t.not(successor, kid, 'another key signs');
  const fresh = await tokensOf(run, successor, Math.max(revokedAt + POLL_MS, surprisesUntil));
  for (const { token } of fresh) await Promise.all(keeping.map((one) => one.verify(token)));
  t.pass('and everybody takes its tokens, from either server');
  const late = traffic.issued.filter((one) => one.kid === kid && one.askedAt > revokedAt + POLL_MS + GRAIN_MS);
  t.strictSame(late, [], 'nothing is signed with the revoked key any more');
}

/** When a verifier first refused a token; it must by the deadline. */
async function refusedFrom(verifier: Verifier, token: string, deadline: number): Promise<number> {
  const isRefused = () =>
    verifier.verify(token).then(
      () => false,
      () => true,
    );
  await until(`${verifier.name} refuses a revoked key`, deadline, isRefused);
  return Date.now();
}

t.test('keys that sign at once are refused by verifiers, and so are revoked keys', async (t) => {
  const stage = await rotationStage(t, TIMING);
  const keeping = stage.urls.flatMap((url) => [...stubbornVerifiers(url, CACHE), joseRemote(url, CACHE)]);
  const others = await Promise.all(stage.urls.map((url) => verifiersOf(t, url)));
  // jose's own defaults keep for longer than this test lasts.
  const forgetful = others.flat().filter(({ name }) => name !== 'jose');
  const verifiers = [...keeping, ...forgetful, ...stage.urls.flatMap((url) => pyjwtVerifiers(t, url))];
  const traffic = startTraffic(t, { urls: stage.urls, verifiers, againBeforeMs: null });
  const run = { stage, traffic, keeping };
  await t.test('`keys rotate` waits until every cache can hold the key', (t) => rotateWaiting(t, run));
  await t.test('`keys rotate --force` does not: good tokens are refused until every cache has run out', (t) =>
    rotateWithoutWaiting(t, run),
  );
  await t.test('`keys revoke` of the active key: its tokens are refused', (t) => revokeActive(t, run));
  await traffic.stop();
  t.strictSame(traffic.wrong, [], 'every request was answered with a token');
  for (const server of stage.servers) t.strictSame(await server.stop('SIGTERM'), { code: 0, signal: null });
  t.strictSame(troubleOf(stage.servers), [], 'no server had trouble');
});
