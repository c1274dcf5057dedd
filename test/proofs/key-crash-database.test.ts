// kill -9 before and after each statement of a command on a ring in the database.
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryFolder } from '../helper.js';
import { killAtEachStep } from './key-crash.js';
import { activeKid, withDatabase, wornRing, youngRing } from './key-crash-rings.js';
import { LONGER_RUN_ONLY, SOAK } from './soak.js';

const kind = 'database';

t.test('changes of a ring in SQLite, killed before and after each statement', async (t) => {
  const base = await withDatabase(t, await wornRing());
  await killAtEachStep(t, { args: 'keys rotate', base, kind, again: /a rotation is under way/ });
  // What other commands do to the row is that one statement as well.
  if (SOAK === 1) return;
  await killAtEachStep(t, { isSampled: true, args: 'keys rotate --force', base, kind });
  const revoke = `keys revoke ${await activeKid()} --yes`;
  await killAtEachStep(t, { isSampled: true, args: revoke, base, kind, again: /was revoked already/ });
  await killAtEachStep(t, { isSampled: true, args: 'keys prune --yes', base, kind });
  const file = join(temporaryFolder(t), 'old.pem');
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(file, publicKey.export({ type: 'spki', format: 'pem' }));
  await killAtEachStep(t, { isSampled: true, args: `keys import ${file} --for 1h`, base, kind });
});

t.test('keys rewrap of a ring in SQLite, killed before and after each statement', LONGER_RUN_ONLY, async (t) => {
  const base = await withDatabase(t, await youngRing(t));
  const present = Buffer.alloc(32, 8).toString('base64');
  const env = { KEYS_ENCRYPTION_KEY: present, KEYS_ENCRYPTION_KEY_PREVIOUS: Buffer.alloc(32, 7).toString('base64') };
  await killAtEachStep(t, { isSampled: true, args: 'keys rewrap', base, kind, env, keepsRing: true });
});
