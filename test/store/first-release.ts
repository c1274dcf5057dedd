import { readFileSync } from 'node:fs';
import type { Test } from 'tap';
import { type Database, openDatabase, type Provider } from '../../src/store/database.js';
import { knownMigrations, prismaFolder } from '../../src/store/migrate.js';
import { type Migration, runMigrations } from '../../src/store/run-migrations.js';
import { emptyDatabaseUrl, START } from '../helper.js';
import { DAY_MS, hashOf } from './support.js';

/** A row of any table. */
export type Row = Readonly<Record<string, unknown>>;

/** The id of the one user. */
export const USER = 'a1a1a1a1-0000-4000-8000-000000000001';

/** Every migration with its script, oldest first. */
export async function scripts(provider: Provider): Promise<readonly Migration[]> {
  const names = await knownMigrations(provider);
  const read = (name: string) => readFileSync(`${prismaFolder(provider)}migrations/${name}/migration.sql`, 'utf8');
  return names.map((name) => ({ name, sql: read(name) }));
}

/** A database as the first release left it: its migration, a user, two clients, and four logins in all conditions. */
export async function firstRelease(t: Test, provider: Provider): Promise<string> {
  const url = await emptyDatabaseUrl(t, provider);
  await (await openDatabase(url, true)).close();
  await runMigrations(url, (await scripts(provider)).slice(0, 1));
  const database = await openDatabase(url);
  await fill(database);
  await database.close();
  return url;
}

async function fill({ prisma }: Database): Promise<void> {
  const at = (ms: number) => new Date(START + ms);
  await prisma.$executeRaw`INSERT INTO users (id, username, username_key, email, email_key, password_hash, roles, login_epoch, created_at)
    VALUES (${USER}, 'Ada é😀', 'ada é😀', 'Ada@example.org', 'ada@example.org', '$2b$10$x', 'admin staff', 3, ${at(0)})`;
  for (const [id, disabledAt] of [
    ['app', null],
    ['off', at(9)],
  ] as const) {
    await prisma.$executeRaw`INSERT INTO clients (id, name, kind, secret_hash, grants, scopes, default_scope, audiences,
      default_audiences, refresh_idle_ttl_seconds, retry_window_seconds, created_at, disabled_at)
      VALUES (${id}, 'An app', 'confidential', ${hashOf(id)}, 'password refresh_token', 'read write', 'read', 'https://api.example',
      '', 3600, 0, ${at(1)}, ${disabledAt})`;
  }
  for (const [name, clientId, epoch, revokedAt] of [
    ['handle', 'app', 3, null],
    ['revoked', 'app', 3, at(7)],
    ['ended with the user', 'app', 2, null],
    ['at a disabled client', 'off', 3, null],
  ] as const) {
    await prisma.$executeRaw`INSERT INTO families (id, handle_hash, user_id, client_id, login_epoch, scope, audiences, created_at,
      absolute_expires_at, current_hash, previous_hash, successor_key, generation, rotated_at, idle_expires_at, revoked_at, revoked_reason)
      VALUES (${name}, ${hashOf(name)}, ${USER}, ${clientId}, ${epoch}, 'read', 'https://api.example', ${at(2)},
      ${at(90 * DAY_MS)}, ${hashOf('secret 0')}, ${hashOf('before')}, ${hashOf('key')}, 41, ${at(3)}, ${at(14 * DAY_MS)},
      ${revokedAt}, ${revokedAt === null ? null : 'reuse'})`;
  }
  await prisma.$executeRaw`INSERT INTO installation (id, key_ring_made_at) VALUES (1, ${at(0)})`;
}

/** The tables of the first release. */
export const TABLES = ['users', 'clients', 'families', 'installation'] as const;

/** Everything in the tables of the program, column by column. */
export async function contents(url: string): Promise<Readonly<Record<string, readonly Row[]>>> {
  const database = await openDatabase(url);
  const all: Record<string, readonly Row[]> = {};
  for (const table of TABLES) {
    all[table] = await database.prisma.$queryRawUnsafe<Row[]>(`SELECT * FROM ${table} ORDER BY id`);
  }
  await database.close();
  return all;
}
