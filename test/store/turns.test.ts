import t from 'tap';
import { DatabaseUnavailable } from '../../src/store/outage.js';
import { takeTurns } from '../../src/store/turns.js';
import { rejectionOf } from './support.js';

/** Lets everything that can go on go on. */
const tick = () => new Promise(setImmediate);

/** Work that begins when its turn comes, and ends when the test says so. */
function held() {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const work = (name: string) => () =>
    new Promise<string>((resolve) => {
      begun.push(name);
      ends.set(name, () => resolve(name));
    });
  return { begun, work, end: (name: string) => ends.get(name)?.() };
}

t.test('so much runs at once, and the rest in the order it came', async (t) => {
  const inTurn = takeTurns(2, 60_000);
  const { begun, work, end } = held();
  const all = ['a', 'b', 'c', 'd'].map((name) => inTurn(work(name)));
  await tick();
  t.strictSame(begun, ['a', 'b']);
  end('b');
  t.equal(await all[1], 'b');
  await tick();
  t.strictSame(begun, ['a', 'b', 'c']);
  end('a');
  await all[0];
  await tick();
  t.strictSame(begun, ['a', 'b', 'c', 'd']);
  end('c');
  end('d');
  t.strictSame(await Promise.all(all), ['a', 'b', 'c', 'd']);
});

t.test('work that fails gives its turn on, and its error to whoever began it', async (t) => {
  const inTurn = takeTurns(1, 60_000);
  const failing = inTurn(() => Promise.reject(new Error('no')));
  const next = inTurn(async () => 'next');
  t.equal((await rejectionOf(failing)).message, 'no');
  t.equal(await next, 'next');
});

t.test('whoever waits too long is told so, never runs, and costs nobody else a turn', async (t) => {
  const inTurn = takeTurns(1, 10);
  const { begun, work, end } = held();
  const first = inTurn(work('first'));
  const late = await rejectionOf(inTurn(work('late')));
  t.type(late, DatabaseUnavailable);
  end('first');
  await first;
  const next = inTurn(work('next'));
  await tick();
  end('next');
  t.equal(await next, 'next');
  t.strictSame(begun, ['first', 'next']);
});
