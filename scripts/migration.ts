// npm run migration -- NAME: writes the SQL that leads from the last migration to prisma/*/schema.prisma, for both
// databases. Each migration keeps the schema it led to, and the next one starts from that. Offline.
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import type { Provider } from '../src/store/database.js';
import { knownMigrations, prismaFolder } from '../src/store/migrate.js';
import { sqlBetween } from './schema-engine.js';

const name = process.argv[2];
if (name === undefined || !/^[a-z][a-z0-9_]*$/.test(name)) {
  console.error('usage: npm run migration -- NAME    (NAME in snake_case, for example add_roles)');
  process.exit(2);
}
const postgresUrl = process.env['TEST_DATABASE_URL'];
if (postgresUrl === undefined) throw new Error('run this as `npm run migration`, which brings a PostgreSQL');
const urls: Record<Provider, string> = { sqlite: 'file::memory:', postgres: postgresUrl };

const stamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
for (const provider of ['sqlite', 'postgres'] as const) {
  const base = prismaFolder(provider);
  const last = (await knownMigrations(provider)).at(-1);
  const before = last === undefined ? null : await readFile(`${base}migrations/${last}/schema.prisma`, 'utf8');
  const sql = await sqlBetween(urls[provider], before, await readFile(`${base}schema.prisma`, 'utf8'));
  if (sql === '') {
    console.log(`${provider}: the migrations already lead to the schema; nothing written`);
    continue;
  }
  const folder = `${base}migrations/${stamp}_${name}/`;
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}migration.sql`, sql);
  await copyFile(`${base}schema.prisma`, `${folder}schema.prisma`);
  console.log(`wrote ${folder}migration.sql: read it before you commit it`);
}
process.exit(0);
