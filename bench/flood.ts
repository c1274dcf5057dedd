// npm run bench:flood: does a flood of passwords slow refreshes? Four clients refresh alone for ten seconds, and then for
// thirty beside passwords that arrive at ten times the rate the server can check, whether it answers or not (open loop). Real
// server, SQLite, BCRYPT_COST=10, limits off. Prints tables; what counts are the ratios.
import { readFile, rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { COST, openPeople, PASSWORD } from './people.js';
import { type Answered, openPoster } from './post.js';
import { type Served, serve } from './server.js';
import { quantile } from './statistics.js';

const USERS = 200;
const REFRESHERS = 4;
const ALONE_MS = 10_000;
const FLOOD_MS = 30_000;
const CAPACITY_MS = 8_000;
const TIMES_CAPACITY = 10;
/** So many log in at once to find out how many can. */
const AT_ONCE = 16;
const TICK_MS = 10;

const someone = (i: number) => ({ grant_type: 'password', username: `user${i % USERS}`, password: PASSWORD });

/** Memory of the server, in MiB. */
async function rssMib({ pid }: Served): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024);
}

/** Does something again and again for so long, several at a time. */
async function during(ms: number, atOnce: number, work: (turn: number) => Promise<void>): Promise<void> {
  const end = performance.now() + ms;
  let turn = 0;
  const go = async () => {
    while (performance.now() < end) await work(turn++);
  };
  await Promise.all(Array.from({ length: atOnce }, go));
}

/** How many logins a second the server can check. */
async function capacityOf({ url }: Served): Promise<number> {
  const poster = openPoster(url);
  let done = 0;
  await during(CAPACITY_MS, AT_ONCE, async (turn) => {
    if ((await poster.post(someone(turn))).status === 200) done++;
  });
  poster.close();
  return done / (CAPACITY_MS / 1000);
}

/** The newest refresh token of each client. */
async function logInAll({ url }: Served): Promise<string[]> {
  const poster = openPoster(url);
  const answers = await Promise.all(Array.from({ length: REFRESHERS }, (_, i) => poster.post(someone(i))));
  poster.close();
  return answers.map(({ body }) => String(body['refresh_token']));
}

/** Refreshes, each client without a pause. */
async function refreshFor({ url }: Served, tokens: string[], ms: number) {
  const poster = openPoster(url);
  const times: number[] = [];
  const clients = tokens.map((_, i) =>
    during(ms, 1, async () => {
      const form = { grant_type: 'refresh_token', refresh_token: tokens[i] ?? '' };
      const answered = await poster.post(form);
      if (answered.status !== 200) throw new Error(`refresh: ${answered.status} ${JSON.stringify(answered.body)}`);
      tokens[i] = String(answered.body['refresh_token']);
      times.push(answered.ms);
    }),
  );
  await Promise.all(clients);
  poster.close();
  const perSecond = times.length / (ms / 1000);
  return { perSecond, p50: quantile(times, 0.5), p99: quantile(times, 0.99), max: quantile(times, 1) };
}

/** Sends passwords at a steady rate, and waits for the last answer. */
async function floodFor({ url }: Served, perSecond: number, ms: number): Promise<Answered[]> {
  const poster = openPoster(url);
  const answers: Promise<Answered>[] = [];
  const began = performance.now();
  for (let passed = 0; passed < ms; passed = performance.now() - began) {
    while (answers.length < (perSecond * passed) / 1000) answers.push(poster.post(someone(answers.length)));
    await pause(TICK_MS);
  }
  const all = await Promise.all(answers);
  poster.close();
  return all;
}

function showAnswers(answers: readonly Answered[]): void {
  const rows = [...new Set(answers.map(({ status }) => status))].sort().map((status) => {
    const own = answers.filter((one) => one.status === status);
    const times = own.map(({ ms }) => ms);
    return {
      status,
      answers: own.length,
      'p50 ms': quantile(times, 0.5).toFixed(1),
      'p99 ms': quantile(times, 0.99).toFixed(1),
      'Retry-After': [...new Set(own.map(({ retryAfter = '' }) => retryAfter))].join(' '),
    };
  });
  console.table(rows);
}

const people = await openPeople();
for (let i = 0; i < USERS; i++) await people.add(`user${i}`);
const limits = { LOGIN_ACCOUNT_LIMIT: 'off', LOGIN_ADDRESS_LIMIT: 'off' };
const server = await serve(people.folder, people.url, { ...limits, BCRYPT_COST: String(COST) });
const capacity = await capacityOf(server);
const tokens = await logInAll(server);
await refreshFor(server, tokens, 2_000);

const before = await rssMib(server);
const alone = await refreshFor(server, tokens, ALONE_MS);
const flood = floodFor(server, capacity * TIMES_CAPACITY, FLOOD_MS);
const beside = await refreshFor(server, tokens, FLOOD_MS);
const atEnd = await rssMib(server);
const answers = await flood;
await pause(10_000);
const afterwards = await rssMib(server);
const again = await refreshFor(server, tokens, ALONE_MS);

const row = (phase: string, { perSecond, p50, p99, max }: typeof alone) => ({
  'four clients refresh': phase,
  'refreshes/s': Math.round(perSecond),
  'p50 ms': p50.toFixed(2),
  'p99 ms': p99.toFixed(2),
  'max ms': max.toFixed(1),
  'rate to alone': (perSecond / alone.perSecond).toFixed(2),
  'p99 to alone': (p99 / alone.p99).toFixed(2),
});
console.table([row('alone', alone), row('beside the flood', beside), row('alone again', again)]);
const sent = `${answers.length} passwords in ${FLOOD_MS / 1000} s`;
console.log(`the flood: ${sent}, ${TIMES_CAPACITY} times the ${capacity.toFixed(1)}/s that can be checked`);
showAnswers(answers);
console.log(
  `memory of the server: ${before} MiB before, ${atEnd} at the end of the flood, ${afterwards} ten seconds later`,
);
await server.stop();
await people.database.close();
await rm(people.folder, { recursive: true, force: true });
