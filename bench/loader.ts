// Visits a server as it is told; a process of its own, started by bench/load.ts.
import { setTimeout as pause } from 'node:timers/promises';
import { openConnection } from './connection.js';
import type { Group, GroupResult, LoadTask, Told } from './load.js';
import { quantile } from './statistics.js';
import type { Target } from './target.js';
import { PAUSE_MS, VISITORS, type Visitor } from './visitors.js';

/** So that a server that refuses everything is not asked as fast as possible. */
const AFTER_ERROR_MS = 20;
const LOGIN_TRIES = 10;

/** What is true for all visitors of a stretch; times are those of performance.now(). */
type Stretch = { from: number; until: number; isOver: boolean };

type Count = { readonly times: number[]; errors: number; lastError: string | null };

function tell(told: Told): void {
  process.send?.(told);
}

/** One visitor, from one answer to the next until it is over. */
async function visit(url: string, visitor: Visitor, stretch: Stretch, pauseMs: number, count: Count): Promise<void> {
  const connection = openConnection(url);
  while (!stretch.isOver) {
    try {
      const answer = await connection.send(visitor.next());
      const now = performance.now();
      if (visitor.answered(answer) && now >= stretch.from && now <= stretch.until) count.times.push(answer.ms);
    } catch (error) {
      count.errors++;
      count.lastError = error instanceof Error ? error.message : String(error);
      await pause(AFTER_ERROR_MS);
    }
    if (pauseMs > 0) await pause(pauseMs);
  }
  connection.close();
}

/** Visitors with a refresh token each, where they use one; those without log in first. */
async function begin(target: Target, { kind, clients, tokens }: Group): Promise<Visitor[]> {
  const visitors = Array.from({ length: clients }, (_, i) => VISITORS[kind](target, i, tokens?.[i] ?? null));
  if (kind !== 'refresh' && kind !== 'retry') return visitors;
  const logIn = async (visitor: Visitor) => {
    const connection = openConnection(target.baseUrl);
    // Not every server can log in as many at once, so the first errors are borne with.
    for (let left = LOGIN_TRIES; visitor.token() === null; left--)
      await connection
        .send(visitor.next())
        .then(visitor.answered)
        .catch((error) => (left > 1 ? pause(AFTER_ERROR_MS) : Promise.reject(error)));
    connection.close();
  };
  await Promise.all(visitors.filter((visitor) => visitor.token() === null).map(logIn));
  return visitors;
}

async function run({ target, groups, seconds, warmupSeconds, pauses }: LoadTask): Promise<void> {
  const begun = await Promise.all(groups.map((group) => begin(target, group)));
  const counts = groups.map((): Count => ({ times: [], errors: 0, lastError: null }));
  const from = performance.now() + warmupSeconds * 1000;
  const stretch: Stretch = { from, until: from + seconds * 1000, isOver: false };
  const visits = groups.flatMap(({ kind }, g) =>
    (begun[g] ?? []).map((visitor) => {
      const pauseMs = pauses ? (PAUSE_MS[kind] ?? 0) : 0;
      return visit(target.baseUrl, visitor, stretch, pauseMs, counts[g] as Count);
    }),
  );
  await pause(warmupSeconds * 1000);
  const before = process.cpuUsage();
  tell({ told: 'begin' });
  await pause(Math.max(0, stretch.until - performance.now()));
  const { user, system } = process.cpuUsage(before);
  tell({ told: 'end' });
  stretch.isOver = true;
  await Promise.all(visits);
  const results = groups.map(({ kind, clients }, g): GroupResult => {
    const { times, errors, lastError } = counts[g] as Count;
    const at = (share: number) => quantile(times, share);
    const latencies = { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
    const tokens = (begun[g] ?? []).map((visitor) => visitor.token());
    return {
      kind,
      clients,
      count: times.length,
      perSecond: times.length / seconds,
      ...latencies,
      errors,
      lastError,
      tokens,
    };
  });
  tell({ told: 'done', loaderCores: (user + system) / 1e6 / seconds, groups: results });
}

process.on('message', (task: LoadTask) => {
  run(task).catch((error) => tell({ told: 'failed', reason: String(error) }));
});
process.on('disconnect', () => process.exit());
