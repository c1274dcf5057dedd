import type { FastifyInstance, FastifyRequest, RouteHandlerMethod } from 'fastify';
import { PATHS } from '../oauth/metadata.js';
import { optional } from '../oauth/parameters.js';
import { parametersIn } from './body.js';
import { sendError } from './errors.js';
import { type LaneLimits, type LaneStatus, openLane } from './lane.js';
import { record } from './record.js';
import { noteVerdict } from './verdict.js';
import { UNAVAILABLE } from './wire-errors.js';

/** What verifiers, probes and monitors ask for: it needs no database, or asks it once for all, and is always answered. */
const ALWAYS_ANSWERED: ReadonlySet<string> = new Set([
  PATHS.jwks,
  PATHS.authorizationServerMetadata,
  PATHS.openidConfiguration,
  PATHS.livez,
  PATHS.readyz,
  PATHS.metrics,
]);

/** Beyond these, more at once makes each take longer and nothing faster. */
const WORK: LaneLimits = { atOnce: 64, maxWaiting: 5_000, maxWaitMs: 500 };
/** Beside those that may wait for bcrypt, who have a queue of their own: so many that have not come to it. */
const ON_THE_WAY_TO_BCRYPT = 64;
const TOLD_EVERY_MS = 10_000;

export type OverloadOptions = {
  /** How many passwords may be hashed or wait for it at once (src/passwords/queue.ts). */
  readonly passwords: number;
  /** Is told of each request that hashes none, when it comes and when it is answered. */
  readonly onOther?: () => void;
  readonly work?: LaneLimits;
};

/** What a monitor is told of both lanes. */
export type OverloadStatus = () => Readonly<Record<'work' | 'passwords', LaneStatus>>;

/**
 * Lets so many requests do their work at once, and others wait for a moment: beyond that the answer is 503 with
 * Retry-After, before anything was done for it. So what is answered was answered soon, however many ask
 * (docs/decisions/0020-overload.md). Passwords have a lane of their own, because they wait for bcrypt, which is slow.
 *
 * Goes before the routes.
 */
export function boundWork(app: FastifyInstance, options: OverloadOptions): OverloadStatus {
  const { passwords, onOther = () => {}, work = WORK } = options;
  const lanes = {
    work: openLane(work),
    passwords: openLane({ atOnce: passwords + ON_THE_WAY_TO_BCRYPT, maxWaiting: 0, maxWaitMs: 0 }),
  };
  const tell = tellNowAndThen(app);
  const turns = new WeakMap<FastifyRequest, () => void>();
  // A HEAD is made of a GET that was bound already.
  const bound = new WeakSet<RouteHandlerMethod>();
  app.addHook('onRoute', (route) => {
    const { handler } = route;
    if (ALWAYS_ANSWERED.has(route.url) || bound.has(handler)) return;
    route.handler = async function inTurn(request, reply) {
      const hashes = hashesPassword(request);
      const lane = hashes ? lanes.passwords : lanes.work;
      if (!hashes) onOther();
      const leave = await lane.enter(() => !request.raw.socket.destroyed);
      if (leave === null) {
        tell();
        noteVerdict(request, 'overloaded');
        return sendError(reply, UNAVAILABLE);
      }
      turns.set(request, hashes ? leave : leaveOther(leave));
      try {
        return await handler.call(this, request, reply);
      } finally {
        end(request);
      }
    };
    bound.add(route.handler);
  });
  const leaveOther = (leave: () => void) => () => {
    leave();
    onOther();
  };
  const end = (request: FastifyRequest) => {
    turns.get(request)?.();
    turns.delete(request);
  };
  // A handler that has sent its answer is waited for until the client has read it: the work is over before.
  app.addHook('onSend', (request, _reply, _payload, done) => {
    end(request);
    done();
  });
  return () => ({ work: lanes.work.status(), passwords: lanes.passwords.status() });
}

function hashesPassword({ routeOptions: { url }, body }: FastifyRequest): boolean {
  if (url === PATHS.register || url === PATHS.password) return true;
  if (url !== PATHS.token) return false;
  const parameters = parametersIn(body);
  return parameters.ok && optional(parameters.value, 'grant_type') === 'password';
}

/** A line for each would be one more thing that there is too much of. */
function tellNowAndThen({ log }: FastifyInstance): () => void {
  let untold = 0;
  let toldAt = Number.NEGATIVE_INFINITY;
  return () => {
    untold++;
    const now = performance.now();
    if (now - toldAt < TOLD_EVERY_MS) return;
    record(log, { event: 'overloaded', requests: untold });
    toldAt = now;
    untold = 0;
  };
}
