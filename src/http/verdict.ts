import type { FastifyRequest } from 'fastify';
import type { EventName } from '../oauth/events.js';
import type { Refusal } from '../oauth/refusal.js';

/** What became of a request, as the log has it: a name and a reason of ours, nothing that was sent. */
export type Verdict = { readonly event: EventName; readonly reason: Refusal['reason'] | null };

const verdicts = new WeakMap<FastifyRequest, Verdict>();

/** Remembers what became of a request, for whoever counts when it has been answered. The last one said holds. */
export function noteVerdict(request: FastifyRequest, event: EventName, reason: Verdict['reason'] = null): void {
  verdicts.set(request, { event, reason });
}

/** What became of a request; null where nobody said. */
export function verdictOf(request: FastifyRequest): Verdict | null {
  return verdicts.get(request) ?? null;
}
