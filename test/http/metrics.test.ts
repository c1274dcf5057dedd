import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { buildApp } from '../../src/app.js';
import type { KeyStatus } from '../../src/keys/keeper.js';
import { START, statusOf } from '../helper.js';
import { revokedAt } from '../keys/keeper-support.js';
import { aRotatingRing, EARLIEST_REMOVAL, EARLIEST_USE, somePairs } from '../keys/support.js';
import { issuerWithClients } from '../rfc/setup.js';
import { samples } from './metrics-support.js';
import { issuerWithRing } from './ring-support.js';

const INTERVAL_SECONDS = 30 * 86_400;
const GAUGES = [
  'mintd_signing_key_age_seconds',
  'mintd_signing_key_seconds_to_rotation',
  'mintd_key_ring_unseen_seconds',
  'mintd_key_ring_faulty',
  'mintd_keys',
  'mintd_password_turns_running',
  'mintd_password_turns_waiting',
  'mintd_build_info',
  'mintd_families_alive',
  'mintd_families_counted_timestamp_seconds',
];
const COUNTERS = [
  'mintd_password_turns_total',
  'mintd_password_wait_seconds_total',
  'mintd_password_turns_refused_total',
  'mintd_token_requests_total',
  'mintd_refreshes_total',
  'mintd_database_errors_total',
];
const HISTOGRAMS = [
  'mintd_http_request_duration_seconds',
  'mintd_database_statement_duration_seconds',
  'mintd_password_duration_seconds',
];

const states = (counts: Partial<KeyStatus['states']>) =>
  Object.fromEntries(
    Object.entries({ published: 0, active: 0, retiring: 0, removed: 0, revoked: 0, ...counts }).map(
      ([state, count]) => [`mintd_keys{state="${state}"}`, count],
    ),
  );

/** An app that says a status. */
async function appWith(t: Test, status: () => KeyStatus) {
  const issuer = await issuerWithClients(t);
  const keeper = {
    verify: async () => null,
    jwks: () => Promise.reject(new Error('not asked')) as never,
    jwksMaxAgeSeconds: () => 300,
    status,
  };
  const readiness = async () => ({ database: true, schema: true, keys: true });
  const logger = pino({ level: 'silent' });
  const app = await buildApp({ ...issuer.deps, keeper, readiness, clock: () => START, logger });
  t.teardown(() => app.close());
  return { app };
}

t.test('every metric has a help, a type and a sample, in the text format of Prometheus', async (t) => {
  const { app, deps } = await issuerWithRing(t, { rotationIntervalSeconds: INTERVAL_SECONDS });
  t.notMatch((await app.inject('/metrics')).body, /^mintd_famil/m, 'what was not counted yet has no sample');
  deps.meter.familiesCounted(3, START);
  const reply = await app.inject('/metrics');
  t.equal(reply.statusCode, 200);
  t.equal(reply.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  t.equal(reply.headers['cache-control'], 'no-store');
  for (const name of [...GAUGES, ...COUNTERS]) {
    t.match(reply.body, new RegExp(`^# HELP ${name} \\S.*\\.$`, 'm'));
    t.match(reply.body, new RegExp(`^# TYPE ${name} ${COUNTERS.includes(name) ? 'counter' : 'gauge'}$`, 'm'));
    t.match(reply.body, new RegExp(`^${name}(\\{.*\\})? -?[0-9.]+$`, 'm'));
  }
  for (const name of HISTOGRAMS) t.match(reply.body, new RegExp(`^# TYPE ${name} histogram$`, 'm'));
  const told = [...reply.body.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]);
  t.strictSame(told.sort(), [...GAUGES, ...COUNTERS, ...HISTOGRAMS].sort(), 'and there is no other');
});

t.test('the metrics follow the ring through a rotation', async (t) => {
  const issuer = await issuerWithRing(t, {
    ring: await aRotatingRing(),
    rotationIntervalSeconds: INTERVAL_SECONDS,
  });
  issuer.turned.pass(1500);
  t.match(await samples(issuer), {
    mintd_signing_key_age_seconds: 1.5,
    mintd_signing_key_seconds_to_rotation: (EARLIEST_USE - START) / 1000 - 1.5,
    mintd_key_ring_unseen_seconds: 1.5,
    mintd_key_ring_faulty: 0,
    ...states({ published: 1, active: 1 }),
  });
  issuer.clock.now = EARLIEST_USE + 10_000;
  t.match(await samples(issuer), {
    mintd_signing_key_age_seconds: 10,
    mintd_signing_key_seconds_to_rotation: INTERVAL_SECONDS - 10,
    ...states({ active: 1, retiring: 1 }),
  });
  issuer.clock.now = EARLIEST_REMOVAL;
  t.match(await samples(issuer), states({ active: 1, removed: 1 }));
  issuer.clock.now = EARLIEST_USE + INTERVAL_SECONDS * 1000 + 60_000;
  t.match(await samples(issuer), { mintd_signing_key_seconds_to_rotation: -60 }, 'overdue');
});

t.test('a ring that cannot be read is to be seen, and for how long', async (t) => {
  const issuer = await issuerWithRing(t);
  const path = join(issuer.keys.folder, 'ring.json');
  chmodSync(path, 0o644);
  issuer.turned.pass(60_000);
  await issuer.turned.tick();
  t.match(await samples(issuer), { mintd_key_ring_faulty: 1, mintd_key_ring_unseen_seconds: 60 });
  chmodSync(path, 0o600);
  await issuer.turned.tick();
  t.match(await samples(issuer), { mintd_key_ring_faulty: 0, mintd_key_ring_unseen_seconds: 0 });
});

t.test('what cannot be measured has no sample, also when it could before, and has one again when it can', async (t) => {
  const given: { status: KeyStatus } = { status: { ...statusOf(), activeSince: START - 1000, nextRotationAt: START } };
  const app = await appWith(t, () => given.status);
  const [age, rotation] = ['mintd_signing_key_age_seconds', 'mintd_signing_key_seconds_to_rotation'];
  t.match(await samples(app), { [age]: 1, [rotation]: 0 });
  given.status = { ...given.status, nextRotationAt: null };
  t.match(await samples(app), { [age]: 1 });
  t.notOk(Object.hasOwn(await samples(app), rotation));
  given.status = { ...given.status, activeSince: null };
  t.strictSame(
    Object.keys(await samples(app)).filter((name) => name.startsWith('mintd_signing')),
    [],
  );
  given.status = { ...given.status, activeSince: START - 7000, nextRotationAt: START + 9000 };
  t.match(await samples(app), { [age]: 7, [rotation]: 9 });
});

t.test('no key, secret or address stands in it', async (t) => {
  const issuer = await issuerWithRing(t);
  const pairs = await somePairs();
  const [first] = pairs;
  await revokedAt(issuer.keys.store, first.key.kid, START);
  await issuer.turned.tick();
  const { body } = await issuer.app.inject('/metrics');
  t.match(await samples(issuer), states({ active: 1, published: 1, revoked: 1 }));
  const { keys } = await issuer.keys.store.read();
  for (const { kid, jwk } of keys) for (const text of [kid, jwk.n]) t.notOk(body.includes(text));
  t.notMatch(body, /PRIVATE|ada|localhost|kid|https?:|\/tmp/);
});

t.test('it is there for GET and HEAD only', async (t) => {
  const { app } = await issuerWithRing(t);
  const head = await app.inject({ method: 'HEAD', url: '/metrics' });
  t.strictSame([head.statusCode, head.body], [200, '']);
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const) {
    const reply = await app.inject({ method, url: '/metrics' });
    t.equal(reply.statusCode, 405, method);
    t.equal(reply.headers['allow'], 'GET, HEAD', method);
    t.equal(reply.json().error, 'method_not_allowed', method);
  }
  t.equal((await app.inject('/metrics?token=x')).statusCode, 400, 'no credential in the URL here either');
});
