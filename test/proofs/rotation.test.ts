import t, { type Test } from 'tap';
import { RING_POLL_SECONDS } from '../../src/oauth/key-ring.js';
import { troubleOf } from './cluster.js';
import { pyjwtVerifiers } from './rotation-pyjwt.js';
import { type RingWatch, type Rotation, watchRing } from './rotation-ring.js';
import { eventsOf, rotationStage, type Stage, until } from './rotation-stage.js';
import { stubbornVerifiers } from './rotation-stubborn.js';
import { commentTallies } from './rotation-tally.js';
import { startTraffic, type Traffic } from './rotation-traffic.js';
import { verifiersOf } from './rotation-verifiers.js';
import { SOAK } from './soak.js';

t.setTimeout(600_000 * SOAK);

const ROTATIONS = 2 * SOAK;

// Time scaled down, by configuration alone. The cache is as long as the longest that is met here and can refuse a good
// token: jose asks again for an unknown kid after 30 seconds.
const [MAX_AGE, CACHE, SKEW, TTL] = [2, 30, 1, 8];
const WAIT = MAX_AGE + CACHE + SKEW + RING_POLL_SECONDS;
const TIMING = {
  JWKS_MAX_AGE: `${MAX_AGE}s`,
  VERIFIER_CACHE: `${CACHE}s`,
  CLOCK_SKEW: `${SKEW}s`,
  ACCESS_TOKEN_TTL: `${TTL}s`,
  ACCESS_TOKEN_MAX_TTL: `${TTL}s`,
  KEY_ROTATION_INTERVAL: `${WAIT}s`,
};
const POLL_MS = RING_POLL_SECONDS * 1000;
/** Keys' times are whole seconds, and a look at the ring takes a moment itself. */
const GRAIN_MS = 1000;

type Run = { readonly stage: Stage; readonly ring: RingWatch; readonly traffic: Traffic };

/** Lets the servers rotate by themselves until all that the last rotation ended is over. */
async function throughRotations({ ring, traffic }: Run): Promise<readonly Rotation[]> {
  const patience = (n: number) => Date.now() + n * (WAIT * 1000 + POLL_MS) + 20_000;
  await until(`${ROTATIONS} rotations`, patience(ROTATIONS), () => ring.rotations().length >= ROTATIONS);
  const rotations = ring.rotations();
  const last = rotations.at(-1)?.at ?? 0;
  // The other server may sign with the old key until then, and its last tokens are verified to their end.
  await until('the last poll', last + 2 * POLL_MS, () => Date.now() > last + POLL_MS + GRAIN_MS);
  await traffic.stop();
  await ring.stop();
  return rotations;
}

/** By how much a server was behind: how long after the activation it was last asked for a token and used the old key. */
function lagMs({ issued }: Traffic, { retires, at }: Rotation, server: number): number {
  const old = issued.filter((one) => one.server === server && one.kid === retires).map(({ askedAt }) => askedAt - at);
  return Math.max(0, ...old);
}

function assertRotation(t: Test, { stage, ring, traffic }: Run, rotation: Rotation, n: number): void {
  const { retires, activates, at } = rotation;
  const rotated = stage.servers.map((server) => eventsOf(server, 'key_rotated').filter(({ kid }) => kid === activates));
  t.strictSame(rotated.map(({ length }) => length).sort(), [0, 1], `rotation ${n}: one of the two servers planned it`);
  const published = String(rotated.flat()[0]?.['published']);
  t.ok(ring.keys.has(published), 'and published one new key');
  const follower = stage.servers[rotated.findIndex(({ length }) => length === 0)];
  const followed = follower === undefined ? [] : eventsOf(follower, 'key_ring_reloaded');
  t.ok(
    followed.some(({ kids }) => Array.isArray(kids) && kids.includes(published)),
    'which the other got to know',
  );
  const waited = at - (ring.keys.get(activates)?.publishedAt ?? at);
  t.ok(waited >= WAIT * 1000, `the key was published for ${waited / 1000} s before it signed`);

  const early = traffic.issued.filter(({ kid, gotAt }) => kid === activates && gotAt < at);
  t.strictSame(early, [], 'nothing was signed with it before its time');
  const lags = stage.servers.map((_, server) => lagMs(traffic, rotation, server));
  const destroyedAfter = (ring.goneAt.get(retires) ?? Number.POSITIVE_INFINITY) - at;
  t.comment(
    `rotation ${n}: seen for ${waited / 1000} s, then signing; the old key signed ${lags.join(' and ')} ms longer; ` +
      `its private half was gone after ${destroyedAfter} ms`,
  );
  for (const [server, lag] of lags.entries()) {
    t.ok(lag <= POLL_MS + GRAIN_MS, `server ${server} signed with the old key for ${lag} ms more at the most`);
    t.ok(
      traffic.issued.some((one) => one.server === server && one.kid === activates),
      'and then with the new one',
    );
  }
  t.ok(destroyedAfter >= 0, 'the private half of the old one was there as long as it signed');
  t.ok(destroyedAfter <= POLL_MS + GRAIN_MS, `and was gone from the database ${destroyedAfter} ms later`);
}

function assertVerified(t: Test, { traffic }: Run): void {
  t.strictSame(traffic.wrong, [], 'every request was answered with a token');
  for (const [name, { atOnce, again, refusals, forged, taken }] of traffic.tallies) {
    const some = refusals.slice(0, 5).map(({ why }) => why);
    t.strictSame(some, [], `${name} refused none of ${atOnce + again} good tokens, ${refusals.length} in all`);
    t.ok(atOnce >= traffic.issued.length, 'it saw every token at once');
    t.ok(again > atOnce / 2, 'and again before its end');
    t.ok(forged > 0 && taken === 0, `none of ${forged} forged tokens was taken`);
  }
}

t.test('two servers rotate their key by themselves under traffic, and no verifier notices', async (t) => {
  const startedAt = performance.now();
  const stage = await rotationStage(t, TIMING);
  const sets = await Promise.all(
    stage.urls.map(async (url) => [
      ...(await verifiersOf(t, url)),
      ...pyjwtVerifiers(t, url),
      ...stubbornVerifiers(url, CACHE),
    ]),
  );
  const ring = await watchRing(t, stage.database);
  const traffic = startTraffic(t, { urls: stage.urls, verifiers: sets.flat(), againBeforeMs: 1500 });
  const run = { stage, ring, traffic };
  const rotations = await throughRotations(run);

  const seconds = Math.round((performance.now() - startedAt) / 1000);
  const head = `${rotations.length} rotations, ${traffic.issued.length} tokens, ${seconds} s; two servers, verifiers at each`;
  commentTallies(t, head, traffic.tallies);
  assertVerified(t, run);
  for (const [i, rotation] of rotations.entries()) assertRotation(t, run, rotation, i + 1);
  t.equal(ring.keys.size, rotations.length + 2, 'each rotation published one key, besides the first two');
  const logged = stage.servers.flatMap((server) => eventsOf(server, 'key_rotated'));
  t.equal(logged.length, rotations.length, 'nothing else was rotated');
  for (const server of stage.servers) t.strictSame(await server.stop('SIGTERM'), { code: 0, signal: null });
  const faults = /key_ring_fault|key_upkeep_failed|key_rotation_refused|clock_jumped/;
  t.strictSame(
    stage.servers.flatMap(({ lines }) => lines.filter((line) => faults.test(line))),
    [],
    'no server had trouble with its ring',
  );
  t.strictSame(troubleOf(stage.servers), [], 'or with anything else');
});
