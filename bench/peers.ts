// npm run bench:peers [-- --seconds 4] [-- --repetitions 3] [-- --workloads refresh:8,mixed:4/16] [-- --json FILE] [-- TARGET.json …]:
// mintd beside others that issue tokens, in one run on one machine, in turns. What each of them is, and how it is set up, is in
// bench/peers/*.json. Needs Linux, the npm registry, and Debian's glewlwyd (apt-get install glewlwyd).
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openLoader } from './load.js';
import { conditions } from './machine.js';
import { type Measured, measure, type Visitors } from './measure.js';
import type { PeerResults } from './peer-results.js';
import { errorLines, stretchRows } from './results.js';
import type { Subject } from './subjects.js';
import type { Target } from './target.js';
import type { Kind } from './visitors.js';

/** A server with what it takes to have it, as in bench/peers/*.json. `${WORK}` and `${MINTD}` stand for folders. */
type Peer = Target & {
  readonly name: string;
  readonly notes: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly setup?: readonly (readonly [string, ...string[]])[];
  readonly start: { readonly cmd: readonly [string, ...string[]] };
};

const DEFAULT_PEERS = ['mintd-sqlite', 'oidc-provider-sqlite', 'glewlwyd-sqlite'];
const WORKLOADS = 'refresh:8,refresh:32,password:8,client:8,mixed:4/16';
const FOREIGN_CORES = 0.25;
const WARM_UP = { seconds: 2, warmupSeconds: 0 };
const mintd = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '4' },
    repetitions: { type: 'string', default: '3' },
    workloads: { type: 'string', default: WORKLOADS },
    json: { type: 'string' },
  },
});
const stretch = { seconds: Number(options.seconds), warmupSeconds: 0.5 };
const repetitions = Number(options.repetitions);
const files = positionals.length > 0 ? positionals : DEFAULT_PEERS.map((name) => `${mintd}/bench/peers/${name}.json`);
const children: ChildProcess[] = [];

async function readPeer(file: string, work: string): Promise<Peer> {
  const text = await readFile(file, 'utf8');
  return JSON.parse(text.replaceAll(`\${WORK}`, work).replaceAll(`\${MINTD}`, mintd)) as Peer;
}

/** Sets a server up and starts it; what it says is in a file of its name. */
async function startPeer(peer: Peer, work: string): Promise<Subject> {
  // npm may be told by the environment where its registry is; a server sees nothing that is not said here.
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...peer.env };
  const cwd = peer.cwd ?? work;
  for (const [command, ...args] of peer.setup ?? []) {
    const { status, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${peer.name}: ${command} ${args.join(' ')} failed: ${error ?? stderr}`);
  }
  const log = openSync(join(work, `${peer.name}.log`), 'w');
  const [command, ...args] = peer.start.cmd;
  const child = spawn(command, args, { env, cwd, stdio: ['ignore', log, log] });
  children.push(child);
  const answers = () =>
    fetch(peer.baseUrl + peer.jwksPath).then(
      (response) => response.ok,
      () => false,
    );
  for (let i = 0; !(await answers()); i++) {
    if (child.exitCode !== null || i > 400) throw new Error(`${peer.name} did not start`);
    await pause(25);
  }
  return { target: peer, pids: [child.pid ?? 0], tokens: [] };
}

async function stopPeers(): Promise<void> {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await exit;
  }
}

/** `refresh:8`, or `mixed:4/16`: 4 who refresh beside 16 who log in. */
function visitorsOf(workload: string): Visitors[] {
  const [kind = '', clients = ''] = workload.split(':');
  if (kind !== 'mixed') return [{ kind: kind as Kind, clients: Number(clients) }];
  const [refreshing, loggingIn] = clients.split('/').map(Number);
  return [
    { kind: 'refresh', clients: refreshing ?? 0 },
    { kind: 'password', clients: loggingIn ?? 0 },
  ];
}

type Running = { readonly name: string; readonly notes: string; readonly subject: Subject };

async function measureAll(running: readonly Running[]): Promise<PeerResults['stretches']> {
  const loader = openLoader();
  const workloads = options.workloads.split(',');
  const empty = () => Object.fromEntries(running.map(({ name }) => [name, [] as Measured[]]));
  const stretches = Object.fromEntries(workloads.map((workload) => [workload, empty()]));
  const once = (subject: Subject, workload: string) => measure(loader, subject, visitorsOf(workload), stretch);
  for (const { subject } of running) await measure(loader, subject, visitorsOf('refresh:8'), WARM_UP);
  for (let repetition = 0; repetition < repetitions; repetition++)
    for (const workload of workloads)
      for (let i = 0; i < running.length; i++) {
        const { name, subject } = running[(i + repetition) % running.length] as Running;
        const first = await once(subject, workload);
        const again = first.foreignCores > FOREIGN_CORES ? await once(subject, workload) : first;
        stretches[workload]?.[name]?.push(again.foreignCores < first.foreignCores ? again : first);
        process.stderr.write(`${repetition + 1} of ${repetitions}: ${workload} ${name}\n`);
      }
  await loader.stop();
  return stretches;
}

const work = await mkdtemp(join(tmpdir(), 'mintd-peers-'));
try {
  const running: Running[] = [];
  for (const file of files) {
    const peer = await readPeer(file, work);
    running.push({ name: peer.name, notes: peer.notes, subject: await startPeer(peer, work) });
    process.stderr.write(`${peer.name} is up\n`);
  }
  const before = await conditions();
  const stretches = await measureAll(running);
  const servers = running.map(({ name, notes }) => ({ name, notes }));
  const results: PeerResults = { conditions: before, seconds: stretch.seconds, repetitions, servers, stretches };
  console.table(stretchRows(stretches));
  for (const line of errorLines(stretches)) console.log(line);
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(results, null, 2)}\n`);
  await stopPeers();
  await rm(work, { recursive: true, force: true });
} finally {
  await stopPeers();
}
