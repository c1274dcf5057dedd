import t from 'tap';
import { DatabaseUnavailable } from '../../src/store/outage.js';
import { together } from '../../src/store/together.js';
import { rejectionOf } from './support.js';

/** Work that writes down what it was given, and fails where an input says so. */
function recorded() {
  const batches: (readonly string[])[] = [];
  const work = async (inputs: readonly string[]) => {
    batches.push(inputs);
    if (inputs.some((input) => input.startsWith('fault'))) throw new Error(inputs.join());
    return inputs.map((input) => input.toUpperCase());
  };
  return { batches, work };
}

t.test('what comes at the same moment is done together, in order, and each has its own result', async (t) => {
  const { batches, work } = recorded();
  const queued = together(work, { most: 10, pauseMs: 0 });
  t.strictSame(await Promise.all(['a', 'b', 'c'].map(queued)), ['A', 'B', 'C']);
  t.equal(await queued('d'), 'D');
  t.strictSame(batches, [['a', 'b', 'c'], ['d']]);
});

t.test('no more at once than allowed, and the rest next', async (t) => {
  const { batches, work } = recorded();
  const queued = together(work, { most: 2, pauseMs: 0 });
  t.strictSame(await Promise.all(['a', 'b', 'c', 'd', 'e'].map(queued)), ['A', 'B', 'C', 'D', 'E']);
  t.strictSame(batches, [['a', 'b'], ['c', 'd'], ['e']]);
});

t.test('what comes soon after waits for others, also for those of a later turn', async (t) => {
  const { batches, work } = recorded();
  const queued = together(work, { most: 10, pauseMs: 200 });
  t.equal(await queued('a'), 'A', 'alone: at once');
  const second = queued('b');
  await new Promise(setImmediate);
  const third = queued('c');
  t.strictSame(await Promise.all([second, third]), ['B', 'C']);
  t.strictSame(batches, [['a'], ['b', 'c']]);
});

t.test('who fails fails alone', async (t) => {
  const { batches, work } = recorded();
  const queued = together(work, { most: 10, pauseMs: 0 });
  const [a, fault, b] = [queued('a'), queued('fault'), queued('b')];
  t.equal(await a, 'A');
  t.match(await rejectionOf(fault), { message: 'fault' });
  t.equal(await b, 'B');
  t.strictSame(batches, [['a', 'fault', 'b'], ['a'], ['fault'], ['b']]);
  t.match(await rejectionOf(queued('fault 2')), { message: 'fault 2' });
  t.equal(await queued('c'), 'C', 'and it goes on');
});

t.test('what comes while others are at work is done together after them', async (t) => {
  const batches: string[] = [];
  const ends: (() => void)[] = [];
  const queued = together(
    async (inputs: readonly string[]) => {
      batches.push(inputs.join(''));
      await new Promise<void>((resolve) => ends.push(resolve));
      return inputs.map((input) => input.toUpperCase());
    },
    { most: 10, pauseMs: 0 },
  );
  const tick = () => new Promise(setImmediate);
  const first = queued('a');
  await tick();
  const others = ['b', 'c', 'd'].map(queued);
  await tick();
  t.strictSame(batches, ['a']);
  ends[0]?.();
  t.equal(await first, 'A');
  while (batches.length === 1) await tick();
  t.strictSame(batches, ['a', 'bcd']);
  ends[1]?.();
  t.strictSame(await Promise.all(others), ['B', 'C', 'D']);
});

t.test('where the database is gone or busy all have failed, and none is tried by itself', async (t) => {
  const busy = Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY' });
  for (const fault of [new DatabaseUnavailable('gone'), busy]) {
    let tries = 0;
    const queued = together(
      async () => {
        tries++;
        throw fault;
      },
      { most: 10, pauseMs: 0 },
    );
    const all = ['a', 'b', 'c'].map((name) => rejectionOf(queued(name)));
    t.strictSame(await Promise.all(all), [fault, fault, fault]);
    t.equal(tries, 1);
  }
});
