import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import t from 'tap';
import { openUsers } from '../../src/store/users.js';
import { type CommandLine, commandLine } from './harness.js';

const HASH = '$2b$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234';
const HEADER = 'username,password_hash';

/** A file in the folder of the command line: a header, and a user for each name. */
function csvFile({ folder }: CommandLine, names: readonly string[], hash = HASH): string {
  const path = join(folder, `${randomBytes(4).toString('hex')}.csv`);
  writeFileSync(path, [HEADER, ...names.map((name) => `${name},${hash}`)].join('\n'));
  return path;
}

async function userNames({ withDatabase }: CommandLine): Promise<string> {
  return (await withDatabase((database) => openUsers(database).list())).map(({ username }) => username).join(' ');
}

const many = (count: number) => Array.from({ length: count }, (_, i) => `user${i}`);

t.test('users import reads a file or stdin', async (t) => {
  const cli = await commandLine(t);
  const done = await cli.mintd(`users import ${csvFile(cli, ['ada', 'bob'])}`);
  t.strictSame(done, { code: 0, out: 'imported 2 users\n', err: '' });
  const stdin = `{"username":"cy","password_hash":"${HASH}","roles":["admin"]}\n`;
  for (const args of ['users import --format ndjson', 'users import - --format ndjson --skip-existing']) {
    t.match(await cli.mintd(args, { stdin }), { code: 0, err: '' }, args);
  }
  const path = join(cli.folder, 'users.JSONL');
  writeFileSync(path, stdin.replace('cy', 'dan'));
  t.strictSame(await cli.json(`users import ${path}`), {
    ...{ dry_run: false, imported: 1, faulty: 0, left_out: 0, skipped: 0, skipped_different: 0 },
  });
  t.equal(await userNames(cli), 'ada bob cy dan');
  t.match(await cli.json('users show cy'), { roles: ['admin'], disabled_at: null });
});

t.test('faulty rows are told by line, good ones of other batches are there, and the exit code is 1', async (t) => {
  const cli = await commandLine(t);
  const file = csvFile(cli, ['ada', 'bob ', 'cy', 'dan', 'ADA', 'eve']);
  const dry = await cli.mintd(`users import ${file} --batch 2 --dry-run`);
  const lines = 'line 3: the user name is empty, longer than 128 characters, or has invisible characters\n';
  t.strictSame(dry, {
    code: 1,
    out: 'would import 2 users\nfaulty rows: 2; good rows left out with their batch: 2\n',
    err: `${lines}line 6: the user name is that of line 2\nmintd: not all of it would be imported\n`,
  });
  t.equal(await userNames(cli), '');
  const done = await cli.mintd(`users import ${file} --batch 2`);
  t.equal(done.code, 1);
  t.match(done.out, /^imported 2 users\nfaulty rows: 2; good rows left out with their batch: 2\n$/);
  t.match(done.err, /^line 3: .*\nline 6: .*\nmintd: not all .*: mend these rows, and run it again with --skip-exist/);
  t.equal(await userNames(cli), 'cy dan');

  const mended = csvFile(cli, ['ada', 'bob', 'cy', 'dan', 'eve'], HASH);
  const again = await cli.mintd(`users import ${mended} --skip-existing`);
  t.strictSame(again, { code: 0, out: 'imported 3 users\nthere already: 2\n', err: '' });
  const other = await cli.mintd(`users import ${csvFile(cli, ['ada'], HASH.replace('$2b', '$2y'))} --skip-existing`);
  t.match(other.out, /there already: 1, 1 of them with another hash, address or id than in the file/);
});

t.test('with --json faults are JSON too, a line each', async (t) => {
  const cli = await commandLine(t);
  const { code, out, err } = await cli.mintd(`users import ${csvFile(cli, ['ada', 'ada'])} --json`);
  t.equal(code, 1);
  t.match(JSON.parse(out), { dry_run: false, imported: 0, faulty: 1, left_out: 1 });
  const [fault, error] = err
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.strictSame(fault, { line: 3, faults: ['the user name is that of line 2'] });
  t.match(error, { error: /not all of it was imported/ });
});

t.test('a hundred faults are shown and the others counted', async (t) => {
  const cli = await commandLine(t);
  for (const [count, lines] of [
    [100, 101],
    [123, 102],
  ] as const) {
    const { err, out } = await cli.mintd(`users import ${csvFile(cli, many(count), 'secret')}`);
    t.equal(err.trim().split('\n').length, lines);
    t.equal(/\n23 more faulty rows are not shown\n/.test(err), count === 123);
    t.match(out, new RegExp(`faulty rows: ${count};`));
    t.notMatch(err, /secret/, 'nothing of a row is repeated');
  }
});

t.test('hashes above BCRYPT_COST are warned of, once', async (t) => {
  const cli = await commandLine(t);
  const { code, err } = await cli.mintd(`users import ${csvFile(cli, many(3), HASH.replace('$10', '$12'))}`);
  t.equal(code, 0);
  t.match(err, /^warning: 3 hashes have a cost above BCRYPT_COST \(10\): [^\n]*\n$/);
});

t.test('what cannot be begun', async (t) => {
  const cli = await commandLine(t);
  const rows: readonly (readonly [args: string, code: number, err: RegExp])[] = [
    ['users import', 2, /say --format csv or --format ndjson/],
    ['users import users.txt', 2, /say --format/],
    ['users import users.csv --format xml', 2, /Allowed choices are csv, ndjson/],
    ['users import users.csv --batch 0', 2, /from 1 to 10000/],
    ['users import users.csv --batch 10001', 2, /from 1 to 10000/],
    ['users import nowhere.csv', 1, /^mintd: nowhere.csv: it cannot be read \(ENOENT\)\n$/],
    [`users import ${cli.folder} --format csv`, 1, /it cannot be read \(EISDIR\)\n$/],
    ['users import - --format csv', 1, /^mintd: the file is empty: its first line must name the columns\n$/],
  ];
  for (const [args, code, err] of rows) t.match(await cli.mintd(args), { code, out: '', err }, args);
  const atTerminal = await cli.mintd('users import --format csv', { answers: [] });
  t.match(atTerminal, { code: 2, err: /say a file, or -/ }, 'nobody waits for a person who waits');
});

t.test('when it breaks off, it says up to where all is done', async (t) => {
  const cli = await commandLine(t);
  await cli.withDatabase(
    ({ prisma }) =>
      prisma.$executeRaw`CREATE TRIGGER broken BEFORE INSERT ON users WHEN NEW.username = 'user4'
      BEGIN SELECT RAISE(ABORT, 'the disk burns'); END`,
  );
  const { code, out, err } = await cli.mintd(`users import ${csvFile(cli, many(9))} --batch 2`);
  t.strictSame({ code, out }, { code: 1, out: '' });
  t.match(
    err,
    /^stopped: all up to line 5 is done, with 4 users imported; of the batch after it .*\nmintd: .*the disk burns/,
  );
  t.equal(await userNames(cli), 'user0 user1 user2 user3');
});

t.test('a person at a terminal sees how far it is, and every fault; nobody else sees a bar', async (t) => {
  const cli = await commandLine(t);
  const terminal = Object.assign(new PassThrough().setEncoding('utf8'), { isTTY: true, columns: 80 });
  const file = csvFile(cli, ['ada', 'ada', ...many(50)]);
  const done = await cli.mintd(`users import ${file} --batch 10`, { errTerminal: terminal });
  t.equal(done.code, 1);
  const shown = String(terminal.read());
  t.match(shown, /100 %/);
  t.match(shown, /line 3: the user name is that of line 2\n/);
  t.match(done.err, /^mintd: not all of it/, 'the bar is gone when the command speaks');
  const piped = await cli.mintd('users import --format csv', { stdin: `${HEADER}\n`, errTerminal: terminal });
  t.match(piped, { code: 0, out: 'imported 0 users\n', err: '' });
  t.equal(terminal.read(), null, 'of stdin nobody knows how much is to come');
});
