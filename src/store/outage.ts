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
        throw new DatabaseUnavailable(`the database is ${fault}`, { cause: error });
      }
      await clock.sleep(pause * (0.5 + clock.jitter()));
    }
  }
}

/** Prisma's codes: P1001/P1002 unreachable, P1008 busy, P1017 closed, P2024/P2037 no connection, P2034 conflict. */
const GONE_CODES: ReadonlySet<string> = new Set(['P1001', 'P1002', 'P1003', 'P1010', 'P1017', 'P2024', 'P2037']);
const BUSY_CODES: ReadonlySet<string> = new Set(['P1008', 'P2034']);
/** What the drivers and the system say, where Prisma has no code of its own. */
const GONE =
  /ECONN|EPIPE|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|timeout|terminat|Connection |not reachable|57P0\d|53\d\d\d|57014|25006|SQLITE_(IOERR|FULL|READONLY|CANTOPEN)|disk is full|disk I\/O|readonly database|read-only/i;
const BUSY = /SQLITE_BUSY|`SocketTimeout`|database is locked|40001|40P01|deadlock|could not serialize/i;

/** Whether an error speaks of the database's state rather than of the statement. */
function faultOf(error: unknown): 'busy' | 'gone' | null {
  if (!(error instanceof Error)) return null;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (BUSY_CODES.has(code)) return 'busy';
  if (GONE_CODES.has(code)) return 'gone';
  const text = `${code} ${error.message} ${JSON.stringify('meta' in error ? error.meta : '')} ${String(error.cause ?? '')}`;
  if (BUSY.test(text)) return 'busy';
  return GONE.test(text) ? 'gone' : null;
}

/** Whether the statement broke a unique index: somebody has the name already. */
export function isTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'P2002';
}

/** Whether the statement points at a row that is not there any more. */
export function isDangling(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'P2003';
}
