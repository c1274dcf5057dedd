import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { migrate } from '../src/store/migrate.js';

/** A migrated, empty database of each kind, for tests to copy instead of migrating their own each time. */
export type Templates = { readonly environment: Record<string, string>; remove(): Promise<void> };

/** Makes the templates; test/helper.ts finds them in the environment. */
export async function makeTemplates(postgresUrl: string): Promise<Templates> {
  const folder = await mkdtemp(join(tmpdir(), 'mintd-template-'));
  const file = join(folder, 'template.db');
  await migrate(`file:${file}`, true);

  const name = `mintd_template_${randomBytes(6).toString('hex')}`;
  const server = new Client({ connectionString: postgresUrl });
  await server.connect();
  await server.query(`CREATE DATABASE ${name}`);
  const url = new URL(postgresUrl);
  url.pathname = name;
  await migrate(url.href, true);
  return {
    environment: { TEST_SQLITE_TEMPLATE: file, TEST_POSTGRES_TEMPLATE: name },
    async remove() {
      await server.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await server.end();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
