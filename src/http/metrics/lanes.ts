import { Counter, Gauge, type Registry } from 'prom-client';
import type { OverloadStatus } from '../overload.js';

/** Requests that are worked on, wait for it, or were sent away because more came than can be done. */
export function laneMetrics(registry: Registry, { overloadStatus }: { readonly overloadStatus: OverloadStatus }): void {
  const common = { labelNames: ['lane'], registers: [registry] };
  const lanes = () => Object.entries(overloadStatus());
  new Gauge({
    ...common,
    name: 'mintd_requests_running',
    help: 'Requests that are worked on, by lane: passwords, and all other work.',
    collect() {
      for (const [lane, { running }] of lanes()) this.set({ lane }, running);
    },
  });
  new Gauge({
    ...common,
    name: 'mintd_requests_waiting',
    help: 'Requests that wait until they are worked on, by lane.',
    collect() {
      for (const [lane, { waiting }] of lanes()) this.set({ lane }, waiting);
    },
  });
  new Counter({
    ...common,
    name: 'mintd_requests_refused_total',
    help: 'Requests that got a 503 because more came than can be done, by lane.',
    collect() {
      this.reset();
      for (const [lane, { refused }] of lanes()) this.inc({ lane }, refused);
    },
  });
}
