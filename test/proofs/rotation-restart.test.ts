import t from 'tap';
import { RING_POLL_SECONDS } from '../../src/oauth/key-ring.js';
import { claimsOf } from '../helper.js';
import { postToken } from '../process/harness.js';
import { troubleOf } from './cluster.js';
import { jwksOf } from './rotation-jwks.js';
import { eventsOf, rotationStage, SERVICE_LOGIN, USER_LOGIN, until } from './rotation-stage.js';

const POLL_MS = RING_POLL_SECONDS * 1000;
/** A look at the ring takes a moment itself. */
const GRAIN_MS = 1000;

const BEFORE = {
  JWKS_MAX_AGE: '2s',
  VERIFIER_CACHE: '30s',
  CLOCK_SKEW: '1s',
  ACCESS_TOKEN_TTL: '10s',
  ACCESS_TOKEN_MAX_TTL: '10s',
};
const AFTER = { JWKS_MAX_AGE: '4s', ACCESS_TOKEN_TTL: '5s', ACCESS_TOKEN_MAX_TTL: '5s' };

/** How long an access token lives that a server gives now, in seconds. */
async function lifeFrom(url: string, form: Record<string, string>): Promise<number> {
  const { exp, iat } = claimsOf((await postToken(url, form)).body['access_token']);
  return Number(exp) - Number(iat);
}

/** What a server goes by at present: for how long its JWKS may be kept and how long its tokens live, in seconds. */
async function goesBy(url: string): Promise<{ readonly maxAge: number; readonly life: number }> {
  const [{ maxAgeSeconds }, life] = await Promise.all([jwksOf(url), lifeFrom(url, SERVICE_LOGIN)]);
  return { maxAge: maxAgeSeconds, life };
}

t.test('a rolling restart with other timings: servers not restarted yet follow within a poll', async (t) => {
  const stage = await rotationStage(t, BEFORE);
  const [first, second] = stage.servers;
  for (const url of stage.urls) t.strictSame(await goesBy(url), { maxAge: 2, life: 10 }, 'as configured at first');

  t.strictSame(await second.stop('SIGTERM'), { code: 0, signal: null });
  const restarted = await stage.launch(AFTER);
  const startedAt = Date.now();
  await until('the first server follows', startedAt + POLL_MS + GRAIN_MS, async () => {
    t.strictSame(await goesBy(restarted.url), { maxAge: 4, life: 5 }, 'the restarted server goes by its configuration');
    const { maxAge, life } = await goesBy(first.url);
    return maxAge === 4 && life === 5;
  });
  t.pass(`the first server followed ${Date.now() - startedAt} ms after the other was there`);
  const lives = await Promise.all([USER_LOGIN, SERVICE_LOGIN].map((form) => lifeFrom(first.url, form)));
  t.strictSame(lives, [5, 5], 'whoever asks it gets no token that lives longer than the ring counts with');
  t.equal(eventsOf(first, 'key_timing_differs').length, 1, 'and says once that it was started with another');
  t.equal(eventsOf(restarted, 'key_timing_differs').length, 0);

  // It is started again with what it had: the last who starts says what holds.
  t.strictSame(await first.stop('SIGTERM'), { code: 0, signal: null });
  const again = await stage.launch();
  t.strictSame(await goesBy(again.url), { maxAge: 2, life: 10 });
  await until('the other follows back', Date.now() + POLL_MS + GRAIN_MS, async () => {
    const { maxAge, life } = await goesBy(restarted.url);
    return maxAge === 2 && life === 5;
  });
  t.pass('the max-age is followed back; its own tokens live no longer than it was told');
  for (const server of [again, restarted]) t.strictSame(await server.stop('SIGTERM'), { code: 0, signal: null });
  t.strictSame(troubleOf([first, second, restarted, again]), [], 'no server had trouble');
});
