import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { availableParallelism, cpus, getPriority, release, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { usableProcessors } from '../src/passwords/processors.js';
import { median } from './statistics.js';

/** CLK_TCK: /proc counts processor time in hundredths of a second. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;
const CALIBRATION_MS = 100;
const FSYNCS = 50;

/** What processes have used since they began, and hold now. */
export type Usage = { readonly cpuSeconds: number; readonly rssMib: number };

/** Of processes and all their descendants, from /proc: Linux only. */
export function usageOf(pids: readonly number[]): Usage {
  const all = new Map<number, Stat>();
  for (const entry of readdirSync('/proc')) {
    const stat = /^\d+$/.test(entry) ? readStat(Number(entry)) : null;
    if (stat !== null) all.set(Number(entry), stat);
  }
  const belongs = (pid: number): boolean => {
    const parent = all.get(pid)?.parent;
    return pids.includes(pid) || (parent !== undefined && parent !== pid && belongs(parent));
  };
  const own = [...all].filter(([pid]) => belongs(pid)).map(([, stat]) => stat);
  const sum = (what: 'ticks' | 'pages') => own.reduce((total, stat) => total + stat[what], 0);
  return { cpuSeconds: sum('ticks') / TICKS_PER_SECOND, rssMib: (sum('pages') * PAGE_BYTES) / 2 ** 20 };
}

type Stat = { readonly parent: number; readonly ticks: number; readonly pages: number; readonly policy: number };

/** proc(5): what comes after the name, which may have spaces and parentheses in it. */
function readStat(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [, parent = 0] = fields;
    const at = (i: number) => fields[i] ?? 0;
    return { parent, ticks: at(11) + at(12), pages: at(21), policy: at(38) };
  } catch {
    return null;
  }
}

/** Seconds that all processors together were busy since the machine was started. */
export function busySeconds(): number {
  const [first = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = first.split(/\s+/).map(Number);
  return (user + nice + system + irq + softirq) / TICKS_PER_SECOND;
}

const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
const calibrationKey = createPrivateKey(privateKey);

/** RS256 signatures a second of one thread, here and now: how fast the machine is at this moment. */
export function signaturesPerSecond(): number {
  const data = Buffer.alloc(300);
  const from = performance.now();
  let signed = 0;
  for (; performance.now() - from < CALIBRATION_MS; signed++) sign('sha256', data, calibrationKey);
  return (signed * 1000) / (performance.now() - from);
}

/** Under which conditions something was measured. */
export type Conditions = {
  readonly when: string;
  readonly node: string;
  readonly processors: string;
  readonly kernel: string;
  readonly memoryGib: number;
  /** nice(2), and the policy's number of sched(7): whether a lower priority is of use. */
  readonly scheduling: string;
  readonly folder: string;
  readonly fileSystem: string;
  /** Of 4 KiB, overwritten and forced to the disk; the median. */
  readonly fsyncMs: number;
};

export async function conditions(): Promise<Conditions> {
  const folder = resolve(tmpdir());
  return {
    when: new Date().toISOString(),
    node: process.version,
    processors: `${processorsText()} × ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    kernel: `Linux ${release()}`,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    scheduling: `nice ${getPriority()}, policy ${readStat(process.pid)?.policy ?? 'unknown'}`,
    folder,
    fileSystem: fileSystemOf(folder),
    fsyncMs: await fsyncMs(folder),
  };
}

/** As many as there are, or `2 of 8` where no more may be used. */
function processorsText(): string {
  const [usable, all] = [usableProcessors(), availableParallelism()];
  return usable < all ? `${usable} of ${all}` : String(all);
}

/** The type of what is mounted closest to a folder. */
function fileSystemOf(folder: string): string {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  const above = mounts.filter(
    ([, point = '']) => point !== '' && `${folder}/`.startsWith(point === '/' ? '/' : `${point}/`),
  );
  const [closest] = above.sort(([, a = ''], [, b = '']) => b.length - a.length);
  return closest?.[2] ?? 'unknown';
}

async function fsyncMs(folder: string): Promise<number> {
  const own = await mkdtemp(join(folder, 'mintd-fsync-'));
  const file = await open(join(own, 'file'), 'w');
  const times: number[] = [];
  for (let i = 0; i < FSYNCS; i++) {
    const from = performance.now();
    await file.write(Buffer.alloc(4096, i), 0, 4096, 0);
    await file.datasync();
    times.push(performance.now() - from);
  }
  await file.close();
  await rm(own, { recursive: true });
  return median(times);
}
