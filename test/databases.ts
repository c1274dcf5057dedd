import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client as PgClient } from 'pg';
import type { Test } from 'tap';
import { COMMAND_PATIENCE, type Database, openDatabase, type Provider, sqliteFile } from '../src/store/database.js';
import { migrate } from '../src/store/migrate.js';

/** Every database mintd claims; store tests run once on each. */
export const PROVIDERS: readonly Provider[] = ['sqlite', 'postgres'];

/** A folder that goes away with the test: where `npm test` says, or where the system keeps such folders. */
export function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(join(process.env['TEST_FOLDER'] ?? tmpdir(), 'mintd-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The URL of an empty database of its own, gone with the test. */
export async function emptyDatabaseUrl(t: Test, provider: Provider): Promise<string> {
  if (provider === 'sqlite') return `file:${join(temporaryFolder(t), 'test.db')}`;
  return newPostgresUrl(t, 'template1');
}

async function newPostgresUrl(t: Test, template: string): Promise<string> {
  const serverUrl = process.env['TEST_DATABASE_URL'];
  if (serverUrl === undefined)
    throw new Error('no PostgreSQL: run tests with `npm test`, for one file `npm test -- FILE`');
  const name = `mintd_test_${randomBytes(8).toString('hex')}`;
  await onServer(serverUrl, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  t.teardown(() => onServer(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
  const url = new URL(serverUrl);
  url.pathname = name;
  return url.href;
}

async function onServer(url: string, sql: string): Promise<void> {
  const client = new PgClient({ connectionString: url });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

/** The same, migrated: a copy of the template that `npm test` made, or migrated here where there is none. */
async function migratedDatabaseUrl(t: Test, provider: Provider): Promise<string> {
  const { TEST_SQLITE_TEMPLATE: file, TEST_POSTGRES_TEMPLATE: template } = process.env;
  if (provider === 'postgres' && template !== undefined) return newPostgresUrl(t, template);
  const url = await emptyDatabaseUrl(t, provider);
  if (provider === 'sqlite' && file !== undefined) copyFileSync(file, sqliteFile(url));
  else await migrate(url, true);
  return url;
}

/** A migrated, open database of its own, gone with the test; with patience where times are not what is tested. */
export async function testDatabase(
  t: Test,
  provider: Provider,
  patience = COMMAND_PATIENCE,
): Promise<Database & { readonly url: string }> {
  const url = await migratedDatabaseUrl(t, provider);
  const database = await openDatabase(url, false, patience);
  t.teardown(() => database.close());
  return { ...database, url };
}
