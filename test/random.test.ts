import t from 'tap';
import { openRandom } from '../src/random.js';

t.test('of every size, and no bytes twice', async (t) => {
  const random = openRandom();
  const seen = new Set<string>();
  for (let i = 0; i < 2000; i++) {
    const size = [16, 28, 32, 1000][i % 4] ?? 0;
    const bytes = random(size);
    t.equal(bytes.length, size);
    // Any four bytes in a row, so that an overlap is found wherever it begins.
    for (let at = 0; at + 8 <= size; at += 8) seen.add(Buffer.from(bytes.subarray(at, at + 8)).toString('hex'));
  }
  t.equal(seen.size, 500 * (2 + 3 + 4 + 125));
  t.equal(random(0).length, 0);
  t.equal(new Set(random(5000)).size, 256, 'also more than a block');
});

t.test('what was given out is its own, and is not kept', async (t) => {
  const random = openRandom();
  const first = random(16);
  const copy = Uint8Array.from(first);
  first.fill(0);
  t.notSame(random(16), first);
  t.equal(copy.buffer.byteLength, 16);
  t.equal(random(16).buffer.byteLength, 16, 'nothing of the block can be reached through it');
});
