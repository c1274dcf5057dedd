import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';

/** What a file holds, or null where it cannot be read. */
export type ReadText = (path: string) => string | null;

/**
 * How many processors this process can keep busy: those it may run on, or fewer where a control group has a quota of their
 * time, as containers with a limit have. More threads than that would use the quota up together, and then everything
 * stands still until the next period, requests as well. Node looks at quotas too, and
 * overlooks those of version 1 where version 2 is mounted beside it (seen with 22.14, 24.22 and 26.12).
 *
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html cpu.max
 * @see https://docs.kernel.org/scheduler/sched-bwc.html cpu.cfs_quota_us, of the first version
 */
export function usableProcessors(read: ReadText = readText, processors = availableParallelism()): number {
  const groups = read('/proc/self/cgroup') ?? '';
  const quotas = [...quotasOfVersion2(groups, read), ...quotasOfVersion1(groups, read)];
  // Part of a processor is not enough for one more thread; with none, nobody could log in.
  return Math.max(1, Math.floor(Math.min(processors, ...quotas)));
}

/** In processors, of a group and of those above it. */
function quotasOfVersion2(groups: string, read: ReadText): number[] {
  const path = /^0::(\/.*)$/m.exec(groups)?.[1];
  return foldersUpFrom(path).flatMap((folder) => {
    const [quota, period] = read(join('/sys/fs/cgroup', folder, 'cpu.max'))?.split(/\s/) ?? [];
    return share(quota, period);
  });
}

function quotasOfVersion1(groups: string, read: ReadText): number[] {
  const [, controllers = '', path] = /^\d+:((?:[^:\n]*,)?cpu(?:,[^:\n]*)?):(\/.*)$/m.exec(groups) ?? [];
  // Controllers in one place are named in any order; then there is a link of the name that counts.
  return [...new Set([controllers, 'cpu'])].flatMap((mount) =>
    foldersUpFrom(path).flatMap((folder) => {
      const file = (name: string) => read(join('/sys/fs/cgroup', mount, folder, name));
      return share(file('cpu.cfs_quota_us')?.trim(), file('cpu.cfs_period_us')?.trim());
    }),
  );
}

/** None where there is no quota: it is `max` or -1, or what nobody understands. */
function share(quota: string | undefined, period: string | undefined): number[] {
  const processors = Number(quota) / Number(period);
  return processors > 0 ? [processors] : [];
}

/** A container sees its own group as the root, whatever path it is told, so that is looked at in any case. */
function foldersUpFrom(path: string | undefined): string[] {
  if (path === undefined) return [];
  return path === '/' ? [path] : [path, ...foldersUpFrom(dirname(path))];
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
