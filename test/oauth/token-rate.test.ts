import t from 'tap';
import { openTokenRate } from '../../src/grants/token-rate.js';
import { countToken } from '../../src/oauth/token-rate.js';

const s = (seconds: number) => 1_000_000 + seconds * 1000;

t.test('so many in the minute that begins with the first, and then none', async (t) => {
  const rate = openTokenRate();
  const rows: readonly (readonly [atSeconds: number, waitSeconds: number | null])[] = [
    [0, null],
    [0, null],
    [10, null],
    [10, 50],
    [10.4, 50],
    [59.999, 1],
    [60, null],
    [61, null],
    [62, null],
    [62, 58],
    [500, null],
  ];
  for (const [at, wait] of rows) t.equal(rate.take('app', 3, s(at)), wait, `at ${at} s`);
});

t.test('each client has its own minute, and its own limit', async (t) => {
  const rate = openTokenRate();
  t.equal(rate.take('one', 1, s(0)), null);
  t.equal(rate.take('one', 1, s(1)), 59);
  t.equal(rate.take('two', 2, s(1)), null);
  t.equal(rate.take('two', 2, s(2)), null);
  t.equal(rate.take('two', 2, s(3)), 58);
  t.equal(rate.take('one', 5, s(4)), null, 'a limit that was raised holds at once');
});

t.test('a refusal is not counted, and does not push the end of the minute', async (t) => {
  const full = { since: s(0), tokens: 2 };
  t.strictSame(countToken(full, 2, s(30)), { window: full, retryAfterSeconds: 30 });
});

t.test('a clock that was set back locks nobody out', async (t) => {
  const full = { since: s(3600), tokens: 2 };
  t.strictSame(countToken(full, 2, s(0)), { window: { since: s(0), tokens: 1 }, retryAfterSeconds: null });
});
