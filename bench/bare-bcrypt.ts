// The floor of a login: passwords compared and nothing else, by as many threads as mintd would use, of mintd's own kind. Told so
// many seconds, it answers how many comparisons a second there were. A process of its own, started by bench/subjects.ts.
import { fileURLToPath } from 'node:url';
import { hashSync } from 'bcrypt';
import { Piscina } from 'piscina';
import { usableProcessors } from '../src/passwords/processors.js';
import type { Task } from '../src/passwords/worker.js';
import { COST, PASSWORD } from './people.js';

const WARM_UP_MS = 200;
const threads = usableProcessors();
const pool = new Piscina<Task, boolean>({
  filename: fileURLToPath(new URL('../dist/passwords/worker.js', import.meta.url)),
  minThreads: threads,
  maxThreads: threads,
  execArgv: [],
});
const task: Task = { kind: 'verify', password: PASSWORD, hashes: [hashSync(PASSWORD, COST)] };

async function count(seconds: number): Promise<number> {
  // It begins in the middle of comparisons, as it ends.
  const from = performance.now() + WARM_UP_MS;
  const until = from + seconds * 1000;
  let compared = 0;
  const one = async () => {
    while (performance.now() < until) {
      if (!(await pool.run(task))) throw new Error('the password does not belong to its hash');
      const now = performance.now();
      if (now >= from && now <= until) compared++;
    }
  };
  // One more than threads, so that none of them waits for the next.
  await Promise.all(Array.from({ length: threads + 1 }, one));
  return compared / seconds;
}

process.on('message', (seconds: number) => {
  void count(seconds).then((perSecond) => process.send?.(perSecond));
});
process.on('disconnect', () => process.exit());
