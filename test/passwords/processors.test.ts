import { availableParallelism } from 'node:os';
import t from 'tap';
import { usableProcessors } from '../../src/passwords/processors.js';

type Case = {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly processors: number;
};

const V1 = '5:memory:/docker/c0ffee\n3:cpuset:/docker/c0ffee\n2:cpu,cpuacct:/docker/c0ffee\n';

const CASES: readonly Case[] = [
  { name: 'no control groups at all', files: {}, processors: 8 },
  { name: 'a group without a quota', files: { '/proc/self/cgroup': '0::/\n' }, processors: 8 },
  {
    name: 'a quota that is no limit',
    files: { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': 'max 100000\n' },
    processors: 8,
  },
  {
    name: 'a container that may use two processors',
    files: { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '200000 100000\n' },
    processors: 2,
  },
  {
    name: 'part of a processor makes no thread',
    files: { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '290000 100000\n' },
    processors: 2,
  },
  {
    name: 'less than one is one',
    files: { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '10000 100000\n' },
    processors: 1,
  },
  {
    name: 'more than there are',
    files: { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '6400000 100000\n' },
    processors: 8,
  },
  {
    name: 'a service in a slice with less than its own',
    files: {
      '/proc/self/cgroup': '0::/system.slice/mintd.service\n',
      '/sys/fs/cgroup/system.slice/mintd.service/cpu.max': '400000 100000\n',
      '/sys/fs/cgroup/system.slice/cpu.max': '150000 50000\n',
    },
    processors: 3,
  },
  {
    name: 'the first version, with the path that the host has',
    files: {
      '/proc/self/cgroup': V1,
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '400000\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
    },
    processors: 4,
  },
  {
    name: 'the first version, with its own path',
    files: {
      '/proc/self/cgroup': V1,
      '/sys/fs/cgroup/cpu,cpuacct/docker/c0ffee/cpu.cfs_quota_us': '50000\n',
      '/sys/fs/cgroup/cpu,cpuacct/docker/c0ffee/cpu.cfs_period_us': '10000\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '-1\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
    },
    processors: 5,
  },
  {
    name: 'the first version without a quota',
    files: {
      '/proc/self/cgroup': '1:cpu:/\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    },
    processors: 8,
  },
  {
    name: 'both, of which the second version has nothing to say of processors',
    files: {
      '/proc/self/cgroup': `${V1}0::/init.scope\n`,
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '300000\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
    },
    processors: 3,
  },
  {
    name: 'the first version, with its controllers in another order than where they are',
    files: {
      '/proc/self/cgroup': '2:cpuacct,cpu:/\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '200000\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    },
    processors: 2,
  },
  {
    name: 'a path from outside of what can be seen',
    files: { '/proc/self/cgroup': '0::/../../pod\n', '/sys/fs/cgroup/cpu.max': '200000 100000\n' },
    processors: 2,
  },
  ...['\n', '200000', '200000 0', 'some text'].map((text) => ({
    name: `what nobody understands is no quota: ${JSON.stringify(text)}`,
    files: { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': text },
    processors: 8,
  })),
  {
    name: 'other controllers that have cpu in their name are not it',
    files: {
      '/proc/self/cgroup': '4:cpuset:/\n',
      '/sys/fs/cgroup/cpuset/cpu.cfs_quota_us': '100000\n',
      '/sys/fs/cgroup/cpuset/cpu.cfs_period_us': '100000\n',
    },
    processors: 8,
  },
];

for (const { name, files, processors } of CASES) {
  t.test(name, async (t) =>
    t.equal(
      usableProcessors((path) => files[path] ?? null, 8),
      processors,
    ),
  );
}

t.test('here there is at least one, and no more than Node knows of', async (t) => {
  const processors = usableProcessors();
  t.ok(processors >= 1 && processors <= availableParallelism());
});
