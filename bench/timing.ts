// npm run bench:timing [-- --rounds N] [-- --without-dummy]: can anybody tell from the time of an answer whether a name is
// somebody's? Logins of each kind, one after the other in random order, at a real server. Each kind is held against an
// unknown name: it differs where the two-sided Mann-Whitney U test says so at alpha = 0.001, divided by the number of kinds
// (Bonferroni), or where one of its times is longer than one of the others in less than 45 or more than 55 of 100 pairs. Exit
// 1 when one differs. With --without-dummy it is a copy of the program that hashes nothing for a name nobody has: it must.
import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { failureKey } from '../src/oauth/login-limits.js';
import { openUsers } from '../src/store/users.js';
import { COST, loginName, openPeople, PASSWORD, type People } from './people.js';
import { openPoster } from './post.js';
import { serve, TODAY } from './server.js';
import { mannWhitney, quantile } from './statistics.js';

const ALPHA = 0.001;
const MOST_OFF = 0.05;
const WARM_UP = 15;

type Form = { readonly username: string; readonly password: string };
/** Kinds of logins by what is said of them; the first is what the others are held against. */
type Kinds = Readonly<Record<string, () => Form>>;

const WRONG = 'quite another password';
/** As long as the other names. */
const madeUp = () => crypto.randomUUID().slice(0, 8);

const KINDS: Kinds = {
  'unknown name': () => ({ username: madeUp(), password: WRONG }),
  'wrong password': () => ({ username: 'ada-here', password: WRONG }),
  'disabled, right password': () => ({ username: 'off-here', password: PASSWORD }),
  'password of 100 bytes': () => ({ username: 'ada-here', password: 'x'.repeat(100) }),
  'hash of a lower cost (8)': () => ({ username: 'old-here', password: WRONG }),
  'no name (NUL)': () => ({ username: `${madeUp()}\0`, password: WRONG }),
  'unknown e-mail': () => ({ username: `${madeUp()}@example.com`, password: WRONG }),
};

/** 429s: no password is looked at, so that less noise hides a difference. */
const BLOCKED: Kinds = {
  'blocked: unknown name': () => ({ username: 'not-here', password: WRONG }),
  'blocked: known': () => ({ username: 'ada-here', password: PASSWORD }),
  'blocked: disabled': () => ({ username: 'off-here', password: PASSWORD }),
};

/** Asks for each kind in random order, round after round; how long each took, in milliseconds. */
async function measure(url: string, kinds: Kinds, rounds: number, status: number): Promise<Map<string, number[]>> {
  const poster = openPoster(url);
  const times = new Map(Object.keys(kinds).map((name) => [name, [] as number[]]));
  for (let round = -WARM_UP; round < rounds; round++) {
    const order = Object.entries(kinds).map((kind) => ({ kind, at: Math.random() }));
    for (const { kind } of order.sort((a, b) => a.at - b.at)) {
      const [name, form] = kind;
      const answered = await poster.post({ grant_type: 'password', ...form() });
      if (answered.status !== status) throw new Error(`${name}: ${answered.status} ${JSON.stringify(answered.body)}`);
      if (round >= 0) times.get(name)?.push(answered.ms);
    }
  }
  poster.close();
  return times;
}

/** Prints what was measured; whether any kind differs from the first. */
function judge(times: ReadonlyMap<string, readonly number[]>): boolean {
  const [[, unknown = []] = [], ...others] = [...times];
  const alpha = ALPHA / others.length;
  const rows = [...times].map(([name, values]) => {
    const shown = {
      kind: name,
      logins: values.length,
      'median ms': quantile(values, 0.5).toFixed(2),
      'p10 ms': quantile(values, 0.1).toFixed(2),
      'p90 ms': quantile(values, 0.9).toFixed(2),
    };
    if (values === unknown) return { ...shown, differs: '' };
    const { superiority, p } = mannWhitney(values, unknown);
    const differs = p < alpha || Math.abs(superiority - 0.5) > MOST_OFF;
    return { ...shown, superiority: superiority.toFixed(3), p: p.toPrecision(2), differs: differs ? 'YES' : 'no' };
  });
  console.table(rows);
  console.log(`alpha ${ALPHA} / ${others.length} = ${alpha.toPrecision(2)}; superiority 0.5 ± ${MOST_OFF}`);
  return rows.some(({ differs }) => differs === 'YES');
}

/** A copy of the built program, which takes no time for what is not there. */
async function withoutDummy(folder: string): Promise<string> {
  const copy = join(folder, 'copy');
  await mkdir(copy);
  await cp('dist', join(copy, 'dist'), { recursive: true });
  for (const name of ['node_modules', 'package.json', 'prisma']) await symlink(resolve(name), join(copy, name));
  const path = join(copy, 'dist/passwords/hasher.js');
  const before = await readFile(path, 'utf8');
  const line = 'const hashes = comparedWith(possible ? hash : null, cost);';
  if (!before.includes(line)) throw new Error(`the dummy is not where it was, in ${path}`);
  await writeFile(path, before.replace(line, 'if (!possible) return false;\nconst hashes = [hash];'));
  return join(copy, 'dist/main.js');
}

/** As after many guesses: nobody may log in under these names. */
async function block({ database }: People, kinds: Kinds): Promise<void> {
  const names = Object.values(kinds).map((form) => loginName(form().username));
  const [blockedUntil, expiresAt] = [new Date(Date.now() + 3_600_000), new Date(Date.now() + 7_200_000)];
  const data = names.map(({ key }) => ({ key: failureKey('account', key), failures: 20, blockedUntil, expiresAt }));
  await database.prisma.loginFailures.createMany({ data });
}

const { values } = parseArgs({ options: { rounds: { type: 'string' }, 'without-dummy': { type: 'boolean' } } });
const rounds = Number(values.rounds ?? 600);
const people = await openPeople();
await people.add('ada-here');
await people.add('old-here', 8);
await openUsers(people.database).disable(await people.add('off-here'), Date.now());
await block(people, BLOCKED);
const build = values['without-dummy'] ? { ...TODAY, program: await withoutDummy(people.folder) } : TODAY;
const start = (limit: string) => {
  const limits = { LOGIN_ACCOUNT_LIMIT: limit, LOGIN_ADDRESS_LIMIT: limit };
  return serve(people.folder, people.url, { ...limits, BCRYPT_COST: String(COST) }, build);
};
let differs = false;
for (const [kinds, limit, status] of [
  [KINDS, 'off', 400],
  [BLOCKED, '1000', 429],
] as const) {
  const server = await start(limit);
  const times = await measure(server.url, kinds, rounds, status);
  await server.stop();
  differs = judge(times) || differs;
}
await people.database.close();
await rm(people.folder, { recursive: true, force: true });
console.log(differs ? 'some can be told from an unknown name' : 'nothing can be told from the time');
process.exitCode = differs ? 1 : 0;
