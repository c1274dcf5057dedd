import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { runCli } from '../src/cli.js';
import { prepareRing } from '../src/keys/rotate.js';
import { temporaryFolder } from './helper.js';
import { filesIn } from './keys/support.js';

const readme = readFileSync('README.md', 'utf8');

/** Every line a reader is told to type. */
const commands = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block]) => (block ?? '').trim().split('\n'));
const ours = commands.filter((line) => line.startsWith('npx mintd '));
const others = commands.filter((line) => !line.startsWith('npx mintd '));

t.test('the first screen leads to a token in two commands', async (t) => {
  t.strictSame(commands.slice(0, 2), ['npm ci', 'npm start']);
  t.ok(readme.split('\n').length <= 151, 'and the whole page has at most 150 lines');
});

t.test('every other command is one that CI runs', async (t) => {
  const ci = readFileSync('.ci/run', 'utf8');
  for (const line of others) t.match(ci, new RegExp(`^(.ci/first-start "\\$PWD" )?${line}\\b`, 'm'), line);
});

t.test('every mintd command works, in the order in which they stand there', async (t) => {
  const folder = temporaryFolder(t);
  const keysDir = join(folder, 'keys');
  const timing = { jwksMaxAgeSeconds: 1, verifierCacheSeconds: 1, accessTokenMaxTtlSeconds: 1, clockSkewSeconds: 0 };
  await prepareRing(filesIn(keysDir), false, timing);
  const environment = { DATABASE_URL: `file:${join(folder, 'readme.db')}`, KEYS_DIR: keysDir, BCRYPT_COST: '10' };
  const run = async (line: string) => {
    let printed = '';
    const say = (text: string) => {
      printed += text;
    };
    const nobody = {
      isInteractive: false,
      readStdin: async () => '',
      stdin: async function* () {},
      errTerminal: null,
      askSecret: async () => '',
      askYes: async () => false,
    };
    const io = { out: say, err: say, ...nobody };
    const code = await runCli(line.split(' '), {
      io,
      environment: () => environment,
      version: '0',
      serve: async () => undefined,
    });
    return { code, printed };
  };
  t.equal((await run('migrate')).code, 0);
  t.ok(ours.length >= 7);
  for (const line of ours) {
    const { code, printed } = await run(line.replace('npx mintd ', ''));
    t.equal(code, 0, `${line}\n${printed}`);
    t.notMatch(printed, /^hint: /m, `${line}: nothing to be surprised by`);
  }
});
