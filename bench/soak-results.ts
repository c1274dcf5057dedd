import type { Conditions } from './machine.js';

/** What the server held at the end of a minute, and what it did in it. */
export type SoakMinute = {
  readonly minute: number;
  readonly rssMib: number;
  readonly openFiles: number;
  /** Null where `/metrics` has no such thing. */
  readonly lagP99Ms: number | null;
  readonly requests: number;
  readonly refreshP99Ms: number;
  readonly errors: number;
};

/** What `npm run bench:soak -- --json FILE` writes. */
export type SoakResults = {
  readonly conditions: Conditions;
  readonly server: string;
  readonly visitors: string;
  readonly minutes: readonly SoakMinute[];
  /** Of the memory, after the first third. */
  readonly growthMibPerHour: number;
};
