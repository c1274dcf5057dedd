// kill -9 at each step of an import: the foreign key is in the ring or not, and ours are there.
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryFolder } from '../helper.js';
import { killAtEachStep } from './key-crash.js';
import { wornRing } from './key-crash-rings.js';

t.test('keys import, killed at each step', async (t) => {
  const file = join(temporaryFolder(t), 'old.pem');
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(file, publicKey.export({ type: 'spki', format: 'pem' }));
  await killAtEachStep(t, { args: `keys import ${file} --for 1h`, base: await wornRing(), kind: 'files' });
});
