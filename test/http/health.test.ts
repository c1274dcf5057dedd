import { pino } from 'pino';
import t, { type Test } from 'tap';
import { buildApp } from '../../src/app.js';
import type { Readiness } from '../../src/http/health.js';
import { cachedDocument } from '../../src/keys/jwks.js';
import { DatabaseUnavailable } from '../../src/store/outage.js';
import { statusOf } from '../helper.js';
import { issuerWithClients } from '../rfc/setup.js';

const issuer = await issuerWithClients(t);
const GOOD: Readiness = { database: true, schema: true, keys: true };

async function appWith(t: Test, readiness: () => Promise<Readiness>) {
  const app = await buildApp({
    clients: issuer.clients,
    grants: issuer.grants,
    sessions: issuer.sessions,
    keeper: {
      verify: async () => null,
      jwks: () => cachedDocument('{"keys":[]}'),
      jwksMaxAgeSeconds: () => 300,
      status: statusOf,
    },
    readiness,
    clock: () => issuer.clock.now,
    logger: pino({ level: 'silent' }),
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
