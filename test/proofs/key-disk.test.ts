// A disk that is broken, or a folder that may not be written into, while keys come and go.
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryFolder } from '../helper.js';
import { filesIn } from '../keys/support.js';
import { youngRing } from './key-crash-rings.js';
import { failAtEachStep } from './key-disk.js';
import { LONGER_RUN_ONLY } from './soak.js';

t.test('keys import where permissions are wrong', LONGER_RUN_ONLY, async (t) => {
  const file = join(temporaryFolder(t), 'old.pem');
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(file, publicKey.export({ type: 'spki', format: 'pem' }));
  await failAtEachStep(t, { args: `keys import ${file} --for 1h`, base: await youngRing(t) }, 'EACCES');
});

t.test('keys revoke on a broken disk', LONGER_RUN_ONLY, async (t) => {
  const base = await youngRing(t);
  const [active] = (await filesIn(join(base, 'keys')).read()).keys;
  await failAtEachStep(t, { args: `keys revoke ${active?.kid} --yes`, base }, 'EIO');
});
