import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { makeKeyPair } from '../src/keys/rsa.js';
import { migrate } from '../src/store/migrate.js';

/** What many tests need and would take long to make each time: a migrated, empty database of each kind, and key pairs. */
export type Templates = { readonly environment: Record<string, string>; remove(): Promise<void> };

/** More than a whole run has at a time. */
const ROOM_BYTES = 2 ** 31;

/** Makes the templates; test/databases.ts and test/key-pairs.ts find them in the environment. */
export async function makeTemplates(postgresUrl: string): Promise<Templates> {
  const folder = await mkdtemp(join(await roomInMemory(), 'mintd-template-'));
  // Some tests become a user who may nothing, and must still find their own folders in it.
  await chmod(folder, 0o711);
  const file = join(folder, 'template.db');
  await migrate(`file:${file}`, true);
  const keyPairs = join(folder, 'key-pairs.json');
  await writeFile(keyPairs, JSON.stringify(await Promise.all([makeKeyPair(), makeKeyPair(), makeKeyPair()])));

  const name = `mintd_template_${randomBytes(6).toString('hex')}`;
  const server = new Client({ connectionString: postgresUrl });
  await server.connect();
  await server.query(`CREATE DATABASE ${name}`);
  const url = new URL(postgresUrl);
  url.pathname = name;
  await migrate(url.href, true);
  return {
    environment: {
      TEST_FOLDER: folder,
      TEST_SQLITE_TEMPLATE: file,
      TEST_POSTGRES_TEMPLATE: name,
      TEST_KEY_PAIRS: keyPairs,
    },
    async remove() {
      await server.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await server.end();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * A folder in memory where Linux has a roomy one, otherwise the system's temporary folder. Every write to SQLite waits for
 * the disk, and tests write a lot: what is thrown away in a minute need not survive a power cut.
 */
async function roomInMemory(): Promise<string> {
  const folder = '/dev/shm';
  const room = await statfs(folder).catch(() => null);
  return room !== null && room.bavail * room.bsize >= ROOM_BYTES ? folder : tmpdir();
}
