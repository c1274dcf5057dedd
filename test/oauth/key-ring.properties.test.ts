import fc from 'fast-check';
import t, { type Test } from 'tap';
import { SOAK } from '../proofs/soak.js';
import { type History, historiesWith } from './key-ring.history.js';
import {
  faultOfPruning,
  faultOfRefusals,
  faultOfRevoked,
  faultOfSigner,
  faultOfSize,
  faultOfText,
  faultOfTokens,
  faultOfWaiting,
  firstFault,
  type Verdict,
} from './key-ring.invariants.js';
import { sightings } from './key-ring.sightings.js';

t.setTimeout(300_000 * SOAK);

const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;

/** What was done to how many rings, for people who read the output. */
class Account {
  histories = 0;
  #steps = 0;
  readonly #counts = new Map<string, number>();

  add({ steps, tally }: History): void {
    this.histories++;
    this.#steps += steps.length;
    for (const [what, times] of tally) this.#counts.set(what, (this.#counts.get(what) ?? 0) + times);
  }

  toString(): string {
    const counts = [...this.#counts].sort(([a], [b]) => a.localeCompare(b)).map(([what, times]) => `${what} ${times}`);
    return `${this.histories} histories, ${this.#steps} steps: ${counts.join('; ')}`;
  }
}

/** Every search goes through histories of its own. */
let seed = 20_260_101;
const whole = new Account();

/** Looks for a fault in so many histories, and says what they were made of. */
function search(t: Test, histories: fc.Arbitrary<History>, runs: number, faultOf: (history: History) => Verdict): void {
  const account = new Account();
  const property = fc.property(histories, (history) => {
    for (const one of [account, whole]) one.add(history);
    return faultOf(history) === null;
  });
  const { counterexample } = fc.check(property, { seed: ++seed, numRuns: runs * SOAK });
  const least = counterexample?.[0];
  if (least === undefined) t.pass(`no fault was found, seed ${seed}`);
  else t.fail(faultOf(least) ?? '', { seed, timing: least.versions[0]?.ring.timings[0], steps: least.steps });
  t.comment(`seed ${seed}, ${account}`);
}

/** Clocks that differ by what the skew allows. */
const near = historiesWith((_, spreadMs) => fc.nat({ max: spreadMs }));
const far = fc.oneof(
  fc.constantFrom(0, HOUR_MS, -HOUR_MS, YEAR_MS, -YEAR_MS),
  fc.integer({ min: -100_000, max: 100_000 }),
);

const NEAR: readonly [string, (history: History) => Verdict][] = [
  [
    'one key signs and one stands by, whatever is done, however it is cut short',
    (history) => firstFault(sightings(history, [0, history.spreadMs]), faultOfSigner),
  ],
  [
    'a revoked key is never published and never signs again',
    (history) => firstFault(sightings(history, [0, history.spreadMs]), (seen) => faultOfRevoked(history, seen)),
  ],
  ['every ring can be written and read', ({ versions }) => firstFault(versions, faultOfText)],
  [
    'no key signs before every cache can hold it, unless force or a revocation made it',
    (history) => faultOfWaiting(history, sightings(history, [0, history.spreadMs])),
  ],
  [
    'no token outlives the publication of its key, unless it was revoked',
    (history) => faultOfTokens(history, sightings(history, [0, history.spreadMs])),
  ],
  ['pruning changes nothing about the keys that stay', ({ prunings }) => firstFault(prunings, faultOfPruning)],
  ['a ring that is pruned stays small', ({ prunings }) => firstFault(prunings, faultOfSize)],
];

t.test('with clocks that differ by no more than the skew', async (t) => {
  for (const [sentence, faultOf] of NEAR) {
    t.test(sentence, async (t) => search(t, near, 1200, faultOf));
  }
});

t.test('with clocks that are wrong by an hour or a year', async (t) => {
  const wrong = historiesWith(() => far);
  const looks = [0, HOUR_MS, -HOUR_MS, YEAR_MS, -YEAR_MS, 3 * YEAR_MS, -3 * YEAR_MS];
  t.test('one key signs and one stands by, and none that was revoked', async (t) => {
    search(t, wrong, 2000, (history) => {
      const seen = sightings(history, looks);
      return firstFault(seen, faultOfSigner) ?? firstFault(seen, (one) => faultOfRevoked(history, one));
    });
  });
  t.test('force always rotates, and nothing is ever refused for want of a key', async (t) => {
    search(t, wrong, 1500, faultOfRefusals);
  });
  t.test('every ring can be written and read', async (t) => {
    search(t, wrong, 1000, ({ versions }) => firstFault(versions, faultOfText));
  });
  t.test('pruning changes nothing about the keys that stay', async (t) => {
    search(t, wrong, 1000, ({ prunings }) => firstFault(prunings, faultOfPruning));
  });
});

t.test(
  'no token outlives its key though private halves are destroyed by wrong clocks, and keys forgotten by clocks that are behind',
  async (t) => {
    const careless = historiesWith(({ kind }, spreadMs) => {
      if (kind === 'destroy') return far;
      return kind === 'prune' ? far.map((ms) => Math.min(ms, 0)) : fc.nat({ max: spreadMs });
    });
    search(t, careless, 1500, (history) => faultOfTokens(history, sightings(history, [0, history.spreadMs])));
  },
);

t.test('a ring that is rotated and pruned for long stays small', async (t) => {
  const long = historiesWith((_, spreadMs) => fc.nat({ max: spreadMs }), 300);
  search(t, long, 30, ({ prunings }) => firstFault(prunings, faultOfSize));
});

t.test('all that was looked at', async (t) => {
  t.ok(whole.histories >= 10_000 * SOAK, `${whole}`);
});
