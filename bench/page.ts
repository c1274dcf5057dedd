// npm run bench:chart: writes docs/performance.md and its charts from the results that are committed beside them, so that none of
// them can say something else. `npm run docs` does the same, and CI fails on a difference.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { BASELINE_COMMIT, BASELINE_NODE } from './baseline.js';
import { peersChart, ratiosChart } from './charts.js';
import type { Conditions } from './machine.js';
import type { PeerResults } from './peer-results.js';
import { type BaselineResults, type Results, stretchRows, verdictRows } from './results.js';
import type { SoakResults } from './soak-results.js';

const docs = (name: string) => new URL(`../docs/${name}`, import.meta.url);
const read = <T>(name: string): T | null =>
  existsSync(docs(name)) ? (JSON.parse(readFileSync(docs(name), 'utf8')) as T) : null;

/** Markdown of rows that all have the same members. */
function table(rows: readonly Readonly<Record<string, string | number>>[]): string {
  const names = Object.keys(rows[0] ?? {});
  const lines = rows.map((row) => `| ${names.map((name) => row[name]).join(' | ')} |`);
  return [`| ${names.join(' | ')} |`, `|${names.map(() => '---').join('|')}|`, ...lines].join('\n');
}

function conditionsText({ when, node, processors, kernel, memoryGib, fileSystem, fsyncMs }: Conditions): string {
  const disk = `data on ${fileSystem}, where an fsync of 4 KiB takes ${fsyncMs.toFixed(2)} ms`;
  return `Measured on ${when.slice(0, 10)}: ${processors}, ${memoryGib} GiB, ${kernel}, Node ${node}, ${disk}.`;
}

function speedText({ stretches }: Results): string {
  const all = Object.values(stretches).flatMap((sides) => Object.values(sides).flat());
  const speeds = all.map(({ signaturesPerSecond }) => signaturesPerSecond);
  const foreign = Math.max(...all.map(({ foreignCores }) => foreignCores));
  const range = `${Math.min(...speeds).toFixed(0)} to ${Math.max(...speeds).toFixed(0)}`;
  return `Meanwhile one thread made ${range} RS256 signatures a second, and everything else on the machine took at most ${foreign.toFixed(2)} cores.`;
}

function peersText(peers: PeerResults | null): string {
  if (peers === null) return '';
  const about = peers.servers.map(({ name, notes }) => `- **${name}**: ${notes}.`).join('\n');
  return `
## Beside others

\`npm run bench:peers\` sets up other issuers, from [bench/peers](../bench/peers), and visits all of them in one run, in turns, with
the same visitors. Each keeps its data in SQLite on the same disk, and signs with RS256 and a key of 2048 bits.

${about}

${conditionsText(peers.conditions)} ${peers.repetitions} repetitions of ${peers.seconds} s; medians, and from where to where.
\`mixed:4/16\` is 4 who refresh beside 16 who log in, without pause.

![Requests a second](peers.svg)

${table(stretchRows(peers.stretches).map(({ 'loader cores': _loader, 'other cores': _other, ...row }) => row))}

They do more than mintd does, and other things; this compares what a password, a refresh and a service's token cost.
`;
}

/** How to hold a change against an older build, and what came out, if the committed results have that. */
function baselineText(baseline: BaselineResults | undefined): string {
  return `
## Beside the baseline

\`npm run bench -- --baseline\` holds today's build against mintd as it was at commit ${BASELINE_COMMIT.slice(0, 7)}, in one run and in turns, so that
the speed of the machine cancels out. Each has its own database, written by its own code, and the same settings and visitors; the
ratio is today's by the baseline's. Idle memory is read 2 s after a start, before the first request.

\`\`\`sh
npm run bench -- --baseline                    # today's build on the Node that runs the bench
npm run bench -- --baseline --node baseline    # on the same Node as the baseline, so that only the code differs
npm run bench -- --baseline --node /usr/bin/node --rows baseline-refresh-8,baseline-start
\`\`\`

The first run builds the baseline in \`node_modules/.cache\`, with Node ${BASELINE_NODE} from the npm registry. That takes some minutes, the git
history, and \`g++\`, \`make\` and \`python3\`. The whole \`npm run bench\` has these rows too, unless it is told \`--no-baseline\`;
\`--quick\` and \`--check\` have not.
${baseline === undefined ? '' : baselineTable(baseline)}`;
}

function baselineTable({ nodes, verdicts }: BaselineResults): string {
  return `
In the run above, today's build was on Node ${nodes.today}, and the baseline on Node ${nodes.baseline}.

${table(verdictRows(verdicts))}
`;
}

function soakText(soak: SoakResults | null): string {
  if (soak === null) return '';
  const { minutes, visitors, growthMibPerHour, server } = soak;
  const [first, last] = [minutes[0], minutes.at(-1)];
  if (first === undefined || last === undefined) return '';
  const requests = minutes.reduce((sum, one) => sum + one.requests, 0);
  const errors = minutes.reduce((sum, one) => sum + one.errors, 0);
  const at = ({ minute, rssMib, openFiles, lagP99Ms: lag, refreshP99Ms }: typeof first) => ({
    minute,
    'RSS MiB': rssMib.toFixed(0),
    'open files': openFiles,
    'event-loop lag p99 ms': lag === null ? '–' : lag.toFixed(1),
    'refresh p99 ms': refreshP99Ms.toFixed(1),
  });
  const shown = minutes.filter((_, i) => i % Math.ceil(minutes.length / 6) === 0 || i === minutes.length - 1);
  return `
## Over time

\`npm run bench:soak\`: ${minutes.length} minutes of ${visitors} visitors at once on ${server}; ${requests} requests, ${errors} errors.
After the first third its memory grew by ${growthMibPerHour.toFixed(1)} MiB an hour (least squares).

${table(shown.map(at))}
`;
}

function performancePage(results: Results): string {
  return `# How fast

<!-- Written by \`npm run bench:chart\` from docs/performance.json and what lies beside it; the text is in bench/page.ts. -->

\`npm run bench\` holds mintd against servers that do nothing but the part that cannot be left out:

- the **floor** is a bare \`node:http\` server that reads the form, signs the same claims with the same library (jose, RS256, 2048
  bits) and answers as many bytes. It checks nothing and stores nothing. A token costs an RSA signature, whoever makes it.
- the **bare JWKS server** sends the same bytes.
- **bare bcrypt** compares passwords, at cost 10, in as many threads as mintd uses, and does nothing else.

What is compared comes right after one another, in each repetition in another order, on the same machine, and what counts are the
ratios within a repetition: the speed of a machine wobbles, and that of a shared one twofold. mintd is what \`npm run build\` made,
in a process of its own with its default settings but \`BCRYPT_COST=10\`, writing its log; on SQLite with \`synchronous=FULL\`, unless
it says PostgreSQL, which has \`fsync\` on. Visitors come from another process, one connection each, the next request when the answer
to the last is there. CPU is that of the server with all its processes, the database's too.

## Targets, and what was reached

${conditionsText(results.conditions)} ${speedText(results)}
${results.repetitions} repetitions of ${results.seconds} s; medians, and from where to where.

${table(verdictRows(results.verdicts))}

![mintd, as ratios](performance.svg)

## In numbers

${table(stretchRows(results.stretches))}

${REST}
\`npm run bench:families\` asks the same of a million families on both databases, \`npm run bench:flood\` of ten times as many
passwords as can be checked: [families.md](families.md), [passwords.md](passwords.md).
${baselineText(results.baseline)}${peersText(read<PeerResults>('performance-peers.json'))}${soakText(read<SoakResults>('performance-soak.json'))}
## Measure it yourself

\`\`\`sh
npm run bench                          # a quarter of an hour; --quick takes a minute
npm run bench -- --rows refresh-8,mixed --repetitions 3
npm run bench:peers                    # needs Debian's glewlwyd
npm run bench:soak -- --minutes 30
\`\`\`

On Linux, with nothing else running and \`TMPDIR\` on a real disk. CI runs \`npm run bench -- --check\`: some seconds, that fail where a
rate is less than half of the ratio above.
`;
}

/** What the numbers are made of; found by hand (profiles, a library that delays `fsync`), so written by hand. */
const REST = `## Where the rest goes

On this machine an RSA signature takes a quarter of a millisecond of a core, a fifth of what it took on the one the targets were set
on. mintd adds about 0.11 ms of processor time to a refresh that 32 clients ask for, and 0.05 ms to a service's token: beside a
signature of 0.24 ms that is more than the targets allow, beside one of 1.2 ms it would be less. By a profile of the event loop it is, in
this order: writing the answer and the log line (two system calls), SQLite's transaction, collecting garbage, and then Fastify,
hashing and reading the form with a few microseconds each. On PostgreSQL, its processes share the two cores with everything else.
With 8 clients there, a statement for several gains nothing; with 32 it gains half (0.44 to 0.60 of the floor, against 0.28 to 0.35
one by one, in four and two runs in turns).

Logins beside refreshes without pause have one thread of two, and a busy processor: refreshes come first
([decision 21](decisions/0021-passwords-give-way.md)).

Memory: 123 MiB when idle. Two threads for passwords take 26 MiB, and V8 lets its heap grow to about 100 MiB before it collects.
\`NODE_OPTIONS=--max-semi-space-size=64\` makes refreshes about a tenth faster for 100 MiB more.

In the half hour below, the machine had other work until minute 22, and the rate doubled when that ended: from minute 7 to 21 memory
went down by 8.8 MiB an hour, and after that up with the rate. A longer run at one rate has not been made.

**A disk that is slow to sync.** With 5 ms added to each \`fsync\`, 32 clients refreshed 1,184 times a second (1,150 to 1,218), and 140
(133 to 147) when each refresh was a commit of its own; 8 clients 414 and 139. The event loop waits for the disk meanwhile, so on such a
disk the other answers wait a few milliseconds too.
`;

/** Writes the page and the charts, if there are results. */
export function writePerformance(): void {
  const results = read<Results>('performance.json');
  if (results === null) return;
  writeFileSync(docs('performance.md'), performancePage(results));
  writeFileSync(docs('performance.svg'), ratiosChart(results));
  const peers = read<PeerResults>('performance-peers.json');
  if (peers !== null) writeFileSync(docs('peers.svg'), peersChart(peers));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writePerformance();
