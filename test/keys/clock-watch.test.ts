import t from 'tap';
import { clockWatch } from '../../src/keys/clock-watch.js';
import { START } from '../helper.js';

/** Two clocks, and what a look at them finds when clocks may differ by a minute. */
function watched(skewSeconds = 60) {
  const clock = { now: START };
  const steady = { ms: 77_000 };
  const look = clockWatch(
    () => clock.now,
    () => steady.ms,
  );
  return {
    look: () => look(skewSeconds),
    set(ms: number) {
      clock.now += ms;
    },
    pass(ms: number) {
      clock.now += ms;
      steady.ms += ms;
    },
  };
}

const EVEN = { jumpedSeconds: 0, isTrusted: true };

t.test('clocks that run evenly are trusted, however long nobody looked', async (t) => {
  const { look, pass } = watched();
  t.strictSame(look(), EVEN);
  for (const ms of [1, 5_000, 3_600_000, 40 * 86_400_000]) {
    pass(ms);
    t.strictSame(look(), EVEN);
  }
});

t.test('a clock that jumps ahead is not trusted for as long as it jumped, to the millisecond', async (t) => {
  const { look, set, pass } = watched();
  set(600_000);
  t.strictSame(look(), { jumpedSeconds: 600, isTrusted: false });
  t.strictSame(look(), { jumpedSeconds: 0, isTrusted: false }, 'it is said once');
  pass(599_999);
  t.strictSame(look(), { jumpedSeconds: 0, isTrusted: false });
  pass(1);
  t.strictSame(look(), EVEN);
});

t.test('an hour is the longest', async (t) => {
  const { look, set, pass } = watched();
  set(365 * 86_400_000);
  t.strictSame(look(), { jumpedSeconds: 365 * 86_400, isTrusted: false });
  pass(3_599_999);
  t.equal(look().isTrusted, false);
  pass(1);
  t.equal(look().isTrusted, true);
});

t.test('what clocks may differ by is no jump, and neither are five seconds', async (t) => {
  for (const [skewSeconds, limitMs] of [
    [60, 60_000],
    [0, 5_000],
    [4, 5_000],
  ] as const) {
    const { look, set } = watched(skewSeconds);
    set(limitMs);
    t.strictSame(look(), EVEN, `${limitMs} ms with ${skewSeconds} s`);
    set(limitMs + 1);
    t.strictSame(look(), { jumpedSeconds: Math.round(limitMs / 1000), isTrusted: false }, `${limitMs + 1} ms`);
  }
});

t.test('a jump between the start and the first look is one', async (t) => {
  const { look, set, pass } = watched();
  pass(5_000);
  set(3_600_000);
  t.strictSame(look(), { jumpedSeconds: 3600, isTrusted: false });
});

t.test('a clock that is set back is trusted, and so is what comes after it', async (t) => {
  const { look, set, pass } = watched();
  set(-3_600_000);
  t.strictSame(look(), EVEN);
  pass(5_000);
  t.strictSame(look(), EVEN);
});

t.test('a jump that is taken back is waited for all the same', async (t) => {
  const { look, set, pass } = watched();
  set(600_000);
  look();
  set(-600_000);
  t.strictSame(look(), { jumpedSeconds: 0, isTrusted: false });
  pass(600_000);
  t.strictSame(look(), EVEN);
});

t.test('of several jumps the one that ends last counts', async (t) => {
  const { look, set, pass } = watched();
  set(1_000_000);
  look();
  pass(100_000);
  set(300_000);
  t.strictSame(look(), { jumpedSeconds: 300, isTrusted: false });
  pass(300_000);
  t.equal(look().isTrusted, false, 'the first is not over');
  pass(600_000);
  t.equal(look().isTrusted, true);
});
