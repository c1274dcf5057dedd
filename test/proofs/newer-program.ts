import { cpSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { temporaryFolder } from '../helper.js';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * A copy of the built program that knows more migrations than this one, as the next versions will: it is what is written
 * into `dist/`, its packages and its migrations.
 *
 * @param migrations SQL for PostgreSQL by name; names sort behind all there are
 * @returns its main.js
 */
export function newerProgram(t: Test, migrations: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder(t);
  for (const name of ['dist', 'prisma'])
    cpSync(realpathSync(join(PROJECT, name)), join(folder, name), { recursive: true });
  for (const name of ['node_modules', 'package.json'])
    symlinkSync(realpathSync(join(PROJECT, name)), join(folder, name));
  for (const [name, sql] of Object.entries(migrations)) {
    const path = join(folder, 'prisma', 'postgres', 'migrations', name);
    mkdirSync(path);
    writeFileSync(join(path, 'migration.sql'), sql);
  }
  return join(folder, 'dist', 'main.js');
}
