// A disk that is full while a key is rotated.
import t from 'tap';
import { wornRing } from './key-crash-rings.js';
import { failAtEachStep } from './key-disk.js';

t.test('keys rotate on a full disk', async (t) => {
  await failAtEachStep(t, { args: 'keys rotate', base: await wornRing() }, 'ENOSPC');
});
