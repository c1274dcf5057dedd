// kill -9 at each step of tidying up: what is needed stays.
import t from 'tap';
import { killAtEachStep } from './key-crash.js';
import { litteredRing } from './key-crash-rings.js';
import { LONGER_RUN_ONLY } from './soak.js';

t.test('keys prune, killed at each step', LONGER_RUN_ONLY, async (t) => {
  await killAtEachStep(t, { isSampled: true, args: 'keys prune --yes', base: await litteredRing(t), kind: 'files' });
});
