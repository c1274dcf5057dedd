// npm run generate: makes the two Prisma clients in src/store/generated from prisma/*/schema.prisma. Offline.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

const prisma = createRequire(import.meta.url).resolve('prisma/build/index.js');
for (const provider of ['sqlite', 'postgres']) {
  const args = [prisma, 'generate', '--no-hints', '--schema', `prisma/${provider}/schema.prisma`];
  const env = { ...process.env, CHECKPOINT_DISABLE: '1', PRISMA_HIDE_UPDATE_MESSAGE: '1' };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
  if (status !== 0) {
    console.error(`${stdout}${stderr}`);
    process.exit(1);
  }
}
