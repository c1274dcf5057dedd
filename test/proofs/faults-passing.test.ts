// Faults that pass: what may be sent again is sent again by mintd itself, and the rest is told to come back.
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { REQUEST_PATIENCE } from '../../src/store/database.js';
import { PROVIDERS, START, type TestIssuer } from '../helper.js';
import { logIn, refresh } from '../rfc/setup.js';
import { FLOWS } from './fault-flows.js';
import {
  beside,
  type Fault,
  PLAIN,
  postgresReadFault,
  postgresWriteFault,
  RETRYABLE,
  sqliteWriteFaults,
  TRIGGER_TIMES,
} from './fault-injection.js';
import { assertGood, DIRECT, everything, meet, prepared, type Sql } from './fault-meeting.js';
import { type Flow, faultyIssuer } from './fault-requests.js';

t.setTimeout(600_000);

/** The longest a request may take whose database is in trouble. */
const WITHIN_MS = 3_000;

const WRITING = FLOWS.filter(({ writes }) => writes !== null);
const LOCKED_OUT = FLOWS.filter(({ name }) => ['login', 'refresh', 'reuse'].includes(name));

/** A flow meets a fault that is over before mintd gives up: its client notices nothing. */
async function meetPassing(t: Test, issuer: TestIssuer, sql: Sql, flow: Flow, fault: Fault): Promise<void> {
  const request = await prepared(issuer, flow);
  await sql(fault.begin);
  const answer = await request.send().finally(() => sql(fault.end));
  assertGood(t, answer, request.good);
  await request.after(t, answer);
}

/** The faults of a flow that PostgreSQL raises twice and not a third time. */
function passingFaultsOf({ reads, writes, decidesNothing = false }: Flow): readonly Fault[] {
  return Object.values(RETRYABLE).flatMap((sqlstate) => {
    const raise = { sqlstate, times: 2 };
    const deciding = postgresWriteFault(['UPDATE', 'families'], 'before the statement', raise);
    const times = ['before the row', 'after the row', 'at the commit'];
    return [
      ...reads.map((table) => postgresReadFault(table, raise)),
      ...(decidesNothing ? [deciding] : []),
      ...(writes === null
        ? []
        : times.map((time) => postgresWriteFault([writes.operation, writes.table], time, raise))),
    ];
  });
}

t.test('PostgreSQL: a statement that may be sent again is, and the client notices nothing', async (t) => {
  const issuer = await faultyIssuer(t, 'postgres');
  const sql = await beside(t, issuer);
  for (const flow of FLOWS) {
    for (const fault of passingFaultsOf(flow)) {
      await t.test(`${flow.name}: twice ${fault.name}`, (t) => meetPassing(t, issuer, sql, flow, fault));
    }
  }
});

/** The same as meet(), and in time. */
async function meetInTime(t: Test, issuer: TestIssuer, sql: Sql, flow: Flow, fault: Fault): Promise<void> {
  let since = 0;
  const timed: Sql = async (text) => {
    if (text === fault.end) t.ok(performance.now() - since < WITHIN_MS, 'answered within 3 s');
    await sql(text);
    since = performance.now();
  };
  await meet(t, issuer, timed, flow, fault);
}

t.test('PostgreSQL: one that fails again and again is a 503 within 3 s', async (t) => {
  const issuer = await faultyIssuer(t, 'postgres', REQUEST_PATIENCE);
  const sql = await beside(t, issuer);
  for (const flow of LOCKED_OUT) {
    const { table, operation } = flow.writes ?? { table: 'families', operation: 'UPDATE' };
    const fault = postgresWriteFault([operation, table], 'before the row', { sqlstate: '40001' });
    await t.test(`${flow.name}: ${fault.name}`, (t) => meetInTime(t, issuer, sql, flow, fault));
  }
});

t.test('SQLite: a database that may not be written is a 503 for whatever writes', async (t) => {
  const issuer = await faultyIssuer(t, 'sqlite');
  const fault: Fault = {
    name: 'read-only',
    begin: 'PRAGMA query_only = 1',
    end: 'PRAGMA query_only = 0',
    status: 503,
  };
  // It is a setting of one connection, and of the one beside Prisma's it could not be undone: test/store/outage-real.test.ts.
  const sql: Sql = (text) => issuer.database.prisma.$queryRawUnsafe(text);
  for (const flow of WRITING.filter(({ name }) => !DIRECT.includes(name)))
    await t.test(flow.name, (t) => meet(t, issuer, sql, flow, fault));
});

const LOCK: Fault = { name: 'another writer', begin: 'BEGIN IMMEDIATE', end: 'COMMIT', status: 503 };

t.test('SQLite: another writer that does not finish is a 503 within 3 s', async (t) => {
  const issuer = await faultyIssuer(t, 'sqlite');
  const sql = await beside(t, issuer);
  for (const flow of LOCKED_OUT) await t.test(flow.name, (t) => meetInTime(t, issuer, sql, flow, LOCK));
});

t.test('SQLite: another writer that finishes is waited for', async (t) => {
  const issuer = await faultyIssuer(t, 'sqlite');
  const sql = await beside(t, issuer);
  for (const flow of WRITING) {
    await t.test(flow.name, async (t) => {
      const request = await prepared(issuer, flow);
      await sql(LOCK.begin);
      const sent = request.send();
      // Longer than SQLite waits by itself, and shorter than mintd does.
      await pause(300);
      await sql(LOCK.end);
      const answer = await sent;
      assertGood(t, answer, request.good);
      await request.after(t, answer);
    });
  }
});

/** What can go wrong where families are deleted; nothing is half done. */
function deletionFaults(provider: string): readonly Fault[] {
  return provider === 'sqlite'
    ? sqliteWriteFaults('families', 'DELETE').filter(({ isStored }) => isStored !== true)
    : TRIGGER_TIMES.map((time) => postgresWriteFault(['DELETE', 'families'], time, { sqlstate: PLAIN }));
}

for (const provider of PROVIDERS) {
  t.test(`${provider}: a deletion that fails deletes nothing, and can be done again`, async (t) => {
    for (const fault of deletionFaults(provider)) {
      await t.test(fault.name, async (t) => {
        const issuer = await faultyIssuer(t, provider);
        const sql = await beside(t, issuer);
        const bob = await issuer.addUser({ username: 'bob' });
        await logIn(issuer, { username: 'bob' });
        await logIn(issuer);
        issuer.clock.now = START + 90 * 86_400_000;
        const living = await logIn(issuer);
        const before = await everything(issuer);
        await sql(fault.begin);
        await t.rejects(issuer.sessions.removeExpired(issuer.clock.now, 100), 'the removal of expired logins');
        await t.rejects(issuer.users.remove(bob), 'the removal of a user');
        await sql(fault.end);
        t.strictSame(await everything(issuer), before);
        t.equal(await issuer.users.remove(bob), true);
        t.equal(await issuer.sessions.removeExpired(issuer.clock.now, 100), 1);
        t.equal((await refresh(issuer, living['refresh_token'])).status, 200, 'a login that lives is not touched');
      });
    }
  });
}
