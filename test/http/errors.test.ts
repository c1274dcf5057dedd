import { Client as PgClient } from 'pg';
import t from 'tap';
import { formatRefreshToken } from '../../src/oauth/refresh-token.js';
import { DatabaseUnavailable } from '../../src/store/outage.js';
import type { TestIssuer } from '../helper.js';
import {
  assertError,
  assertTokens,
  issuerWithClients,
  logIn,
  loginForm,
  refresh,
  SERVICE,
  send,
} from '../rfc/setup.js';

const HIDDEN = 'postgres://mintd:hunter2@db.internal:5432/mintd';
const UNKNOWN = formatRefreshToken({ handle: new Uint8Array(16), secret: new Uint8Array(28) });
const REFRESH = { grant_type: 'refresh_token', client_id: 'app', refresh_token: UNKNOWN };

function failing(error: unknown): () => Promise<never> {
  return async () => {
    throw error;
  };
}

/** One thing after the other that can fail, and a request that meets it. */
function breakable({ grants, accounts, clients }: TestIssuer): readonly [object, string, Record<string, string>][] {
  return [
    [clients, 'find', loginForm()],
    [accounts.users, 'findByLogin', loginForm()],
    [accounts.failures, 'count', loginForm()],
    [grants.families, 'begin', loginForm()],
    [grants.signer, 'sign', loginForm()],
    [grants.families, 'rotate', REFRESH],
    [grants.families, 'find', REFRESH],
    [grants.families, 'find', { ...REFRESH, scope: 'read' }],
  ];
}

/** Does something while one function of a part fails. */
async function whileFailing<T>(part: object, name: string, error: unknown, run: () => Promise<T>): Promise<T> {
  const original = { ...part };
  Object.assign(part, { [name]: failing(error) });
  return run().finally(() => Object.assign(part, original));
}

const issuer = await issuerWithClients(t);

t.test('an outage is 503 with Retry-After, and says nothing of its cause', async (t) => {
  for (const [part, what, form] of breakable(issuer)) {
    const logged = issuer.log.length;
    const error = new DatabaseUnavailable(HIDDEN);
    const reply = await whileFailing(part, what, error, () => issuer.post('/token', form));
    assertError(t, reply, 503, 'temporarily_unavailable', what);
    t.match(reply.headers['retry-after'], /^[1-9]\d*$/, `${what}: Retry-After`);
    t.notMatch(JSON.stringify(reply), /hunter2|postgres/, what);
    const event = JSON.parse(issuer.log.slice(logged).find((line) => line.includes('database_unavailable')) ?? '{}');
    t.match(event, { level: 50, event: 'database_unavailable', err: { message: HIDDEN } }, `${what}: the log has it`);
    t.equal((await send(issuer, { url: '/.well-known/jwks.json' })).status, 200, 'the keys go on');
    t.equal((await send(issuer, { url: '/livez' })).status, 200, 'and it lives');
  }
});

t.test('anything unexpected is 500 server_error, and says nothing of its cause', async (t) => {
  for (const [part, what, form] of breakable(issuer)) {
    const logged = issuer.log.length;
    const error = new TypeError(`cannot read ${HIDDEN}`);
    const reply = await whileFailing(part, what, error, () => issuer.post('/token', form));
    assertError(t, reply, 500, 'server_error', what);
    t.equal(reply.headers['retry-after'], undefined, `${what}: trying again will not help`);
    t.notMatch(JSON.stringify(reply), /hunter2|postgres|TypeError|stack| at /, what);
    const event = JSON.parse(issuer.log.slice(logged).find((line) => line.includes('"failure"')) ?? '{}');
    t.match(event, { level: 50, event: 'failure', err: { type: 'TypeError' } }, `${what}: the log has it`);
  }
});

t.test('what is thrown may be anything', async (t) => {
  const strange = [
    Object.assign(new Error('x'), { statusCode: 599 }),
    Object.assign(new Error('x'), { code: 'E' }),
    'x',
  ];
  for (const error of strange) {
    const reply = await whileFailing(issuer.grants.signer, 'sign', error, () => issuer.post('/token', loginForm()));
    assertError(t, reply, 500, 'server_error', String(error));
  }
});

t.test('a refresh whose signature failed after the commit is healed by a retry', async (t) => {
  const token = (await logIn(issuer))['refresh_token'];
  const failed = await whileFailing(issuer.grants.signer, 'sign', new Error('no memory'), () => refresh(issuer, token));
  assertError(t, failed, 500, 'server_error');
  const healed = await refresh(issuer, token);
  assertTokens(t, healed, 'retry');
  assertTokens(t, await refresh(issuer, healed.body['refresh_token']), 'and the chain goes on');
});

t.test('a database that goes away under a running server is an outage', async (t) => {
  const issuer = await issuerWithClients(t, { provider: 'postgres' });
  assertTokens(t, await issuer.post('/token', { grant_type: 'client_credentials' }, SERVICE), 'before');
  const name = new URL(issuer.database.url).pathname.slice(1);
  const admin = new PgClient({ connectionString: process.env['TEST_DATABASE_URL'] ?? '' });
  await admin.connect();
  await admin.query(`DROP DATABASE ${name} WITH (FORCE)`).finally(() => admin.end());
  for (let i = 0; i < 3; i++) {
    const reply = await issuer.post('/token', { grant_type: 'client_credentials' }, SERVICE);
    assertError(t, reply, 503, 'temporarily_unavailable', `request ${i}`);
    t.match(reply.headers['retry-after'], /^[1-9]\d*$/);
  }
});
