// npm run bench:soak [-- --minutes 30] [-- --postgres] [-- --json FILE]: does mintd take more and more of anything? A real server,
// visited in all ways at once; once a minute a line of what it holds, and at the end by how much its memory grew after the first
// third, in which caches fill. Exit 1 where anything was answered that should not have been. Linux only.
import { readdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { PATHS } from '../src/oauth/metadata.js';
import { type Group, openLoader } from './load.js';
import { conditions, usageOf } from './machine.js';
import type { SoakMinute, SoakResults } from './soak-results.js';
import { slope } from './statistics.js';
import { openSubjects, type Subject } from './subjects.js';

const VISITORS: readonly Group[] = [
  { kind: 'refresh', clients: 4 },
  { kind: 'retry', clients: 2 },
  { kind: 'client', clients: 2 },
  { kind: 'introspect', clients: 2 },
  { kind: 'jwks', clients: 1 },
  { kind: 'password', clients: 2 },
  { kind: 'revoke', clients: 1 },
];
const WARM_UP_SECONDS = 0.5;

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    'minute-seconds': { type: 'string', default: '60' },
    postgres: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
const minuteSeconds = Number(options['minute-seconds']);

/** How late the event loop was in 1 of 100 turns, as the server itself says. */
async function lagP99Ms({ target }: Subject): Promise<number | null> {
  const text = await (await fetch(target.baseUrl + PATHS.metrics)).text();
  const seconds = /^nodejs_eventloop_lag_p99_seconds ([\d.e+-]+)$/m.exec(text)?.[1];
  return seconds === undefined ? null : Number(seconds) * 1000;
}

const loader = openLoader();

/** A minute of all visitors at once; the refresh tokens of the first group go from one to the next. */
async function soak(subject: Subject, minute: number): Promise<SoakMinute> {
  const { target, tokens, pids } = subject;
  const groups = VISITORS.map((group) => (group.kind === 'refresh' ? { ...group, tokens } : group));
  const seconds = minuteSeconds - WARM_UP_SECONDS;
  const result = await loader.run({ target, groups, seconds, warmupSeconds: WARM_UP_SECONDS, pauses: true }, () => {});
  for (const { kind, errors, lastError } of result.groups)
    if (errors > 0) console.log(`${kind}: ${errors} × ${lastError}`);
  const [refreshing] = result.groups;
  tokens.splice(0, tokens.length, ...(refreshing?.tokens ?? []));
  const [server = 0] = pids;
  const sum = (what: 'count' | 'errors') => result.groups.reduce((total, group) => total + group[what], 0);
  return {
    minute,
    rssMib: usageOf([server]).rssMib,
    openFiles: (await readdir(`/proc/${server}/fd`)).length,
    lagP99Ms: await lagP99Ms(subject),
    requests: sum('count'),
    refreshP99Ms: refreshing?.p99Ms ?? Number.NaN,
    errors: sum('errors'),
  };
}

function print({ minute, rssMib, openFiles, lagP99Ms: lag, requests, refreshP99Ms, errors }: SoakMinute): void {
  const shown = lag === null ? 'not in /metrics' : `${lag.toFixed(1)} ms`;
  const held = `RSS ${rssMib.toFixed(0)} MiB, ${openFiles} open files, event-loop lag p99 ${shown}`;
  console.log(
    `${minute} min: ${held}; ${requests} requests, refresh p99 ${refreshP99Ms.toFixed(1)} ms, ${errors} errors`,
  );
}

const subjects = openSubjects();
const server = options.postgres ? 'mintd on PostgreSQL' : 'mintd';
const subject = await subjects.get(server);
const minutes: SoakMinute[] = [];
for (let minute = 1; minute <= Number(options.minutes); minute++) {
  const sampled = await soak(subject, minute);
  minutes.push(sampled);
  print(sampled);
}
await subjects.stop();
await loader.stop();

const settled = minutes.slice(Math.floor(minutes.length / 3));
const hours = settled.map(({ minute }) => (minute * minuteSeconds) / 3600);
const growthMibPerHour = slope(
  hours,
  settled.map(({ rssMib }) => rssMib),
);
const [first, last] = [minutes[0], minutes.at(-1)];
const from = `${first?.rssMib.toFixed(0)} MiB and ${first?.openFiles} open files after the first minute`;
console.log(`${from}, ${last?.rssMib.toFixed(0)} and ${last?.openFiles} after the last`);
console.log(`memory after the first third: ${growthMibPerHour.toFixed(1)} MiB an hour (least squares)`);
if (options.json !== undefined) {
  const visitors = VISITORS.map(({ kind, clients }) => `${clients} ${kind}`).join(', ');
  const results: SoakResults = { conditions: await conditions(), server, visitors, minutes, growthMibPerHour };
  await writeFile(options.json, `${JSON.stringify(results, null, 2)}\n`);
}
process.exitCode = minutes.some(({ errors }) => errors > 0) ? 1 : 0;
