import t from 'tap';
import { together } from '../../src/store/together.js';
import { rejectionOf } from './support.js';

/** Work that writes down what it was given, and fails where an input says so. */
function recorded() {
  const batches: (readonly string[])[] = [];
  const work = (inputs: readonly string[]) => {
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
