// npm run bench:import: how long does an import take, and does its memory grow with the file? For each database: 10,000 and
// 100,000 users through the real command, each into an empty installation, once with all the memory Node takes by itself and
// once with a heap of 64 MiB; then ten of them log in at a real server. Prints a table; takes some minutes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { hashSync } from 'bcrypt';
import { openPostgres } from '../scripts/postgres.js';
import { type Bench, openBench } from './issuer.js';

const SIZES = [10_000, 100_000] as const;
const HEAPS_MIB = [null, 64] as const;
const LOGINS = 10;
/** Node tells how much memory it had at most when it ends. */
const TELL_MEMORY = 'process.on("exit",()=>process.stderr.write("peak "+process.resourceUsage().maxRSS))';

/** Users of whom some, all over the file, have a password; `password i` for the user `user i`. */
async function writeUsers(path: string, count: number): Promise<readonly number[]> {
  const nobody = '$2b$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234';
  const known = Array.from({ length: LOGINS }, (_, i) => Math.floor((i * (count - 1)) / (LOGINS - 1)));
  const hashes = new Map(known.map((i) => [i, hashSync(`password ${i}`, 10)]));
  const file = createWriteStream(path);
  file.write('username,email,roles,password_hash,created_at\n');
  for (let i = 0; i < count; i++) {
    const line = `user${i},user${i}@example.com,staff team${i % 7},${hashes.get(i) ?? nobody},2024-01-02T03:04:05Z\n`;
    if (!file.write(line)) await once(file, 'drain');
  }
  await finished(file.end());
  return known;
}

/** Seconds and MiB of one import. */
async function measure(bench: Bench, file: string, heapMib: number | null) {
  const limit = heapMib === null ? [] : [`--max-old-space-size=${heapMib}`];
  const started = performance.now();
  const child = spawn(
    process.execPath,
    [...limit, `--import=data:text/javascript,${TELL_MEMORY}`, 'dist/main.js', 'users', 'import', file],
    { env: { PATH: process.env['PATH'], DATABASE_URL: bench.databaseUrl }, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  if (code !== 0) throw new Error(`users import ended with ${code}: ${said}`);
  const peakKib = Number(/peak (\d+)$/.exec(said)?.[1]);
  return { seconds: (performance.now() - started) / 1000, peakMib: Math.round(peakKib / 1024) };
}

async function logIn(url: string, i: number): Promise<number> {
  const form = { grant_type: 'password', client_id: 'bench', username: `USER${i}`, password: `password ${i}` };
  return (await fetch(`${url}/token`, { method: 'POST', body: new URLSearchParams(form) })).status;
}

const postgres = await openPostgres();
const rows: object[] = [];
for (const provider of ['sqlite', 'postgres'] as const) {
  for (const [count, heapMib] of SIZES.flatMap((size) => HEAPS_MIB.map((heap) => [size, heap] as const))) {
    const bench = await openBench(provider, `${provider}_import_${count}_${heapMib ?? 'any'}`, postgres.url);
    const file = join(bench.folder, 'users.csv');
    const known = await writeUsers(file, count);
    const { seconds, peakMib } = await measure(bench, file, heapMib);
    const server = await bench.serve();
    const answers = await Promise.all(known.map((i) => logIn(server.url, i)));
    await server.stop();
    rows.push({
      database: provider,
      users: count,
      'heap MiB': heapMib ?? 'any',
      seconds: seconds.toFixed(1),
      'users/s': Math.round(count / seconds),
      'peak RSS MiB': peakMib,
      logins: `${answers.filter((status) => status === 200).length} of ${answers.length}`,
    });
    await rm(bench.folder, { recursive: true, force: true });
  }
}
console.table(rows);
await postgres.stop();
