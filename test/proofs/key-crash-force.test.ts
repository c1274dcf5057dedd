// kill -9 at each step of a forced rotation: the ring is the one before or the one after, and nothing that signs is lost.
import t from 'tap';
import { killAtEachStep } from './key-crash.js';
import { wornRing } from './key-crash-rings.js';
import { LONGER_RUN_ONLY } from './soak.js';

t.test('keys rotate --force, killed at each step', LONGER_RUN_ONLY, async (t) => {
  await killAtEachStep(t, { isSampled: true, args: 'keys rotate --force', base: await wornRing(), kind: 'files' });
});
