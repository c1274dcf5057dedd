import { setTimeout as pause } from 'node:timers/promises';
import type { Loader } from './load.js';
import { busySeconds, signaturesPerSecond, usageOf } from './machine.js';
import type { Served } from './server.js';
import type { BareBcrypt, Subject } from './subjects.js';
import type { Kind } from './visitors.js';

/** How many visit at once, and what they do. */
export type Visitors = { readonly kind: Kind; readonly clients: number };

/** What each group of visitors found. */
export type Found = Visitors & {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
  readonly lastError: string | null;
};

/** One stretch of one server. Cores are processor seconds a second. */
export type Measured = {
  readonly groups: readonly Found[];
  /** Of the server with all its processes, its database too. */
  readonly cpuMsPerRequest: number;
  readonly serverCores: number;
  readonly rssMib: number;
  readonly loaderCores: number;
  /** What everything else on the machine took meanwhile. */
  readonly foreignCores: number;
  /** How fast the machine was just before. */
  readonly signaturesPerSecond: number;
};

export type Stretch = { readonly seconds: number; readonly warmupSeconds: number };

/** What the server and the machine have used so far. */
const readUse = (pids: readonly number[]) => {
  const { user, system } = process.cpuUsage();
  return { at: performance.now(), busy: busySeconds(), own: (user + system) / 1e6, server: usageOf(pids) };
};

/** What was used between two of those, in cores. */
function used(before: ReturnType<typeof readUse>, after: ReturnType<typeof readUse>) {
  const seconds = (after.at - before.at) / 1000;
  const server = (after.server.cpuSeconds - before.server.cpuSeconds) / seconds;
  const others = (after.busy - before.busy - (after.own - before.own)) / seconds - server;
  return { server, others };
}

/** Lets visitors come, and keeps their refresh tokens for the next time. */
export async function measure(
  loader: Loader,
  { target, pids, tokens }: Subject,
  visitors: readonly Visitors[],
  { seconds, warmupSeconds }: Stretch,
): Promise<Measured> {
  const speed = signaturesPerSecond();
  const uses: ReturnType<typeof readUse>[] = [];
  const groups = visitors.map((group) => ({ ...group, ...(group.kind === 'refresh' && { tokens }) }));
  const task = { target, groups, seconds, warmupSeconds, pauses: false };
  const result = await loader.run(task, () => uses.push(readUse(pids)));
  for (const group of result.groups) if (group.kind === 'refresh') tokens.splice(0, group.clients, ...group.tokens);
  const [before, after] = uses;
  if (before === undefined || after === undefined) throw new Error('the loader told no beginning and no end');
  const { server, others } = used(before, after);
  const perSecond = result.groups.reduce((sum, group) => sum + group.perSecond, 0);
  return {
    groups: result.groups.map(({ tokens: _tokens, count: _count, maxMs: _maxMs, ...found }) => found),
    cpuMsPerRequest: (server * 1000) / perSecond,
    serverCores: server,
    rssMib: after.server.rssMib,
    loaderCores: result.loaderCores,
    foreignCores: Math.max(0, others - result.loaderCores),
    signaturesPerSecond: speed,
  };
}

/** The same of comparisons without HTTP. */
export async function measureBcrypt({ pid, count }: BareBcrypt, { seconds }: Stretch): Promise<Measured> {
  const speed = signaturesPerSecond();
  const before = readUse([pid]);
  const perSecond = await count(seconds);
  const after = readUse([pid]);
  const { server, others } = used(before, after);
  const found = { kind: 'password' as const, clients: 0, perSecond, p50Ms: 0, p99Ms: 0, errors: 0, lastError: null };
  return {
    groups: [found],
    cpuMsPerRequest: (server * 1000) / perSecond,
    serverCores: server,
    rssMib: after.server.rssMib,
    loaderCores: 0,
    foreignCores: Math.max(0, others),
    signaturesPerSecond: speed,
  };
}

/** One start of a server. */
export type Started = {
  /** Until it listened. */
  readonly ms: number;
  /** After a rest, before the first request. */
  readonly idleRssMib: number;
  readonly foreignCores: number;
};

/** Starts a server, lets it rest and stops it. */
export async function measureStart(start: () => Promise<Served>, restMs: number): Promise<Started> {
  const before = readUse([]);
  const from = performance.now();
  const { pid, stop } = await start();
  const ms = performance.now() - from;
  await pause(restMs);
  const after = readUse([pid]);
  await stop();
  return { ms, idleRssMib: after.server.rssMib, foreignCores: Math.max(0, used(before, after).others) };
}
