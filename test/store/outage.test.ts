import t from 'tap';
import { type Observation, observed } from '../../src/store/observer.js';
import { attempt, DatabaseUnavailable, isDangling, isTaken, type RetryClock } from '../../src/store/outage.js';
import { rejectionOf } from './support.js';

/** A clock that moves only by sleeping. */
function fakeClock(jitter = 0.5): RetryClock & { readonly sleeps: number[] } {
  const sleeps: number[] = [];
  return {
    sleeps,
    now: () => sleeps.reduce((sum, ms) => sum + ms, 0),
    sleep: async (ms) => void sleeps.push(ms),
    jitter: () => jitter,
  };
}

/** An error in the shape of Prisma's, with what the driver said. */
function prismaError(code: string, originalCode: string, originalMessage: string, message = 'Invalid invocation') {
  const cause = { originalCode, originalMessage, kind: 'x' };
  return Object.assign(new Error(message), {
    code,
    meta: { driverAdapterError: { name: 'DriverAdapterError', cause } },
  });
}

const BUSY = prismaError('P1008', 'SQLITE_BUSY', 'database is locked');

t.test('what succeeds is done once', async (t) => {
  const clock = fakeClock();
  let calls = 0;
  t.equal(await attempt(async () => ++calls, clock), 1);
  t.strictSame(clock.sleeps, []);
});

t.test('a busy database is asked again until it answers', async (t) => {
  const clock = fakeClock();
  let calls = 0;
  const statement = async () => {
    if (++calls < 5) throw BUSY;
    return 'done';
  };
  t.equal(await attempt(statement, clock), 'done');
  t.strictSame(clock.sleeps, [5, 10, 20, 40], 'pauses grow');
});

for (const jitter of [0, 0.5, 1]) {
  t.test(`a database that stays busy is given up after 2 s, with a jitter of ${jitter}`, async (t) => {
    const clock = fakeClock(jitter);
    let calls = 0;
    const statement = async () => {
      calls++;
      throw BUSY;
    };
    const error = await rejectionOf(attempt(statement, clock));
    t.type(error, DatabaseUnavailable);
    t.equal(error.cause, BUSY);
    t.ok(clock.now() > 1700 && clock.now() < 2200, `after ${clock.now()} ms`);
    t.ok(Math.max(...clock.sleeps) <= 300, 'no pause is long');
    t.equal(calls, clock.sleeps.length + 1);
  });
}

t.test('a database that is gone is not asked again', async (t) => {
  const clock = fakeClock();
  const gone = prismaError('P1001', 'ECONNREFUSED', '');
  const error = await rejectionOf(attempt(() => Promise.reject(gone), clock));
  t.type(error, DatabaseUnavailable);
  t.equal(error.cause, gone);
  t.strictSame(clock.sleeps, []);
});

t.test('a fault of the statement is passed on as it is, at once', async (t) => {
  const faults: readonly unknown[] = [
    prismaError('P2002', '23505', 'duplicate key value violates unique constraint "users_username_key_key"'),
    prismaError('P2003', 'SQLITE_CONSTRAINT_FOREIGNKEY', 'FOREIGN KEY constraint failed'),
    prismaError('P2010', '42P01', 'relation "nowhere" does not exist'),
    prismaError('P2010', 'SQLITE_ERROR', 'no such table: nowhere'),
    prismaError('P2010', 'SQLITE_NOTADB', 'file is not a database'),
    new TypeError('undefined is not a function'),
    'a text',
    undefined,
  ];
  for (const fault of faults) {
    const clock = fakeClock();
    const caught: unknown = await attempt(() => Promise.reject(fault), clock).catch((error: unknown) => error);
    t.equal(caught, fault);
    t.strictSame(clock.sleeps, []);
  }
});

t.test('what Prisma quotes of the program in a message decides nothing', async (t) => {
  // Outside production Prisma prints the lines around the call and the path of the file.
  const quotes = [
    'Invalid `prisma.user.createMany()` invocation in\n/srv/Connection pool/users.ts:52:48',
    'Invalid `prisma.user.createMany()` invocation in\n/srv/mintd-53001/users.ts:52:48',
    'Invalid `prisma.user.createMany()` invocation in\n/srv/users.ts:52:48\n\n  51 const timeoutMs = 40001;\n→ 52 await',
  ];
  for (const quote of quotes) {
    const message = `${quote}\nUnique constraint failed on the constraint: \`users_username_key_key\``;
    const taken = prismaError('P2002', '23505', 'duplicate key value violates unique constraint', message);
    t.equal(await rejectionOf(attempt(() => Promise.reject(taken), fakeClock())), taken, quote);
  }
});

t.test('a word of the data decides nothing', async (t) => {
  const message = 'invalid input syntax for type integer: "timeout of 40001 and Connection 53000"';
  const invalid = prismaError('P2010', '22P02', message);
  t.equal(await rejectionOf(attempt(() => Promise.reject(invalid), fakeClock())), invalid);
});

t.test('every code by which the databases say that they cannot, whatever their words', async (t) => {
  const codes: readonly (readonly [prisma: string, original: string, fault: 'busy' | 'gone'])[] = [
    ['P1008', 'SQLITE_BUSY', 'busy'],
    ['P2010', 'SQLITE_BUSY', 'busy'],
    ['P2010', 'SQLITE_BUSY_SNAPSHOT', 'busy'],
    ['P2034', '40001', 'busy'],
    ['P2010', '40001', 'busy'],
    ['P2010', '40P01', 'busy'],
    ['P2039', 'SQLITE_FULL', 'gone'],
    ['P2010', 'SQLITE_READONLY', 'gone'],
    ['P2010', 'SQLITE_IOERR_WRITE', 'gone'],
    ['P2010', '53100', 'gone'],
    ['P2010', '53300', 'gone'],
    ['P2039', '57P01', 'gone'],
    ['P2010', '57P03', 'gone'],
    ['P2010', '57014', 'gone'],
    ['P2039', '25006', 'gone'],
    // The classes "connection exception" and "system error" of PostgreSQL's error codes, and "lock not available".
    ['P2010', '08006', 'gone'],
    ['P2010', '08003', 'gone'],
    ['P2010', '58030', 'gone'],
    ['P2010', '55P03', 'gone'],
  ];
  for (const [prisma, original, fault] of codes) {
    const error = await rejectionOf(attempt(() => Promise.reject(prismaError(prisma, original, 'x')), fakeClock()));
    const message = fault === 'busy' ? 'the database is busy' : /^the database cannot be reached/;
    t.match(error, { name: 'DatabaseUnavailable', message }, `${prisma} ${original}`);
  }
});

t.test('taken and dangling are told apart, and from everything else', async (t) => {
  t.equal(isTaken(prismaError('P2002', '', '')), true);
  for (const code of ['SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT_PRIMARYKEY', '23505']) {
    t.equal(isTaken(Object.assign(new Error('x'), { code })), true, code);
  }
  t.equal(isTaken(prismaError('P2003', '', '')), false);
  for (const code of ['SQLITE_CONSTRAINT_FOREIGNKEY', '23503']) {
    t.equal(isDangling(Object.assign(new Error('x'), { code })), true, code);
  }
  // What a trigger raises is somebody's own rule, not a row that is gone.
  t.equal(isDangling(Object.assign(new Error('x'), { code: 'SQLITE_CONSTRAINT_TRIGGER' })), false);
  t.equal(isDangling(prismaError('P2002', '', '')), false);
  for (const other of [new Error('P2002'), { code: 'P2002' }, null, 'P2002', new DatabaseUnavailable('gone')]) {
    t.equal(isTaken(other), false);
    t.equal(isDangling(other), false);
  }
});

t.test('an observer is told how each statement ended and how often it was tried, and changes nothing', async (t) => {
  const told: Observation[] = [];
  const clock = fakeClock();
  const run = observed(
    (statement) => attempt(statement, clock),
    (one) => told.push(one),
  );
  let calls = 0;
  const busyTwice = async () => {
    if (++calls < 3) throw BUSY;
    return 'done';
  };
  t.equal(await run(busyTwice), 'done');
  const gone = prismaError('P1001', 'ECONNREFUSED', 'x');
  const [taken, bug] = [prismaError('P2002', 'x', 'x'), new Error('a bug')];
  t.type(await rejectionOf(run(() => Promise.reject(gone))), DatabaseUnavailable);
  for (const error of [taken, bug]) t.equal(await rejectionOf(run(() => Promise.reject(error))), error);
  const turnNeverCame = observed(
    () => Promise.reject(new DatabaseUnavailable('the database is busy')),
    (one) => told.push(one),
  );
  t.type(await rejectionOf(turnNeverCame(async () => 0)), DatabaseUnavailable);
  t.match(told, [
    { outcome: 'ok', retries: 2 },
    { outcome: 'unavailable', retries: 0 },
    { outcome: 'conflict', retries: 0 },
    { outcome: 'failed', retries: 0 },
    { outcome: 'unavailable', retries: 0 },
  ]);
  t.ok(told.every(({ ms }) => ms >= 0 && ms < 5_000));
  t.equal(observed(attempt, undefined), attempt, 'with nobody to tell it costs nothing');
});
