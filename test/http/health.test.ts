import { pino } from 'pino';
import t, { type Test } from 'tap';
import { buildApp } from '../../src/app.js';
import type { Readiness } from '../../src/http/health.js';
import { cachedDocument } from '../../src/keys/jwks.js';
import type { KeyStatus } from '../../src/keys/keeper.js';
import { DatabaseUnavailable } from '../../src/store/outage.js';
import { START, statusOf } from '../helper.js';
import { aRotatingRing, EARLIEST_USE, somePairs } from '../keys/support.js';
import { issuerWithClients } from '../rfc/setup.js';
import { issuerWithRing } from './ring-support.js';

const issuer = await issuerWithClients(t);
const GOOD: Readiness = { database: true, schema: true, keys: true };

async function appWith(t: Test, readiness: () => Promise<Readiness>, status: () => KeyStatus = statusOf) {
  const app = await buildApp({
    ...issuer.deps,
    keeper: {
      verify: async () => null,
      jwks: () => cachedDocument('{"keys":[]}'),
      jwksMaxAgeSeconds: () => 300,
      status,
    },
    readiness,
    clock: () => issuer.clock.now,
    logger: pino({ level: 'silent' }),
    apiDocs: null,
  });
  t.teardown(() => app.close());
  return app;
}

t.test('ready: 200 and every check', async (t) => {
  const reply = await (await appWith(t, async () => GOOD)).inject('/readyz');
  t.equal(reply.statusCode, 200);
  t.match(reply.json(), { status: 'ready', checks: GOOD });
  t.equal(reply.headers['cache-control'], 'no-store');
  t.equal(reply.headers['retry-after'], undefined);
});

t.test('not ready: 503, Retry-After, and what is missing', async (t) => {
  for (const bad of [{ database: false }, { schema: false }, { keys: false }]) {
    const reply = await (await appWith(t, async () => ({ ...GOOD, ...bad }))).inject('/readyz');
    t.equal(reply.statusCode, 503);
    t.match(reply.json(), { status: 'not ready', checks: { ...GOOD, ...bad } });
    t.equal(reply.headers['cache-control'], 'no-store');
    t.match(reply.headers['retry-after'], /^[1-9]\d*$/);
  }
});

t.test('a check that fails is an answer too, and never a good one', async (t) => {
  const app = await appWith(t, async () => {
    throw new DatabaseUnavailable('postgres://mintd:hunter2@db/ is gone');
  });
  const reply = await app.inject('/readyz');
  t.equal(reply.statusCode, 503);
  t.notMatch(reply.body, /hunter2|postgres/);
});

t.test('live does not ask anything of anybody', async (t) => {
  let asked = 0;
  const app = await appWith(t, async () => {
    asked++;
    return GOOD;
  });
  const reply = await app.inject('/livez');
  t.equal(reply.statusCode, 200);
  t.strictSame(reply.json(), { status: 'live' });
  t.equal(reply.headers['cache-control'], 'no-store');
  t.equal(asked, 0);
});

const STATUS: KeyStatus = {
  ...statusOf(),
  kid: 'the-kid',
  activeSince: START - 90_999,
  nextRotationAt: START + 3_600_000,
  seenSecondsAgo: 4.9,
};

t.test('ready says how the key ring is', async (t) => {
  const reply = await (
    await appWith(
      t,
      async () => GOOD,
      () => STATUS,
    )
  ).inject('/readyz');
  t.strictSame(reply.json(), {
    status: 'ready',
    checks: GOOD,
    key_ring: {
      kid: 'the-kid',
      age_seconds: 90,
      next_rotation_at: '2026-01-01T01:00:00Z',
      seen_seconds_ago: 4,
      faulty: false,
    },
  });
});

t.test('what is not known of it is null', async (t) => {
  const unknown = { ...STATUS, kid: null, activeSince: null, nextRotationAt: null };
  const { key_ring: ring } = (
    await (
      await appWith(
        t,
        async () => GOOD,
        () => unknown,
      )
    ).inject('/readyz')
  ).json();
  t.strictSame(ring, { kid: null, age_seconds: null, next_rotation_at: null, seen_seconds_ago: 4, faulty: false });
});

t.test('degraded is ready: the last good ring is in use', async (t) => {
  const faulty = { ...STATUS, isFaulty: true, seenSecondsAgo: 61 };
  const reply = await (
    await appWith(
      t,
      async () => GOOD,
      () => faulty,
    )
  ).inject('/readyz');
  t.equal(reply.statusCode, 200);
  t.match(reply.json(), { status: 'degraded', key_ring: { faulty: true, seen_seconds_ago: 61 } });
  t.equal(reply.headers['retry-after'], undefined);
  for (const bad of [{ database: false }, { schema: false }, { keys: false }]) {
    const worse = await (
      await appWith(
        t,
        async () => ({ ...GOOD, ...bad }),
        () => faulty,
      )
    ).inject('/readyz');
    t.equal(worse.statusCode, 503);
    t.match(worse.json(), { status: 'not ready', key_ring: { faulty: true } });
  }
});

t.test('of a real ring it says the key that signs, since when, and when the next one will', async (t) => {
  const { app, clock } = await issuerWithRing(t, { ring: await aRotatingRing() });
  const [first, standby] = await somePairs();
  const ringNow = async () => (await app.inject('/readyz')).json().key_ring;
  const common = { seen_seconds_ago: 0, faulty: false };
  const next = '2026-01-01T00:16:05Z';
  t.strictSame(await ringNow(), { kid: first.key.kid, age_seconds: 0, next_rotation_at: next, ...common });
  clock.now = EARLIEST_USE + 1999;
  t.strictSame(await ringNow(), { kid: standby.key.kid, age_seconds: 1, next_rotation_at: null, ...common });
});

t.test('health is there for GET and HEAD only', async (t) => {
  const app = await appWith(t, async () => GOOD);
  for (const url of ['/livez', '/readyz']) {
    t.equal((await app.inject({ method: 'HEAD', url })).statusCode, 200);
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const) {
      const reply = await app.inject({ method, url });
      t.equal(reply.statusCode, 405, `${method} ${url}`);
      t.equal(reply.headers['allow'], 'GET, HEAD', `${method} ${url}`);
    }
  }
});
