import t from 'tap';
import { openRoom } from '../../src/passwords/room.js';

/** Lets everything that can go on go on. */
const tick = () => new Promise(setImmediate);

/** A room, hashes that run until they are ended, and the names of those that have begun, in order. */
function aRoom(threads: number) {
  const clock = { now: 1_000 };
  const room = openRoom(threads, () => clock.now);
  const begun: string[] = [];
  const ends = new Map<string, { resolve: (value: string) => void; reject: (error: Error) => void }>();
  const hash = (name: string) =>
    room.run(() => {
      begun.push(name);
      return new Promise<string>((resolve, reject) => ends.set(name, { resolve, reject }));
    });
  const end = async (name: string) => {
    ends.get(name)?.resolve(`hash of ${name}`);
    await tick();
  };
  return { room, clock, begun, hash, end, ends };
}

t.test('alone, passwords have all threads, those that came first first', async (t) => {
  const { begun, hash, end } = aRoom(3);
  const [a] = ['a', 'b', 'c', 'd', 'e'].map(hash);
  await tick();
  t.strictSame(begun, ['a', 'b', 'c']);
  await end('b');
  await end('a');
  t.strictSame(begun, ['a', 'b', 'c', 'd', 'e']);
  t.equal(await a, 'hash of a');
});

t.test('beside other requests, from the next hash on, they have one less', async (t) => {
  const { room, clock, begun, hash, end } = aRoom(3);
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) void hash(name);
  await tick();
  room.giveWay();
  await end('a');
  t.strictSame(begun, ['a', 'b', 'c'], 'two go on');
  await end('b');
  t.strictSame(begun, ['a', 'b', 'c', 'd'], 'and no more than two');
  clock.now += 19;
  await end('c');
  t.strictSame(begun, ['a', 'b', 'c', 'd', 'e'], 'still');
  clock.now += 1;
  await end('d');
  t.strictSame(begun, ['a', 'b', 'c', 'd', 'e', 'f', 'g'], '20 ms after the last of the others, they have all again');
});

t.test('those that come while others are served wait, and begin as soon as a hash that comes later', async (t) => {
  const { room, clock, begun, hash, end } = aRoom(2);
  room.giveWay();
  void hash('a');
  void hash('b');
  await tick();
  t.strictSame(begun, ['a']);
  clock.now += 20;
  void hash('c');
  await tick();
  t.strictSame(begun, ['a', 'b'], 'the one that waited longest, and no third');
  await end('a');
  t.strictSame(begun, ['a', 'b', 'c']);
});

t.test('there is always room for one, or nobody could log in', async (t) => {
  const { room, begun, hash, end } = aRoom(1);
  for (const name of ['a', 'b', 'c']) {
    room.giveWay();
    void hash(name);
  }
  await tick();
  t.strictSame(begun, ['a']);
  for (const name of ['a', 'b']) {
    room.giveWay();
    await end(name);
  }
  t.strictSame(begun, ['a', 'b', 'c']);
});

t.test('a hash that fails makes room like any other, and tells who asked for it', async (t) => {
  const { begun, hash, ends } = aRoom(1);
  const failing = hash('a');
  void hash('b');
  await tick();
  ends.get('a')?.reject(new Error('the thread is gone'));
  await t.rejects(failing, { message: 'the thread is gone' });
  t.strictSame(begun, ['a', 'b']);
  const atOnce = openRoom(1);
  await t.rejects(
    atOnce.run(() => {
      throw new Error('the pool is closed');
    }),
    { message: 'the pool is closed' },
  );
  t.equal(await atOnce.run(async () => 'c'), 'c');
});
