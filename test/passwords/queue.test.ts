import t from 'tap';
import { openQueue, type QueueLimits } from '../../src/passwords/queue.js';

const LIMITS: QueueLimits = {
  atOnce: 2,
  maxWaiting: 4,
  maxWaitMs: 60_000,
  atOncePerAccount: 1,
  maxWaitingPerAccount: 2,
};

/** A queue, and what each that asked was told, in the order in which it was told. */
function aQueue(limits: Partial<QueueLimits> = {}) {
  const clock = { now: 0 };
  const queue = openQueue({ ...LIMITS, ...limits }, () => clock.now);
  const told: string[] = [];
  const leave = new Map<string, () => void>();
  const ask = (name: string, account = name, signal = new AbortController().signal) =>
    queue.enter({ account, signal }).then((turn) => {
      told.push(turn.ok ? name : `${name}: ${turn.refusal.reason}`);
      if (turn.ok) leave.set(name, turn.value);
    });
  const end = async (name: string) => {
    leave.get(name)?.();
    await new Promise(setImmediate);
  };
  return { queue, clock, told, ask, end };
}

t.test('so many at once, the others in the order in which they came', async (t) => {
  const { queue, told, ask, end } = aQueue();
  const all = ['a', 'b', 'c', 'd'].map((name) => ask(name));
  await new Promise(setImmediate);
  t.strictSame(told, ['a', 'b']);
  t.match(queue.status(), { running: 2, waiting: 2, turns: 2 });
  await end('b');
  await end('a');
  t.strictSame(told, ['a', 'b', 'c', 'd']);
  await Promise.all(all);
  await end('c');
  await end('d');
  t.match(queue.status(), { running: 0, waiting: 0, turns: 4 });
});

t.test('one account takes no room from others', async (t) => {
  const { told, ask, end } = aQueue();
  for (const name of ['a1', 'a2', 'a3', 'a4']) void ask(name, 'a');
  void ask('b');
  await new Promise(setImmediate);
  t.strictSame(
    told,
    ['a1', 'b', 'a4: password_queue_full'].sort((x, y) => told.indexOf(x) - told.indexOf(y)),
  );
  t.ok(told.includes('b'), 'who came later, and is another');
  await end('b');
  t.notOk(told.includes('a2'), 'a free place does not help an account that has its share');
  await end('a1');
  t.ok(told.includes('a2'));
});

t.test('beyond the number that may wait the answer is no, at once', async (t) => {
  const { queue, told, ask } = aQueue();
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) void ask(name);
  await new Promise(setImmediate);
  t.strictSame(told, ['a', 'b', 'g: password_queue_full']);
  t.match(queue.status(), { waiting: 4, refused: { password_queue_full: 1 } });
});

t.test('who waited too long is sent away and takes no turn', async (t) => {
  const { queue, told, ask, end } = aQueue({ atOnce: 1, maxWaitMs: 20 });
  // The queue's own timer keeps nothing alive.
  const alive = setTimeout(() => undefined, 10_000);
  t.teardown(() => clearTimeout(alive));
  await ask('a');
  await ask('b');
  t.strictSame(told, ['a', 'b: password_wait_too_long']);
  await end('a');
  t.match(queue.status(), { running: 0, waiting: 0, turns: 1, refused: { password_wait_too_long: 1 } });
});

t.test('who hung up is dropped, whether waiting or just coming', async (t) => {
  const { queue, told, ask, end } = aQueue({ atOnce: 1 });
  await ask('a');
  const gone = new AbortController();
  void ask('b', 'b', gone.signal);
  void ask('c');
  gone.abort();
  await new Promise(setImmediate);
  await ask('d', 'd', gone.signal);
  t.strictSame(told, ['a', 'b: request_abandoned', 'd: request_abandoned']);
  await end('a');
  t.strictSame(told.at(-1), 'c');
  t.match(queue.status(), { running: 1, waiting: 0, refused: { request_abandoned: 2 } });
});

t.test('the time that was waited is counted', async (t) => {
  const { queue, clock, ask, end } = aQueue({ atOnce: 1 });
  await ask('a');
  const b = ask('b');
  clock.now = 1500;
  await end('a');
  await b;
  t.equal(queue.status().waitedSeconds, 1.5);
});
