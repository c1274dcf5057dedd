import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';

import { join } from 'node:path';
import t from 'tap';
import { openDatabase } from '../src/store/database.js';
import { commandLine, emptyCommandLine, makeNewer } from './cli/harness.js';
import { temporaryFolder } from './helper.js';
import { freePort } from './process/harness.js';

const COMMANDS = [
  'serve',
  'migrate',
  'keys list',
  'keys rotate',
  'users add',
  'users list',
  'users set-password',
  'users disable',
  'users enable',
  'clients add',
  'clients list',
] as const;

t.test('mintd without a command explains itself on stderr: exit 2', async (t) => {
  const { mintd } = emptyCommandLine(t);
  for (const args of ['', 'keys', 'users', 'clients']) {
    const { code, out, err } = await mintd(args);
    t.match({ code, out, err }, { code: 2, out: '', err: /^Usage: mintd/ }, `mintd ${args}`);
  }
});

t.test('mintd --help explains itself on stdout: exit 0', async (t) => {
  const { mintd } = emptyCommandLine(t);
  for (const args of ['--help', '-h', 'help', 'help users', 'help users add', 'users --help', 'users help add']) {
    const { code, out, err } = await mintd(args);
    t.match({ code, out, err }, { code: 0, out: /^Usage: mintd/, err: '' }, `mintd ${args}`);
  }
});

t.test('mintd --version', async (t) => {
  const { mintd } = emptyCommandLine(t);
  t.strictSame(await mintd('--version'), { code: 0, out: '1.2.3\n', err: '' });
});

t.test('every command has help with worked examples, whatever the configuration is', async (t) => {
  const { mintd } = emptyCommandLine(t);
  for (const command of COMMANDS) {
    const { code, out, err } = await mintd(`${command} --help`, { environment: { PORT: 'broken' } });
    t.equal(code, 0, `mintd ${command} --help`);
    t.equal(err, '');
    t.match(out, new RegExp(`^Usage: mintd ${command}`));
    t.match(out, /\nExamples:\n( {2}\$ [^\n]+\n?)+$/);
    t.match(out, new RegExp(`\\$ (PORT=8080 )?mintd ${command}`), 'the examples show this command');
  }
});

t.test('the examples of the help are no wrong usage', async (t) => {
  const { mintd } = await commandLine(t);
  for (const command of COMMANDS) {
    const { out } = await mintd(`${command} --help`);
    for (const [, line = ''] of out.matchAll(/^ {2}\$ mintd ([^<\n]+)/gm)) {
      const { code } = await mintd(line.trim(), { stdin: 'correct horse battery' });
      t.not(code, 2, `mintd ${line}`);
    }
  }
});

t.test('no option takes a secret: other users of the machine can read arguments', async (t) => {
  const { mintd } = emptyCommandLine(t);
  for (const command of COMMANDS) {
    const { out } = await mintd(`${command} --help`);
    t.notMatch(out, /^ +--[a-z-]*(password|secret|passphrase|token(?!-rate))[a-z-]* [<[]/m, command);
  }
});

t.test('wrong usage says what is wrong and where help is: exit 2', async (t) => {
  const { mintd } = await commandLine(t);
  const rows: readonly (readonly [args: string, why: RegExp])[] = [
    ['serv', /unknown command 'serv'/],
    ['users ad', /unknown command 'ad'/],
    ['serve --port 8080', /unknown option '--port'/],
    ['users add', /missing required argument 'name'/],
    ['users add ada extra', /too many arguments/],
    ['users add ada --email', /argument missing/],
    ['users add ada --password secret', /unknown option '--password'/],
    ['clients add app', /required option '--kind <kind>'/],
    ['clients add app --kind secret', /Allowed choices are public, confidential/],
    ['clients add app --kind public --grant implicit', /must be one of password, refresh_token, client_credentials/],
    ['clients add app --kind public --access-ttl soon', /must be a duration such as 90s, 10m or 14d/],
    ['keys list extra', /too many arguments/],
  ];
  for (const [args, why] of rows) {
    const { code, out, err } = await mintd(args);
    t.match({ code, out, err }, { code: 2, out: '', err: why }, `mintd ${args}`);
    t.match(err, /--help/);
  }
});

t.test('a broken configuration: every fault, exit 1, nothing made', async (t) => {
  const { mintd, databaseUrl } = emptyCommandLine(t);
  const environment = { BCRYPT_COST: '4', LOG_LEVEL: 'loud', MINTD_PORT_X: '1' };
  for (const command of ['serve', 'migrate', 'keys list', 'keys rotate', 'users list', 'users add ada']) {
    const { code, out, err } = await mintd(command, { environment });
    t.equal(code, 1, command);
    t.equal(out, '');
    t.match(
      err,
      /^mintd: the configuration cannot be used:\n {2}- BCRYPT_COST .*\n {2}- LOG_LEVEL .*\n {2}- MINTD_PORT_X/,
    );
  }
  t.notOk(existsSync(databaseUrl.replace('file:', '')));
});

t.test('with --json a failure is JSON on stderr, and stdout stays empty', async (t) => {
  const { mintd } = await commandLine(t);
  const failing = ['users disable nobody', 'users set-password nobody', 'keys list', 'clients add a b --kind public'];
  for (const command of failing.slice(0, 3)) {
    const { code, out, err } = await mintd(`${command} --json`);
    t.equal(code, 1, command);
    t.equal(out, '');
    t.strictSame(Object.keys(JSON.parse(err)), ['error']);
  }
  const { code, err } = await mintd('users list --json', { environment: { PORT: 'x', LOG_LEVEL: 'y' } });
  t.equal(code, 1);
  t.match(JSON.parse(err).error, /PORT.*LOG_LEVEL/s);
});

t.test('mintd serve hands over the checked configuration', async (t) => {
  const { mintd, served } = emptyCommandLine(t);
  t.strictSame(await mintd('serve', { environment: { PORT: '8080' } }), { code: 0, out: '', err: '' });
  t.match(served, [{ PORT: 8080, ISSUER: 'http://localhost:8080', BCRYPT_COST: 10 }]);
});

t.test('mintd migrate makes the database, and does nothing the second time', async (t) => {
  const { mintd, json, folder } = emptyCommandLine(t);
  const first = await mintd('migrate');
  t.match(first, { code: 0, out: /^(applied \d{14}_\w+\n)+$/, err: '' });
  t.ok(existsSync(join(folder, 'mintd.db')));
  t.strictSame(await mintd('migrate'), { code: 0, out: 'the database is up to date\n', err: '' });
  t.strictSame(await json('migrate'), { applied: [] });
});

t.test('mintd migrate --json names what it applied', async (t) => {
  const { json } = emptyCommandLine(t);
  t.match(await json('migrate'), { applied: [/^\d{14}_init$/] });
});

t.test('mintd migrate leaves a database of a newer mintd alone', async (t) => {
  const { mintd, withDatabase } = await commandLine(t);
  await withDatabase(makeNewer);
  const { code, out, err } = await mintd('migrate');
  t.strictSame({ code, out }, { code: 1, out: '' });
  t.match(err, /^mintd: .*newer mintd .*29991231000000_from_the_future.*\n$/);
});

t.test('mintd migrate leaves a database alone in which a migration failed', async (t) => {
  const { mintd, withDatabase } = await commandLine(t);
  await withDatabase(({ prisma }) => prisma.$executeRaw`UPDATE _prisma_migrations SET finished_at = NULL`);
  t.match(await mintd('migrate'), {
    code: 1,
    out: '',
    err: /^mintd: the migration .* was begun and not finished: run `mintd migrate --retry`\n$/,
  });
});

t.test('mintd migrate where the folder is not there names it', async (t) => {
  const { mintd, folder } = emptyCommandLine(t);
  const DATABASE_URL = `file:${join(folder, 'nowhere', 'mintd.db')}`;
  const environment = { NODE_ENV: 'production', ISSUER: 'https://login.example.com', DATABASE_URL };
  const { code, err } = await mintd('migrate', { environment });
  t.strictSame([code, err.includes(join(folder, 'nowhere'))], [1, true]);
  t.match(err, /^mintd: [^\n]+\n$/, 'in one line');
});

/** Commands that work on the database. */
const ON_DATABASE = [
  'users list',
  'users add ada',
  'users set-password ada',
  'users disable ada',
  'users enable ada',
  'clients list',
  'clients add app --kind public --grant password',
] as const;

t.test('a command on a database that is not there says so and makes no file', async (t) => {
  const { mintd, folder } = emptyCommandLine(t);
  const path = join(folder, 'mintd.db');
  for (const command of ON_DATABASE) {
    const { code, out, err } = await mintd(command);
    t.strictSame({ code, out }, { code: 1, out: '' }, command);
    t.equal(err, `mintd: there is no database at ${path}: run \`mintd migrate\` or \`mintd serve\`\n`);
    t.notOk(existsSync(path));
  }
});

t.test('a command on a database that lacks migrations', async (t) => {
  const { mintd, databaseUrl } = emptyCommandLine(t);
  await (await openDatabase(databaseUrl, true)).close();
  for (const command of ON_DATABASE) {
    const { code, err } = await mintd(command);
    t.equal(code, 1, command);
    t.match(err, /^mintd: the database lacks \d+ migration\(s\), first \d{14}_init: run `mintd migrate`\n$/);
  }
});

t.test('a command on a database of a newer mintd', async (t) => {
  const { mintd, withDatabase } = await commandLine(t);
  await withDatabase(makeNewer);
  for (const command of ON_DATABASE) {
    t.match(await mintd(command), { code: 1, out: '', err: /^mintd: the database was made by a newer mintd .*\n$/ });
  }
});

t.test('a command on a file that is something else, in one clear line', async (t) => {
  const { mintd, folder } = emptyCommandLine(t);
  await writeFile(join(folder, 'mintd.db'), 'Dear diary, today I was taken for a database. '.repeat(100));
  for (const command of ['users list', 'migrate']) {
    const { code, out, err } = await mintd(command);
    t.strictSame({ code, out }, { code: 1, out: '' });
    t.match(err, /^mintd: [^\n]*not a database[^\n]*\n$/, command);
  }
});

t.test('a command on a PostgreSQL that cannot be reached names the trouble in one clear line', async (t) => {
  const { mintd } = emptyCommandLine(t);
  const port = await freePort();
  for (const host of ['127.0.0.1', 'localhost']) {
    const DATABASE_URL = `postgres://mintd:verysecret@${host}:${port}/mintd`;
    for (const command of ['users list', 'migrate']) {
      const { code, out, err } = await mintd(command, { environment: { DATABASE_URL } });
      t.strictSame({ code, out }, { code: 1, out: '' }, `${command} on ${host}`);
      t.match(err, /^mintd: [^\n]*(ECONNREFUSED|reach)[^\n]*\n$/);
      t.notMatch(err, 'verysecret');
    }
  }
});

t.test('key commands need no database', async (t) => {
  const { mintd } = emptyCommandLine(t);
  const KEYS_DIR = join(temporaryFolder(t), 'keys');
  t.match(await mintd('keys list', { environment: { KEYS_DIR } }), { code: 1, err: /there is no key ring in / });
  t.notOk(existsSync(KEYS_DIR), 'and make no folder');
});
