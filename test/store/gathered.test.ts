import t from 'tap';
import { type Gathering, gathered } from '../../src/store/gathered.js';
import { rejectionOf } from './support.js';

const PATIENT_MS = 60_000;

/** Lets everything that can go on go on. */
const tick = () => new Promise(setImmediate);

/** Work that writes down what it was given, and ends when it is told to, at whatever time it is then. */
function aGathering(limits: Partial<Gathering> = {}) {
  const clock = { now: 0 };
  const begun: string[] = [];
  const under = new Map<string, { end: () => void; fail: (error: Error) => void }>();
  const work = (inputs: readonly string[]) => {
    const some = inputs.join('');
    begun.push(some);
    return new Promise<readonly string[]>((resolve, reject) => {
      under.set(some, { end: () => resolve(inputs.map((input) => input.toUpperCase())), fail: reject });
    });
  };
  const isDone = (output: string) => output !== 'NOTHING';
  const ask = gathered(work, isDone, { most: 4, patienceMs: PATIENT_MS, ...limits }, () => clock.now);
  const end = async (some: string) => {
    under.get(some)?.end();
    await tick();
  };
  /** Something alone, which takes so long. */
  const alone = async (name: string, ms: number) => {
    const done = ask(name);
    await tick();
    clock.now += ms;
    await end(name);
    await done;
  };
  /** So fast that more in one pay. */
  const learn = async () => {
    await alone('x', 0);
    begun.length = 0;
  };
  return { ask, begun, end, alone, learn, clock, fail: (some: string, error: Error) => under.get(some)?.fail(error) };
}

t.test('at first each goes by itself, so many beside each other, and each has its own result', async (t) => {
  const { ask, begun, end } = aGathering();
  const all = ['a', 'b', 'c', 'd', 'e'].map(ask);
  await tick();
  t.strictSame(begun, ['a', 'b', 'c', 'd']);
  for (const one of ['c', 'a', 'b', 'd', 'e']) await end(one);
  t.strictSame(await Promise.all(all), ['A', 'B', 'C', 'D', 'E']);
});

t.test('what comes while others are at work is done together, in the order in which it came', async (t) => {
  const { ask, begun, end, learn } = aGathering();
  await learn();
  const first = ['a', 'b', 'c'].map(ask);
  await tick();
  t.strictSame(begun, ['ab', 'c'], 'two at once, and two of them');
  const others = ['d', 'e', 'f', 'g'].map(ask);
  await tick();
  t.strictSame(begun, ['ab', 'c']);
  await end('ab');
  t.strictSame(begun, ['ab', 'c', 'def'], 'which were as fast as one: three from now on');
  await end('c');
  t.strictSame(begun, ['ab', 'c', 'def', 'g']);
  await end('def');
  await end('g');
  t.strictSame(await Promise.all([...first, ...others]), ['A', 'B', 'C', 'D', 'E', 'F', 'G']);
});

t.test('together does not pay where it takes longer: then they go beside each other again', async (t) => {
  const { ask, begun, end, alone, clock } = aGathering();
  await alone('x', 10);
  const two = ['a', 'b'].map(ask);
  await tick();
  clock.now += 16;
  await end('ab');
  await Promise.all(two);
  const all = ['c', 'd', 'e', 'f', 'g'].map(ask);
  await tick();
  t.strictSame(begun, ['x', 'ab', 'c', 'd', 'e', 'f']);
  for (const one of ['c', 'd', 'e', 'f', 'g']) await end(one);
  t.strictSame(await Promise.all(all), ['C', 'D', 'E', 'F', 'G']);
});

t.test('where it fails it fails for all of them, and goes on with the next', async (t) => {
  const { ask, end, learn, fail } = aGathering({ most: 2 });
  await learn();
  const [a, b, c] = ['a', 'b', 'c'].map(ask) as [Promise<string>, Promise<string>, Promise<string>];
  await tick();
  const fault = new Error('the connection broke');
  fail('ab', fault);
  t.equal(await rejectionOf(a), fault);
  t.equal(await rejectionOf(b), fault);
  await tick();
  await end('c');
  t.equal(await c, 'C');
});

t.test('where several failed, perhaps for want of time, they go one by one again', async (t) => {
  const { ask, begun, end, learn, fail } = aGathering({ most: 2 });
  await learn();
  const failing = ['a', 'b'].map((name) => rejectionOf(ask(name)));
  await tick();
  fail('ab', new Error('it took too long'));
  await Promise.all(failing);
  const all = ['c', 'd'].map(ask);
  await tick();
  t.strictSame(begun, ['ab', 'c', 'd']);
  for (const one of ['c', 'd']) await end(one);
  t.strictSame(await Promise.all(all), ['C', 'D']);
});

t.test('nothing is learnt from work that had nothing to do', async (t) => {
  const { ask, begun, end, alone, clock } = aGathering();
  await alone('x', 10);
  await alone('nothing', 0);
  begun.length = 0;
  for (const pair of ['ab', 'cd']) {
    const two = [...pair].map(ask);
    await tick();
    clock.now += 13;
    await end(pair);
    await Promise.all(two);
  }
  t.strictSame(begun, ['ab', 'cd'], 'two take little longer than one, which took 10; with the idle one it were 8');
});

t.test('what takes too long holds nobody up, and still has its result', async (t) => {
  const { ask, begun, end } = aGathering({ most: 1, patienceMs: 1 });
  const all = ['a', 'b', 'c'].map(ask);
  while (begun.length < 3) await tick();
  t.strictSame(begun, ['a', 'b', 'c'], 'none of them has ended');
  for (const one of ['c', 'a', 'b']) await end(one);
  t.strictSame(await Promise.all(all), ['A', 'B', 'C']);
});
