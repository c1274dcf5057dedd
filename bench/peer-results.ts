import type { Conditions } from './machine.js';
import type { Results } from './results.js';

/** What `npm run bench:peers -- --json FILE` writes: stretches by workload and by server. */
export type PeerResults = {
  readonly conditions: Conditions;
  readonly seconds: number;
  readonly repetitions: number;
  readonly servers: readonly { readonly name: string; readonly notes: string }[];
  readonly stretches: Results['stretches'];
};
