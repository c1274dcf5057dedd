// kill -9 at each step of writing every private key anew: each can be read the old way or the new.
import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { emptyCommandLine } from '../cli/harness.js';
import { temporaryFolder } from '../helper.js';
import { killAtEachStep } from './key-crash.js';
import { youngRing } from './key-crash-rings.js';
import { LONGER_RUN_ONLY } from './soak.js';

t.test('keys rewrap from plain text to a passphrase, killed at each step', LONGER_RUN_ONLY, async (t) => {
  const env = { KEYS_PASSPHRASE: 'the quick brown fox' };
  await killAtEachStep(t, { isSampled: true, args: 'keys rewrap', base: await youngRing(t), kind: 'files', env });
});

t.test('keys rewrap from a passphrase to plain text, killed at each step', LONGER_RUN_ONLY, async (t) => {
  const base = join(temporaryFolder(t), 'base');
  cpSync(await youngRing(t), base, { recursive: true });
  const commands = emptyCommandLine(t);
  const environment = { KEYS_DIR: join(base, 'keys'), KEYS_PASSPHRASE: 'the quick brown fox' };
  t.match(await commands.mintd('keys rewrap', { environment }), { code: 0 });
  t.equal(readdirSync(join(base, 'keys')).filter((name) => name.endsWith('.jwe')).length, 2);
  const env = { KEYS_PASSPHRASE_PREVIOUS: 'the quick brown fox' };
  await killAtEachStep(t, { isSampled: true, args: 'keys rewrap --yes', base, kind: 'files', env });
});
