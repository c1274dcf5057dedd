// kill -9 before and after each statement of a command on a ring in PostgreSQL.
import { join } from 'node:path';
import t from 'tap';
import { readConfig } from '../../src/config.js';
import { databaseStore } from '../../src/key-store.js';
import { copyRing } from '../../src/keys/changes.js';
import { temporaryFolder, testDatabase } from '../helper.js';
import { filesIn } from '../keys/support.js';
import { KEYS_ENCRYPTION_KEY, killAtEachStep } from './key-crash.js';
import { activeKid, wornRing } from './key-crash-rings.js';
import { LONGER_RUN_ONLY, SOAK } from './soak.js';

t.test('changes of a ring in PostgreSQL, killed before and after each statement', LONGER_RUN_ONLY, async (t) => {
  const database = await testDatabase(t, 'postgres');
  const env = { DATABASE_URL: database.url };
  const store = databaseStore(readConfig({ ...env, KEYS_ENCRYPTION_KEY }), database);
  await copyRing(filesIn(join(await wornRing(), 'keys')), store, false);
  const row = await database.prisma.keyRing.findUniqueOrThrow({ where: { id: 1 } });
  const reset = async () => {
    await database.prisma.keyRing.update({ where: { id: 1 }, data: row });
  };
  const shared = { base: temporaryFolder(t), kind: 'database', env, reset } as const;
  await killAtEachStep(t, { ...shared, isSampled: true, args: 'keys rotate', again: /a rotation is under way/ });
  if (SOAK === 1) return;
  await reset();
  const args = `keys revoke ${await activeKid()} --yes`;
  await killAtEachStep(t, { ...shared, isSampled: true, args, again: /was revoked already/ });
});
