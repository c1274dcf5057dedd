import { readFileSync } from 'node:fs';
import t from 'tap';
import { NO_FILTERS, withSchemaEngine } from '../../scripts/schema-engine.js';
import { openDatabase, type Provider } from '../../src/store/database.js';
import { knownMigrations, migrate, prismaFolder, schemaStatus } from '../../src/store/migrate.js';
import { runMigrations } from '../../src/store/run-migrations.js';
import { emptyDatabaseUrl, PROVIDERS } from '../helper.js';
import { contents, firstRelease, type Row, scripts } from './first-release.js';
import { rejectionOf } from './support.js';

/** Applies migrations as Prisma's own engine does, which `prisma migrate deploy` runs; tells which it applied. */
async function applyWithPrisma(url: string, provider: Provider): Promise<readonly string[]> {
  const baseDir = prismaFolder(provider);
  const path = 'migration_lock.toml';
  const lockfile = { path, content: readFileSync(`${baseDir}migrations/${path}`, 'utf8') };
  const migrationDirectories = (await scripts(provider)).map(({ name, sql }) => ({
    path: name,
    migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value: sql } },
  }));
  const migrationsList = { baseDir, lockfile, shadowDbInitScript: '', migrationDirectories };
  const applying = withSchemaEngine(url, (engine) => engine.applyMigrations({ migrationsList, filters: NO_FILTERS }));
  return (await applying).appliedMigrationNames;
}

/** What the notes of a database say, times and ids aside. */
async function notesIn(url: string): Promise<readonly Row[]> {
  const { prisma, close } = await openDatabase(url);
  const rows = await prisma.$queryRaw<Row[]>`SELECT migration_name, checksum, applied_steps_count, logs, rolled_back_at
    FROM _prisma_migrations ORDER BY migration_name`;
  await close();
  return rows;
}

for (const provider of PROVIDERS) {
  t.test(`${provider}: a migration whose last statement fails leaves the database as it was`, async (t) => {
    for (const [index, { name, sql }] of (await scripts(provider)).entries()) {
      if (index === 0) continue;
      const url = await firstRelease(t, provider);
      await runMigrations(url, (await scripts(provider)).slice(1, index));
      const before = await contents(url);
      const broken = `${sql}\nALTER TABLE "nowhere" ADD COLUMN "x" TEXT;`;
      const { message } = await rejectionOf(runMigrations(url, [{ name, sql: broken }]));
      t.match(message, `the migration ${name} failed: `);
      t.match(message, /nowhere/);
      t.strictSame(await contents(url), before, name);
      const pending = (await knownMigrations(provider)).slice(index);
      const database = await openDatabase(url);
      t.strictSame(await schemaStatus(database), { status: 'behind', pending }, 'nothing is noted');
      await database.close();
      t.strictSame((await migrate(url, true)).applied, pending, 'and the mended one can be applied');
    }
  });

  t.test(`${provider}: Prisma's own tools and mintd agree on what was applied`, async (t) => {
    const ours = await emptyDatabaseUrl(t, provider);
    await migrate(ours, true);
    t.strictSame(await applyWithPrisma(ours, provider), [], 'nothing is left for Prisma to apply');
    const theirs = await emptyDatabaseUrl(t, provider);
    await (await openDatabase(theirs, true)).close();
    t.strictSame(await applyWithPrisma(theirs, provider), await knownMigrations(provider));
    t.strictSame(await migrate(theirs, true), { before: { status: 'current' }, applied: [] });
    t.strictSame(await notesIn(ours), await notesIn(theirs), 'the notes are alike');
  });
}

t.test(
  'SQLite: a script that makes a table anew keeps the rows that refer to it, and one that loses them fails',
  async (t) => {
    const anew = (select: string) => `
    CREATE TABLE "new_users" AS SELECT * FROM "users" ${select};
    DROP TABLE "users";
    CREATE TABLE "users" ("id" TEXT NOT NULL PRIMARY KEY, "username" TEXT NOT NULL);
    INSERT INTO "users" SELECT id, username FROM "new_users";
    DROP TABLE "new_users";`;
    const url = await firstRelease(t, 'sqlite');
    const before = await contents(url);
    const losing = { name: '99990101000000_anew', sql: anew('WHERE 0') };
    t.match(
      (await rejectionOf(runMigrations(url, [losing]))).message,
      /anew failed: it leaves 4 row\(s\) that refer to/,
    );
    t.strictSame(await contents(url), before);
    await runMigrations(url, [{ ...losing, sql: anew('') }]);
    t.strictSame((await contents(url))['families'], before['families']);
  },
);
