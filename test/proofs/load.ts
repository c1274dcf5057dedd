import { setTimeout as pause } from 'node:timers/promises';
import { type Chain, chainFrom, loginRequest, nth, Progress, refreshRequest, tokenIn } from './cluster.js';
import { send, type WireReply, type WireRequest } from './wire.js';

/** How long a client waits before it comes back, where it was told that nothing works at the moment. */
const PAUSE_MS = 50;

/** What needs the database. */
export type Kind = 'refresh' | 'login' | 'readyz';

/** One client of many, and how it fares. */
type Worker = { readonly what: string; served: number; unavailable: number };

/** How long the slowest answer of each kind took, in milliseconds. */
export type Slowest = Readonly<Record<string, number>>;

/** Clients that refresh, log in and look after the server without pause, and all that they were answered. */
export type Load = {
  readonly progress: Progress;
  /** Logins that are refreshed all the time. */
  readonly chains: readonly Chain[];
  /** Logins that were made meanwhile. */
  readonly fresh: readonly Chain[];
  /** Answers that must not be, described. */
  readonly wrong: readonly string[];
  /** Since this was last asked for. */
  takeSlowest(): Slowest;
  /** Answers of each kind so far. */
  readonly count: { readonly served: number; readonly unavailable: number };
  /** Resolves when every client was served so many times more. */
  untilServed(times: number): Promise<void>;
  /** Resolves when each of these was told so many times more to come back later, and what needs no database was served. */
  untilUnavailable(times: number, which: readonly Kind[]): Promise<void>;
  /** Waits for the last answers. */
  stop(): Promise<void>;
};

/** Sets clients to work on a server: those of the chains, some that log in, and a probe. */
export function startLoad(url: string, chains: readonly Chain[], username: string, logins: number): Load {
  const progress = new Progress();
  const workers: Worker[] = [];
  const fresh: Chain[] = [];
  const wrong: string[] = [];
  const slowest = openSlowest();
  let isOver = false;

  async function ask(worker: Worker, request: WireRequest, isFine: (reply: WireReply) => boolean) {
    const since = performance.now();
    const reply = await send(url, request).catch((error: unknown) => String(error));
    const ms = Math.round(performance.now() - since);
    const status = typeof reply === 'string' ? reply : reply.status;
    slowest.note(worker.what, ms);
    if (typeof reply === 'string' || !isFine(reply)) {
      wrong.push(`${worker.what}: ${typeof reply === 'string' ? reply : `${status} ${JSON.stringify(reply.body)}`}`);
    } else if (reply.status === 503) worker.unavailable++;
    else worker.served++;
    progress.tick();
    if (status !== 200) await pause(PAUSE_MS);
    return typeof reply === 'string' || reply.status !== 200 ? null : reply;
  }

  async function work(what: string, step: (worker: Worker) => Promise<unknown>): Promise<void> {
    const worker: Worker = { what, served: 0, unavailable: 0 };
    workers.push(worker);
    while (!isOver) await step(worker);
  }

  const all = chains.map((chain) =>
    work('refresh', async (worker) => {
      const reply = await ask(worker, refreshRequest(nth(chain), chain.clientId), isServedOrUnavailable);
      if (reply !== null) chain.answered.push(tokenIn(reply));
    }),
  );
  for (let i = 0; i < logins; i++) {
    const logIn = async (worker: Worker) => {
      const reply = await ask(worker, loginRequest(username), isServedOrUnavailable);
      if (reply !== null) fresh.push(chainFrom(reply));
    };
    all.push(work('login', logIn));
  }
  all.push(work('readyz', (worker) => ask(worker, { method: 'GET', path: '/readyz' }, isReadyOrNot)));
  for (const path of ['/livez', '/.well-known/jwks.json']) {
    all.push(work(path, (worker) => ask(worker, { method: 'GET', path }, isServed).then(() => pause(PAUSE_MS))));
  }
  const running = progress.watch(Promise.all(all));

  const untilEach = (some: readonly Worker[], member: 'served' | 'unavailable', times: number) => {
    const before = some.map((worker) => worker[member]);
    return progress.until(() => some.every((worker, i) => worker[member] >= (before[i] ?? 0) + times));
  };
  const sum = (member: 'served' | 'unavailable') => workers.reduce((total, worker) => total + worker[member], 0);
  return {
    progress,
    chains,
    fresh,
    wrong,
    takeSlowest: slowest.take,
    get count() {
      return { served: sum('served'), unavailable: sum('unavailable') };
    },
    untilServed: (times) => untilEach(workers, 'served', times),
    async untilUnavailable(times, which) {
      const needy = workers.filter(({ what }) => which.some((kind) => kind === what));
      const others = workers.filter(({ what }) => what.startsWith('/'));
      await Promise.all([untilEach(needy, 'unavailable', times), untilEach(others, 'served', times)]);
    },
    async stop() {
      isOver = true;
      await running;
    },
  };
}

function openSlowest() {
  let slowest: Record<string, number> = {};
  return {
    note(kind: string, ms: number): void {
      slowest[kind] = Math.max(ms, slowest[kind] ?? 0);
    },
    take(): Slowest {
      const taken = slowest;
      slowest = {};
      return taken;
    },
  };
}

function isServed({ status }: WireReply): boolean {
  return status === 200;
}

/** 503 says when to come back, in the words of the other errors. */
function isServedOrUnavailable({ status, headers, body }: WireReply): boolean {
  if (status === 200) return true;
  return status === 503 && Number(headers.get('retry-after')) >= 1 && body['error'] === 'temporarily_unavailable';
}

function isReadyOrNot({ status, headers, body }: WireReply): boolean {
  if (status === 200) return body['status'] === 'ready';
  const { database } = body['checks'] as { database?: unknown };
  return status === 503 && Number(headers.get('retry-after')) >= 1 && database === false;
}
