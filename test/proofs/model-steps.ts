import fc from 'fast-check';
import type { Ask } from './model.js';

/** Which token of a login. `stranger` is well formed, with a handle no login has. */
export type Which = 'newest' | 'previous' | 'stale' | 'forged' | 'damaged' | 'stranger';

/** What ends or opens more than the request that is running. Numbers choose among what is there. */
export type Ending = {
  readonly end:
    | 'one login'
    | 'all of user'
    | 'all at client'
    | 'disable user'
    | 'enable user'
    | 'disable client'
    | 'enable client'
    | 'change password'
    | 'remove user'
    | 'remove client';
  readonly of: number;
};

/** What happens in the middle of a request; `twin`: the same request, from beginning to end. */
export type Race = Ending | 'twin' | null;

/** One step. Plain data, so that a sequence that fails can be shrunk, read and run again. */
export type Step =
  | {
      readonly do: 'login';
      readonly user: number;
      readonly client: number;
      readonly isRight: boolean;
      readonly ask: Ask;
      readonly race: Race;
    }
  | {
      readonly do: 'refresh';
      readonly login: number;
      readonly token: Which;
      readonly byOther: boolean;
      readonly ask: Ask;
      readonly race: Race;
    }
  | { readonly do: 'revoke'; readonly login: number; readonly token: Which | 'access'; readonly byOther: boolean }
  | { readonly do: 'end'; readonly ending: Ending }
  | { readonly do: 'wait'; readonly ms: number }
  | {
      readonly do: 'wait until';
      readonly login: number;
      readonly edge: 'window' | 'idle' | 'absolute';
      /** How far beyond the edge. */
      readonly ms: -1 | 0 | 1;
    }
  | { readonly do: 'remove expired' };

const weighted = <T>(...choices: readonly (readonly [weight: number, value: T])[]) =>
  fc.oneof(...choices.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })));

/** The largest number that chooses among what is there. */
export const MOST_INDEX = 11;

const anyIndex = fc.nat({ max: MOST_INDEX });
const rarely = (weight: number) => weighted([12, false], [weight, true]);

const ANYTHING: Ask = { scope: null, audiences: null };

const ask: fc.Arbitrary<Ask> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(ANYTHING) },
  {
    weight: 1,
    arbitrary: fc.record({
      scope: weighted<string | null>(
        [6, null],
        [4, 'read'],
        [2, 'write read'],
        [2, 'admin'],
        [1, 'root'],
        [1, 're"ad'],
      ),
      audiences: weighted<readonly string[] | null>(
        [6, null],
        [2, ['https://a.example']],
        [1, ['https://b.example', 'https://a.example']],
        [2, ['https://c.example']],
        [1, ['https://elsewhere.example']],
      ),
    }),
  },
);

const ending: fc.Arbitrary<Ending> = fc.record({
  end: weighted<Ending['end']>(
    [6, 'one login'],
    [2, 'all of user'],
    [1, 'all at client'],
    [2, 'disable user'],
    [4, 'enable user'],
    [2, 'disable client'],
    [4, 'enable client'],
    [2, 'change password'],
    [2, 'remove user'],
    [2, 'remove client'],
  ),
  of: anyIndex,
});

const race: fc.Arbitrary<Race> = fc.oneof(
  { weight: 12, arbitrary: fc.constant(null) },
  { weight: 2, arbitrary: ending },
  { weight: 1, arbitrary: fc.constant('twin' as const) },
);

const which = weighted<Which>(
  [24, 'newest'],
  [9, 'previous'],
  [1, 'stale'],
  [1, 'forged'],
  [1, 'damaged'],
  [1, 'stranger'],
);

const login = fc.record({
  do: fc.constant('login' as const),
  user: anyIndex,
  client: anyIndex,
  isRight: rarely(1).map((isWrong) => !isWrong),
  ask,
  race,
});

const refresh = fc.record({
  do: fc.constant('refresh' as const),
  login: anyIndex,
  token: which,
  byOther: rarely(1),
  ask,
  race,
});

const revoke = fc.record({
  do: fc.constant('revoke' as const),
  login: anyIndex,
  token: fc.oneof(which, fc.constant('access' as const)),
  byOther: rarely(2),
});

/** Also a little backwards: the clock of another instance. */
const wait = fc.record({
  do: fc.constant('wait' as const),
  ms: fc.oneof(fc.integer({ min: -999, max: 3_000 }), fc.integer({ min: 5_000, max: 90_000 })),
});

const waitUntil = fc.record({
  do: fc.constant('wait until' as const),
  login: anyIndex,
  edge: weighted<'window' | 'idle' | 'absolute'>([6, 'window'], [2, 'idle'], [2, 'absolute']),
  ms: fc.constantFrom(-1 as const, 0 as const, 1 as const),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: login },
  { weight: 24, arbitrary: refresh },
  { weight: 1, arbitrary: revoke },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('end' as const), ending }) },
  { weight: 3, arbitrary: wait },
  { weight: 3, arbitrary: waitUntil },
  { weight: 1, arbitrary: fc.constant({ do: 'remove expired' as const }) },
);

const stepsUpTo = (most: number) => fc.array(step, { minLength: 1, maxLength: most, size: 'max' });

/** A whole sequence, of any length up to 30; most are short, so that there can be many. */
export const sequences: fc.Arbitrary<readonly Step[]> = fc
  .tuple(
    // Something to begin with.
    login.map((first) => ({ ...first, isRight: true, ask: ANYTHING })),
    fc.oneof({ weight: 1, arbitrary: stepsUpTo(11) }, { weight: 1, arbitrary: stepsUpTo(29) }),
  )
  .map(([first, others]) => [first, ...others]);
