import t from 'tap';
import { delaySeconds, failureKey, failuresThatDelay } from '../../src/oauth/login-limits.js';

const CEILING = 900;

const DELAYS: readonly [sentence: string, failures: number, limit: number, seconds: number][] = [
  ['nothing failed', 0, 10, 0],
  ['one less than the limit', 9, 10, 0],
  ['the limit', 10, 10, 10],
  ['each further one doubles it', 11, 10, 20],
  ['and again', 15, 10, 320],
  ['up to the ceiling', 17, 10, 900],
  ['and no further, however many', 1_000_000, 10, 900],
  ['a limit of one', 1, 1, 10],
  ['no limit', 1_000_000, 0, 0],
];

t.test('how long the next attempt waits', async (t) => {
  for (const [sentence, failures, limit, seconds] of DELAYS) {
    t.equal(delaySeconds(failures, limit, CEILING), seconds, sentence);
  }
});

t.test('the failures that delay are all whose delay differs from the one before', async (t) => {
  for (const [limit, ceiling] of [
    [1, 10],
    [10, 900],
    [100, 11],
    [3, 86_400],
  ] as const) {
    const told = failuresThatDelay(limit, ceiling);
    const differ = Array.from({ length: limit + 40 }, (_, i) => i + 1).filter(
      (n) => delaySeconds(n, limit, ceiling) !== delaySeconds(n - 1, limit, ceiling),
    );
    t.strictSame(told, differ, `${limit} and ${ceiling}`);
  }
});

t.test('a counter is of one thing alone, and says nobody whose', async (t) => {
  const keys = ['account', 'address', 'owner', 'password', 'registration'] as const;
  const all = keys.flatMap((kind) => ['ada', 'Ada', '', 'ada ', `${kind}:ada`].map((whose) => failureKey(kind, whose)));
  t.equal(new Set(all).size, all.length);
  for (const key of all) t.match(key, /^[a-z]+:[\w-]{43}$/);
  t.equal(failureKey('account', 'ada'), failureKey('account', 'ada'));
  t.equal(failureKey('account', 'x'.repeat(10_000)).length, failureKey('account', 'x').length);
});
