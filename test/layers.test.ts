import t from 'tap';
import { read, sourceFiles, violations } from './layers.js';

const files = sourceFiles('src');

t.test('every import of src follows the table of ARCHITECTURE.md', async (t) => {
  t.ok(files.length > 40, 'the files were found');
  t.strictSame(
    files.flatMap((path) => violations(path, read(path))),
    [],
  );
});

t.test('a forbidden import is found', async (t) => {
  const forbidden: readonly (readonly [path: string, text: string])[] = [
    ['src/oauth/scope.ts', "import { openUsers } from '../store/users.js';"],
    ['src/oauth/scope.ts', "import { z } from 'zod';"],
    ['src/oauth/scope.ts', "import { randomBytes } from 'node:crypto';"],
    ['src/oauth/scope.ts', "import { createHash, randomUUID } from 'node:crypto';"],
    ['src/oauth/scope.ts', "import { readFile } from 'node:fs/promises';"],
    ['src/oauth/scope.ts', "export { openUsers } from '../store/users.js';"],
    ['src/oauth/scope.ts', "const users = await import('../store/users.js');"],
    ['src/store/users.ts', "import type { Grant } from '../grants/index.js';"],
    ['src/keys/signer.ts', "import { openUsers } from '../store/users.js';"],
    ['src/grants/password.ts', "import { openUsers } from '../store/users.js';"],
    ['src/grants/password.ts', "import { type User, openUsers } from '../store/users.js';"],
    ['src/grants/password.ts', "import fastify from 'fastify';"],
    ['src/grants/password.ts', "import { randomBytes } from 'node:crypto';"],
    ['src/accounts/import.ts', "import { openUsers } from '../store/users.js';"],
    ['src/accounts/import.ts', "import { createHash } from 'node:crypto';"],
    ['src/http/users.ts', "import { parse } from 'csv-parse/sync';"],
    ['src/http/token.ts', "import { SignJWT } from 'jose';"],
    ['src/http/token.ts', "import { usersCommands } from '../cli/users.js';"],
    ['src/cli/users.ts', "import { grant } from '../grants/index.js';"],
    ['src/cli/users.ts', "import { startServer } from '../serve.js';"],
    ['src/elsewhere/file.ts', ''],
  ];
  for (const [path, text] of forbidden) t.equal(violations(path, text).length, 1, `${path}: ${text}`);
});

t.test('an allowed one is not', async (t) => {
  const allowed: readonly (readonly [path: string, text: string])[] = [
    ['src/oauth/scope.ts', "import { createHash } from 'node:crypto';"],
    ['src/grants/password.ts', "import type { User } from '../store/users.js';"],
    ['src/grants/password.ts', "import { type User } from '../store/users.js';"],
    ['src/http/token.ts', "import { grant } from '../grants/index.js';"],
    ['src/cli/users.ts', "import { openUsers } from '../store/users.js';"],
    ['src/cli/users-import.ts', "import { importUsers } from '../accounts/import.js';"],
    ['src/serve.ts', "import { grant } from './grants/index.js';"],
  ];
  for (const [path, text] of allowed) t.strictSame(violations(path, text), [], `${path}: ${text}`);
});

t.test('the rules and the flows read no clock and draw no lots', async (t) => {
  const impure = /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bperformance\.|\bawait\b.*\bfetch\(/;
  const own = files.filter((path) => /^src\/(oauth|grants|accounts)\//.test(path));
  const guilty = own.filter((path) => impure.test(read(path)));
  t.strictSame(guilty, []);
});

t.test('only main.ts and program.ts touch the process', async (t) => {
  const guilty = files.filter(
    (path) =>
      !['src/main.ts', 'src/program.ts'].includes(path) &&
      /\bprocess\.(env|argv|exit|stdout|stderr|on)\b/.test(read(path)),
  );
  t.strictSame(guilty, []);
});

t.test('no file is longer than 250 lines', async (t) => {
  const long = [...files, ...sourceFiles('test'), ...sourceFiles('scripts')].filter(
    (path) => read(path).split('\n').length > 251,
  );
  t.strictSame(long, []);
});
