// kill -9 at each step of a move between files and the database: the other side has the whole ring, or what it had.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { killAtEachStep } from './key-crash.js';
import { withDatabase, withEmptyDatabase, youngRing } from './key-crash-rings.js';
import { LONGER_RUN_ONLY } from './soak.js';

const again = /there is a key ring already/;

t.test('keys copy --to files, killed at each step', LONGER_RUN_ONLY, async (t) => {
  const base = await withDatabase(t, await youngRing(t));
  rmSync(join(base, 'keys'), { recursive: true });
  await killAtEachStep(t, { isSampled: true, args: 'keys copy --to files', base, kind: 'files', again });
});

t.test('keys copy --to database, killed at each step', LONGER_RUN_ONLY, async (t) => {
  const base = await withEmptyDatabase(t, await youngRing(t));
  await killAtEachStep(t, { isSampled: true, args: 'keys copy --to database', base, kind: 'database', again });
});
