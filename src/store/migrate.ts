import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Database, openDatabase, type Provider, prepareFile, providerOf, sqliteFile } from './database.js';
import { lockForMigration } from './lock.js';
import { attempt } from './outage.js';
import { runMigrations } from './run-migrations.js';

/** How a database stands to the migrations this program was built with. */
export type SchemaStatus =
  | { readonly status: 'current' }
  | { readonly status: 'behind'; readonly pending: readonly string[] }
  | { readonly status: 'newer'; readonly unknown: readonly string[] }
  | { readonly status: 'failed'; readonly migration: string };

/** The folder with schema.prisma and migrations/ of a provider. */
export function prismaFolder(provider: Provider): string {
  return fileURLToPath(new URL(`../../prisma/${provider}/`, import.meta.url));
}

/** The migrations this program knows, oldest first. */
export async function knownMigrations(provider: Provider): Promise<readonly string[]> {
  const entries = await readdir(`${prismaFolder(provider)}migrations`, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

type AppliedMigration = { migration_name: string; finished_at: unknown; rolled_back_at: unknown };

/** One clear sentence about a schema that cannot be used, with the way out; null for one that can. */
export function schemaFault(schema: SchemaStatus): string | null {
  switch (schema.status) {
    case 'current':
      return null;
    case 'behind':
      return `the database lacks ${schema.pending.length} migration(s), first ${schema.pending[0]}: run \`mintd migrate\``;
    case 'newer':
      return `the database was made by a newer mintd (it has the migration ${schema.unknown[0]}): run that version`;
    case 'failed':
      return `the migration ${schema.migration} was begun and not finished: run \`mintd migrate --retry\``;
  }
}

/** A migration that a program of an earlier release need not know: what it adds may be left out (docs/operations/upgrade.md). */
const ONLY_ADDS = /^\d+_expand_/;

/** Compares the database with the program. Changes nothing. */
export async function schemaStatus(database: Database): Promise<SchemaStatus> {
  const known = await knownMigrations(database.provider);
  const applied = (await appliedMigrations(database)).filter((row) => row.rolled_back_at === null);
  const failed = applied.find((row) => row.finished_at === null);
  if (failed !== undefined) return { status: 'failed', migration: failed.migration_name };
  const names = new Set(applied.map((row) => row.migration_name));
  const unknown = [...names].filter((name) => !known.includes(name) && !ONLY_ADDS.test(name));
  if (unknown.length > 0) return { status: 'newer', unknown };
  const pending = known.filter((name) => !names.has(name));
  return pending.length === 0 ? { status: 'current' } : { status: 'behind', pending };
}

/**
 * Whether the database has every migration this program was built with: what a server that runs needs. Further ones, of a
 * newer version that is being started beside it, are not looked at, whether they are done, under way or failed: one release
 * only adds (docs/decisions/0019-rolling-upgrades.md). To start, a program asks schemaStatus.
 */
export async function hasKnownMigrations(database: Database): Promise<boolean> {
  const known = await knownMigrations(database.provider);
  const done = (await appliedMigrations(database)).filter(
    (row) => row.finished_at !== null && row.rolled_back_at === null,
  );
  const names = new Set(done.map((row) => row.migration_name));
  return known.every((name) => names.has(name));
}

/** The rows of the table Prisma itself keeps, so that `prisma migrate` and mintd agree on what was applied. */
async function appliedMigrations({ provider, prisma }: Database): Promise<readonly AppliedMigration[]> {
  const exists = await attempt(() =>
    provider === 'sqlite'
      ? prisma.$queryRaw<unknown[]>`SELECT name FROM sqlite_master WHERE type = 'table' AND name = '_prisma_migrations'`
      : prisma.$queryRaw<unknown[]>`SELECT 1 AS found WHERE to_regclass('_prisma_migrations') IS NOT NULL`,
  );
  if (exists.length === 0) return [];
  return attempt(
    () => prisma.$queryRaw<AppliedMigration[]>`
      SELECT migration_name, finished_at, rolled_back_at FROM _prisma_migrations ORDER BY migration_name`,
  );
}

/** Runs what is pending, oldest first. The caller holds the lock (src/store/lock.ts) and has no connection open. */
async function applyPending(databaseUrl: string, provider: Provider, status: SchemaStatus): Promise<readonly string[]> {
  if (status.status !== 'behind') return [];
  const read = async (name: string) => {
    return { name, sql: await readFile(`${prismaFolder(provider)}migrations/${name}/migration.sql`, 'utf8') };
  };
  await runMigrations(databaseUrl, await Promise.all(status.pending.map(read)));
  return status.pending;
}

/**
 * Applies what is pending, the migration first that was begun and not finished. mintd leaves none of those, as it notes a
 * migration in its own transaction; Prisma's `migrate deploy` does when it is killed. A script runs whole or not at all, so
 * either nothing of it is there, or all of it and only the note is missing.
 */
async function applyAgain(databaseUrl: string, provider: Provider, unfinished: string): Promise<readonly string[]> {
  await noteAs(databaseUrl, unfinished, 'rolled back');
  try {
    return await applyPending(databaseUrl, provider, await readStatus(databaseUrl, false));
  } catch (error) {
    const isThere = new RegExp(`^the migration ${unfinished} failed: .*(already exists|duplicate column)`);
    if (!(error instanceof Error && isThere.test(error.message))) throw error;
    await noteAs(databaseUrl, unfinished, 'finished');
    return applyPending(databaseUrl, provider, await readStatus(databaseUrl, false));
  }
}

/** As `prisma migrate resolve` does. */
async function noteAs(databaseUrl: string, migration: string, as: 'rolled back' | 'finished'): Promise<void> {
  const { prisma, attempt, close } = await openDatabase(databaseUrl);
  const at = new Date();
  const note = () =>
    as === 'finished'
      ? prisma.$executeRaw`UPDATE _prisma_migrations
          SET finished_at = ${at}, rolled_back_at = NULL, applied_steps_count = 1, logs = NULL
          WHERE migration_name = ${migration} AND finished_at IS NULL`
      : prisma.$executeRaw`UPDATE _prisma_migrations SET rolled_back_at = ${at}
          WHERE migration_name = ${migration} AND finished_at IS NULL AND rolled_back_at IS NULL`;
  await attempt(note).finally(close);
}

async function readStatus(databaseUrl: string, mayCreate: boolean): Promise<SchemaStatus> {
  const database = await openDatabase(databaseUrl, mayCreate);
  return schemaStatus(database).finally(() => database.close());
}

/** What migrate found and did. */
export type MigrationOutcome = { readonly before: SchemaStatus; readonly applied: readonly string[] };

/**
 * Brings a database to the schema of this program. Several processes may try at once: one does it, the others wait and
 * find it done. A database that is newer, or in which a migration was not finished, is left as it is.
 *
 * @param apply false only looks
 * @param retry whether to try a migration again that was not finished
 */
export async function migrate(databaseUrl: string, apply: boolean, retry = false): Promise<MigrationOutcome> {
  const provider = providerOf(databaseUrl) ?? 'sqlite';
  if (!apply && provider === 'sqlite') await prepareFile(sqliteFile(databaseUrl), false);
  const release = await lockForMigration(databaseUrl);
  try {
    const before = await readStatus(databaseUrl, apply);
    if (before.status === 'failed' && retry)
      return { before, applied: await applyAgain(databaseUrl, provider, before.migration) };
    const applied = apply ? await applyPending(databaseUrl, provider, before) : [];
    return { before, applied };
  } finally {
    await release();
  }
}
