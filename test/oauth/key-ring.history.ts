import fc from 'fast-check';
import { firstRing, type KeyRing, type RingTiming } from '../../src/oauth/key-ring.js';
import { nextChange } from '../../src/oauth/key-states.js';
import { type Act, kidOf, type Outcome, perform } from './key-ring.operations.js';
import { named, T } from './key-support.js';

/** A ring as it was from a moment of true time on, and the keys whose private half existed then. */
export type Version = { readonly fromMs: number; readonly ring: KeyRing; readonly halves: ReadonlySet<string> };

/** Something was forgotten, at a moment of the clock of the server that did it. */
export type Pruning = { readonly before: KeyRing; readonly after: KeyRing; readonly now: number };

export type History = {
  readonly steps: readonly Step[];
  readonly versions: readonly Version[];
  readonly prunings: readonly Pruning[];
  /** Keys that force or a revocation let sign. */
  readonly surprises: ReadonlySet<string>;
  /** Revoked keys, with the index of the version since which they are. */
  readonly revoked: ReadonlyMap<string, number>;
  /** How often each thing happened: `rotate done`, `rotate refused`, `rotate crashed`. */
  readonly tally: ReadonlyMap<string, number>;
  /** How far apart the clocks of the servers that sign and publish are, at most. */
  readonly spreadMs: number;
};

/** Time goes on by some milliseconds, or to just before, at or just after the next change as some server sees it. */
type Wait = { readonly ms: number } | { readonly pastNextChange: number };
/** When it happened that a process died: with nothing done, with new private keys written, with the ring written too. */
type Crash = 'before' | 'with private keys' | 'with the ring';
export type Step = {
  readonly wait: Wait;
  readonly act: Act;
  /** What the acting server's clock shows beyond true time. */
  readonly aheadMs: number;
  readonly crash: Crash | null;
};

/** Every timing allows for at least this. */
export const SKEW_MS = 2000;

/** Small durations, so that all limits are met often and changes overlap. */
const timing: fc.Arbitrary<RingTiming> = fc.record({
  jwksMaxAgeSeconds: fc.integer({ min: 0, max: 40 }),
  verifierCacheSeconds: fc.integer({ min: 0, max: 20 }),
  accessTokenMaxTtlSeconds: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 40 })),
  clockSkewSeconds: fc.integer({ min: SKEW_MS / 1000, max: 5 }),
});

/** No JWKS is held and no token is out for longer under any of them, poll included. */
export const LONGEST_LIFE_MS = (40 + 20 + 5 + 5) * 1000;

const wait: fc.Arbitrary<Wait> = fc.oneof(
  fc.record({ ms: fc.integer({ min: 0, max: 40_000 }) }),
  fc.record({ ms: fc.integer({ min: 0, max: 40 }).map((seconds) => seconds * 1000) }),
  fc.record({ ms: fc.integer({ min: 0, max: 900 }) }),
  fc.record({ pastNextChange: fc.constantFrom(-SKEW_MS, -1, 0, 1, SKEW_MS) }),
);

const act: fc.Arbitrary<Act> = fc.oneof(
  { arbitrary: fc.record({ kind: fc.constantFrom('rotate', 'rotate and prune') }), weight: 8 },
  { arbitrary: fc.record({ kind: fc.constantFrom('rotate forced', 'prune') }), weight: 3 },
  { arbitrary: fc.record({ kind: fc.constant('destroy') }), weight: 5 },
  { arbitrary: fc.record({ kind: fc.constant('revoke'), which: fc.nat({ max: 9 }) }), weight: 2 },
  {
    arbitrary: fc.record({ kind: fc.constant('import'), which: fc.nat({ max: 1 }), ms: fc.integer({ max: 60_000 }) }),
    weight: 1,
  },
  { arbitrary: fc.record({ kind: fc.constant('change timing'), timing }), weight: 4 },
);

const crash: fc.Arbitrary<Crash | null> = fc.oneof(
  { arbitrary: fc.constant(null), weight: 7 },
  { arbitrary: fc.constantFrom<Crash>('before', 'with private keys', 'with the ring'), weight: 1 },
);

/** Histories of steps, with clocks that are ahead of true time by what is drawn for each act. */
export function historiesWith(
  aheadOf: (act: Act, spreadMs: number) => fc.Arbitrary<number>,
  maxLength = 14,
): fc.Arbitrary<History> {
  const start = fc.record({ ms: fc.integer({ min: 0, max: 2000 }), timing, spreadMs: fc.nat({ max: SKEW_MS }) });
  return start.chain(({ ms, timing: first, spreadMs }) => {
    const step = act.chain((one) => fc.record({ wait, act: fc.constant(one), aheadMs: aheadOf(one, spreadMs), crash }));
    return fc.array(step, { maxLength, size: 'max' }).map((steps) => historyOf(T + ms, first, spreadMs, steps));
  });
}

/** What follows from steps, beginning with the first ring. */
export function historyOf(startMs: number, first: RingTiming, spreadMs: number, steps: readonly Step[]): History {
  const [a, b] = [named(kidOf('k0')), named(kidOf('k1'))];
  const ring = firstRing(a, b, first, startMs);
  const versions: Version[] = [{ fromMs: startMs, ring, halves: new Set([a.kid, b.kid]) }];
  const made = {
    steps,
    versions,
    prunings: [],
    surprises: new Set<string>(),
    revoked: new Map(),
    tally: new Map(),
    spreadMs,
  };
  let nowMs = startMs;
  for (const [i, step] of steps.entries()) nowMs = follow(made, step, nowMs, [`k${2 * i + 2}`, `k${2 * i + 3}`]);
  return made;
}

type Making = {
  readonly versions: Version[];
  readonly prunings: Pruning[];
  readonly surprises: Set<string>;
  readonly revoked: Map<string, number>;
  readonly tally: Map<string, number>;
};

/** One step more. Returns the true time of it. */
function follow(
  made: Making,
  { wait: pause, act: one, aheadMs, crash: died }: Step,
  lastMs: number,
  names: [string, string],
) {
  const last = made.versions.at(-1);
  if (last === undefined) throw new Error('a history has a first ring');
  const clock = lastMs + aheadMs;
  const waited =
    'ms' in pause ? pause.ms : Math.max(0, (nextChange(last.ring, clock) ?? clock) + pause.pastNextChange - clock);
  // Only what is to come soon is waited for: with clocks a year apart, the next change may be a year away.
  const nowMs = lastMs + Math.min(waited, LONGEST_LIFE_MS);
  const outcome = perform(one, last.ring, nowMs + aheadMs, names);
  const count = (result: string) =>
    made.tally.set(`${one.kind} ${result}`, (made.tally.get(`${one.kind} ${result}`) ?? 0) + 1);
  if ('refused' in outcome) count(`refused: ${outcome.refused}`);
  else if (died === 'before' || died === 'with private keys') {
    count('crashed');
    const left = died === 'before' ? [] : outcome.added;
    made.versions.push({ ...last, fromMs: nowMs, halves: new Set([...last.halves, ...left]) });
  } else {
    count(died === null ? 'done' : 'done, then crashed');
    carryOut(made, outcome, last, nowMs, nowMs + aheadMs, died !== null);
  }
  return nowMs;
}

function carryOut(
  made: Making,
  outcome: Exclude<Outcome, { refused: string }>,
  last: Version,
  fromMs: number,
  now: number,
  halvesStay: boolean,
): void {
  const { ring, added, surprise, revoked, imported, pruned } = outcome;
  const isNeeded = (kid: string) => ring.keys.some((key) => key.kid === kid && key.destroyedAt === null);
  const halves = [...last.halves, ...added].filter((kid) => halvesStay || isNeeded(kid));
  if (surprise !== null) made.surprises.add(surprise);
  if (revoked !== null) made.revoked.set(revoked, made.versions.length);
  // Whoever imports a key that was revoked and forgotten wants it back.
  if (imported !== null) made.revoked.delete(imported);
  if (pruned !== null) made.prunings.push({ before: pruned, after: ring, now });
  made.versions.push({ fromMs, ring, halves: new Set(halves) });
}
