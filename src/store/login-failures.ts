import { delaySeconds, failuresThatDelay } from '../oauth/login-limits.js';
import type { EpochMs } from '../oauth/time.js';
import type { Database } from './database.js';
import { Prisma } from './generated/sqlite/client.js';

/** What one counter is counted by. */
export type Counter = {
  readonly key: string;
  /** How many failures are let through without a wait. */
  readonly limit: number;
  readonly windowSeconds: number;
};

export type LoginFailureStore = {
  /**
   * Counts an attempt as a failure before anybody knows, in one statement: of many at once, on however many servers, no
   * more than the limit get through.
   *
   * @returns null when it may be made, else the time from which the next may
   */
  count(counter: Counter, now: EpochMs): Promise<EpochMs | null>;
  /** Takes back one that was no failure after all. */
  giveBack(counter: Counter, now: EpochMs): Promise<void>;
  forget(key: string): Promise<void>;
  /** Deletes counters nobody needs any more, `limit` at most. Returns how many. */
  removeExpired(now: EpochMs, limit: number): Promise<number>;
};

export function openLoginFailures({ prisma, attempt, direct }: Database): LoginFailureStore {
  return {
    async count(counter, now) {
      for (;;) {
        const counted = await attempt(() => direct(countStatement(counter, now)));
        if (counted.length > 0) return null;
        const row = await attempt(() => prisma.loginFailures.findUnique({ where: { key: counter.key } }));
        // Gone meanwhile, or just free again: nothing was counted, so it is tried anew.
        const isBlocked = row !== null && row.failures >= counter.limit && row.blockedUntil.getTime() > now;
        if (isBlocked) return row.blockedUntil.getTime();
      }
    },
    async giveBack({ key, limit }, now) {
      await attempt(() =>
        direct(Prisma.sql`
          UPDATE login_failures SET failures = failures - 1,
            blocked_until = CASE WHEN failures <= ${limit} THEN ${new Date(now)} ELSE blocked_until END
          WHERE key = ${key} AND failures > 0`),
      );
    },
    async forget(key) {
      await attempt(() => direct(Prisma.sql`DELETE FROM login_failures WHERE key = ${key}`));
    },
    async removeExpired(now, limit) {
      const isExpired = Prisma.sql`expires_at <= ${new Date(now)}`;
      const some = Prisma.sql`SELECT key FROM login_failures WHERE ${isExpired} LIMIT ${limit}`;
      // PostgreSQL asks the second time when somebody has counted on meanwhile: such a one stays.
      return attempt(() => prisma.$executeRaw`DELETE FROM login_failures WHERE key IN (${some}) AND ${isExpired}`);
    },
  };
}

/** No row: the counter is blocked. */
function countStatement({ key, limit, windowSeconds }: Counter, now: EpochMs): Prisma.Sql {
  const at = new Date(now);
  const isOver = Prisma.sql`login_failures.expires_at <= ${at}`;
  const counted = Prisma.sql`CASE WHEN ${isOver} THEN 1 ELSE login_failures.failures + 1 END`;
  const free = (failures: number) => new Date(now + delaySeconds(failures, limit, windowSeconds) * 1000);
  const forgotten = (failures: number) => new Date(free(failures).getTime() + windowSeconds * 1000);
  const byCount = (time: (failures: number) => Date) => {
    const waits = failuresThatDelay(limit, windowSeconds);
    const cases = waits.map((failures) => Prisma.sql`WHEN ${counted} <= ${failures} THEN ${moment(time(failures))}`);
    const longest = moment(time(waits.at(-1) ?? 0));
    return Prisma.sql`CASE WHEN ${counted} < ${limit} THEN ${moment(time(0))} ${Prisma.join(cases, ' ')} ELSE ${longest} END`;
  };
  return Prisma.sql`
    INSERT INTO login_failures (key, failures, blocked_until, expires_at)
    VALUES (${key}, 1, ${free(1)}, ${forgotten(1)})
    ON CONFLICT (key) DO UPDATE SET
      failures = ${counted},
      blocked_until = ${byCount(free)},
      expires_at = ${byCount(forgotten)}
    WHERE ${isOver} OR login_failures.blocked_until <= ${at} OR login_failures.failures < ${limit}
    RETURNING failures`;
}

/** PostgreSQL does not guess that a parameter in the middle of an expression is a time. */
function moment(time: Date): Prisma.Sql {
  return Prisma.sql`CAST(${time} AS timestamp)`;
}
