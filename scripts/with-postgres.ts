// with-postgres COMMAND [ARGUMENT ...]: runs a command with TEST_DATABASE_URL naming a PostgreSQL server: the one it names
// already, or one of its own that is gone when the command ends.
import { spawn } from 'node:child_process';
import { openPostgres } from './postgres.js';

const [command, ...args] = process.argv.slice(2);
if (command === undefined) {
  console.error('usage: with-postgres COMMAND [ARGUMENT ...]');
  process.exit(2);
}
const postgres = await openPostgres();
const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, TEST_DATABASE_URL: postgres.url } });
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
const code = await new Promise<number>((resolve) => {
  child.on('error', () => resolve(127));
  child.on('exit', (status) => resolve(status ?? 1));
});
await postgres.stop();
process.exit(code);
