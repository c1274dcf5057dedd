/** The database is not there, or not in time. The request can be sent again; the HTTP layer answers 503. */
export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable';
}

/** How long a statement that may be repeated is repeated before the client is told to come back. */
const RETRY_FOR_MS = 2_000;
const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 200;

/** What retrying needs of the outside world. */
export type RetryClock = {
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** From 0 to 1. */
  readonly jitter: () => number;
};

const REAL: RetryClock = {
  now: Date.now,
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  jitter: Math.random,
};

/**
 * Runs one statement or batch, again while the database says that somebody else was in the way.
 *
 * @throws DatabaseUnavailable when it stays in the way for 2 s, or the database cannot be reached
 */
export async function attempt<T>(statement: () => Promise<T>, clock: RetryClock = REAL): Promise<T> {
  const deadline = clock.now() + RETRY_FOR_MS;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      return await statement();
    } catch (error) {
      const fault = faultOf(error);
      if (fault === null) throw error;
      if (fault === 'gone' || clock.now() + pause > deadline) {
        throw new DatabaseUnavailable(`the database ${SENTENCE[fault]}`, { cause: error });
      }
      await clock.sleep(pause * (0.5 + clock.jitter()));
    }
  }
}

type Fault = 'busy' | 'gone';

const SENTENCE: Readonly<Record<Fault, string>> = {
  busy: 'is busy',
  gone: 'cannot be reached, or cannot be written to',
};

/**
 * What says that somebody else was in the way: Prisma P1008 (time-out), P2034 (conflict); SQLite's BUSY; PostgreSQL's
 * serialization_failure and deadlock_detected.
 */
const BUSY = /^(P1008|P2034|SQLITE_BUSY.*|40001|40P01)$/;

/**
 * What says that the database is not there, or takes nothing: Prisma's connection errors; its adapters' kinds; SQLite's
 * I/O, space and permission errors; PostgreSQL's classes 08 (connection), 28 (not let in), 40 (rolled back), 53
 * (resources) and 58 (system), operator intervention, a database or right that is gone, read-only and lock
 * time-outs; the system's network errors.
 */
const GONE = new RegExp(
  `^(${[
    'P100[0123]|P1010|P1017|P2024|P2037',
    'DatabaseNotReachable|ConnectionClosed|TooManyConnections|TlsConnectionError',
    'SQLITE_(IOERR|FULL|READONLY|CANTOPEN).*',
    '08...|28...|40...|53...|58...|57P0.|57014|25006|25P03|3D000|42501|55000|55P03',
    'ECONN(REFUSED|RESET|ABORTED)|EPIPE|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|E(HOST|NET)UNREACH',
  ].join('|')})$`,
);

/** Errors of the drivers that carry no code at all: only their own words tell. */
const GONE_WORDS = /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout)/;
const BUSY_WORDS = /unknown variant `SocketTimeout`/;

/** Whether nothing else would have fared better: the database was not there, or somebody else was in its way. */
export function isOfTheDatabase(error: unknown): boolean {
  return error instanceof DatabaseUnavailable || faultOf(error) !== null;
}

/** Whether an error speaks of the database's state rather than of the statement. */
function faultOf(error: unknown): Fault | null {
  if (!(error instanceof Error)) return null;
  const signs = signsOf(error);
  if (signs.some((sign) => BUSY.test(sign)) || BUSY_WORDS.test(error.message)) return 'busy';
  if (signs.some((sign) => GONE.test(sign)) || GONE_WORDS.test(error.message)) return 'gone';
  return null;
}

/**
 * Every code in an error: Prisma's, the driver's, and what Prisma's adapter makes of the driver's. Prisma's messages are
 * not read: they quote source code and data, where any word may stand.
 */
function signsOf(error: Error): readonly string[] {
  const { code, meta } = error as { code?: unknown; meta?: { driverAdapterError?: { cause?: DriverCause } } };
  const { kind, originalCode } = meta?.driverAdapterError?.cause ?? {};
  return [code, kind, originalCode].filter((sign) => typeof sign === 'string');
}

type DriverCause = { readonly kind?: unknown; readonly originalCode?: unknown };

const TAKEN: ReadonlySet<string> = new Set([
  'P2002',
  'UniqueConstraintViolation',
  'SQLITE_CONSTRAINT_UNIQUE',
  'SQLITE_CONSTRAINT_PRIMARYKEY',
  '23505',
]);

/** Whether the statement broke a unique index: somebody has the name already. Of a raw one only adapter or driver say it. */
export function isTaken(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return signsOf(error).some((sign) => TAKEN.has(sign));
}

/** Whether the statement points at a row that is not there any more: SQLite's name, PostgreSQL's foreign_key_violation. */
export function isDangling(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return signsOf(error).some((sign) => sign === 'SQLITE_CONSTRAINT_FOREIGNKEY' || sign === '23503');
}
