// kill -9 at each step of a move between files and the database: one whole ring, or the other.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { makeRing } from '../cli/harness.js';
import { killAtEachStep } from './key-crash.js';
import { withDatabase, youngRing } from './key-crash-rings.js';
import { LONGER_RUN_ONLY } from './soak.js';

t.test('keys copy --to files --replace, killed at each step', LONGER_RUN_ONLY, async (t) => {
  const base = await withDatabase(t, await youngRing(t));
  rmSync(join(base, 'keys'), { recursive: true });
  await makeRing(join(base, 'keys'));
  await killAtEachStep(t, { isSampled: true, args: 'keys copy --to files --replace --yes', base, kind: 'files' });
});
