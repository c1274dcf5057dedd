// npm test [-- ARGUMENT ...]: compiles the tests and runs tap with a PostgreSQL at hand; after a whole run also checks the
// coverage, or says once more what failed. Arguments that are paths below test/ name tests; the others are tap's.
import { spawn } from 'node:child_process';
import { compile, compiledPath } from './compile.js';
import { openPostgres } from './postgres.js';
import { makeTemplates } from './templates.js';

/** What a shell says of a program that a signal ended. */
const INTERRUPTED = 130;
/** What tap says of tests that failed. */
const FAILED = 1;

async function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(command, args, { stdio: 'inherit', env });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill(signal));
  return new Promise((resolve) => {
    child.on('error', ({ message }) => {
      console.error(message);
      resolve(127);
    });
    child.on('exit', (status) => resolve(status ?? INTERRUPTED));
  });
}

const args = process.argv.slice(2).map((arg) => (/^(\.\/)?test(\/|$)/.test(arg) ? compiledPath(arg) : arg));
await compile();
const postgres = await openPostgres();
const templates = await makeTemplates(postgres.url);
const environment = { ...process.env, ...templates.environment, TEST_DATABASE_URL: postgres.url };
const tested = await run('tap', args, environment);
await templates.remove();
await postgres.stop();
const isWhole = args.length === 0;
if (isWhole && tested === 0) {
  process.exitCode = await run('tsx', ['scripts/coverage.ts'], process.env);
} else {
  // Of a whole run's many pages those that matter come last.
  if (isWhole && tested === FAILED) await run('tap', ['replay', '--reporter=terse', '--disable-coverage'], process.env);
  process.exitCode = tested;
}
