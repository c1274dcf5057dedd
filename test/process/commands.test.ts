import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashSync } from 'bcrypt';
import t from 'tap';
import { temporaryFolder } from '../helper.js';
import { postToken, run, serve, start } from './harness.js';

const PASSWORD = 'correct horse battery';
const COST = { BCRYPT_COST: '10' };

t.test('exit codes: 0 done, 1 failed, 2 used wrongly', async (t) => {
  const folder = temporaryFolder(t);
  const rows: readonly (readonly [args: string, env: Record<string, string>, code: number])[] = [
    ['--help', {}, 0],
    ['', {}, 2],
    ['users list', {}, 1],
    ['serve', { NODE_ENV: 'production' }, 1],
  ];
  const ended = await Promise.all(rows.map(([args, env]) => run(t, folder, args, env)));
  for (const [index, [args, , code]] of rows.entries()) {
    const { code: is, out, err } = ended[index] ?? { code: null, out: '', err: '' };
    t.equal(is, code, `mintd ${args}`);
    t.equal(code === 0 ? err : out, '', code === 0 ? 'the result is on stdout alone' : 'a failure is on stderr alone');
    t.notMatch(err, /\n {4}at /, 'and no stack trace');
  }
  t.match(ended[3]?.err, /ISSUER is not set.*DATABASE_URL is not set/s);
});

t.test('.env is read, and the environment wins over it', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, '.env'), '# a comment\nDATABASE_URL="file:from-dot-env.db"\nBCRYPT_COST=10\n');
  t.match(await run(t, folder, 'users list'), { code: 1, err: /no database at from-dot-env.db/ });
  const env = { DATABASE_URL: 'file:from-environment.db' };
  t.match(await run(t, folder, 'users list', env), { code: 1, err: /no database at from-environment.db/ });
  writeFileSync(join(folder, '.env'), 'MINTD_ISSUER=https://login.example.com\n');
  t.match(await run(t, folder, 'users list'), { code: 1, err: /MINTD_ISSUER is not known; did you mean ISSUER\?/ });
});

t.test('a .env that cannot be read is one clear line', async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, '.env'));
  const { code, err } = await run(t, folder, 'users list');
  t.equal(code, 1);
  t.notMatch(err, /\n {4}at /, 'no stack trace');
});

t.test('who reads only the beginning of the output is no failure to shout about', async (t) => {
  const folder = temporaryFolder(t);
  const mintd = start(t, folder, 'clients add --help');
  mintd.child.stdout?.destroy();
  await mintd.exit;
  t.notMatch(mintd.stderr(), /\n {4}at /, 'no stack trace');
});

t.test('migrate, clients add, users add < password, serve, token: the way into production', async (t) => {
  const folder = temporaryFolder(t);
  const env = {
    ...COST,
    NODE_ENV: 'production',
    ISSUER: 'https://login.example.com',
    DATABASE_URL: `file:${join(folder, 'mintd.db')}`,
  };
  t.match(await run(t, folder, 'migrate', env), { code: 0, out: /^applied / });
  const app = 'clients add app --kind public --grant password --grant refresh_token --scope read --default-scope read';
  t.match(await run(t, folder, app, env), { code: 0, out: 'made the public client app\n', err: '' });
  const added = await run(t, folder, 'users add ada --password-stdin --json', env, `${PASSWORD}\n`);
  t.equal(added.code, 0);
  const { id } = JSON.parse(added.out);

  const bob = `username,password_hash\nbob,${hashSync('what bob always had', 4).replace('$2b', '$2y')}\n`;
  t.match(await run(t, folder, 'users import --format csv', env, bob), { code: 0, out: 'imported 1 user\n', err: '' });

  const server = await serve(t, folder, env);
  const brought = { grant_type: 'password', client_id: 'app', username: 'Bob', password: 'what bob always had' };
  t.match(await postToken(server.url, brought), { status: 200 }, 'who was imported has the password of before');
  const login = { grant_type: 'password', client_id: 'app', username: 'ada', password: PASSWORD };
  const { status, body } = await postToken(server.url, login);
  t.equal(status, 200);
  const claims = JSON.parse(Buffer.from(String(body['access_token']).split('.')[1] ?? '', 'base64url').toString());
  t.match(claims, { iss: env.ISSUER, sub: id, username: 'ada', client_id: 'app' });

  t.match(await run(t, folder, 'users disable ada', env), { code: 0 }, 'the command line works beside the server');
  const refresh = { grant_type: 'refresh_token', client_id: 'app', refresh_token: String(body['refresh_token']) };
  t.match(await postToken(server.url, refresh), { status: 400, body: { error: 'invalid_grant' } }, 'and at once');
  t.match(await run(t, folder, 'serve', env), { code: 1, out: '', err: /^mintd: another mintd server is using .*\n$/ });

  t.strictSame(await server.stop('SIGTERM'), { code: 0, signal: null });
  t.equal(server.stderr(), '', 'production has nothing to say on stderr');
  const said = server.lines.join('\n');
  for (const secret of [PASSWORD, body['access_token'], body['refresh_token']]) t.notMatch(said, String(secret));
});

t.test('a password on stdin that is not UTF-8 is refused, not repaired', async (t) => {
  const folder = temporaryFolder(t);
  t.match(await run(t, folder, 'migrate', { DATABASE_URL: 'file:a.db' }), { code: 0 });
  const latin1 = Buffer.from('dörfliches Gasthaus', 'latin1');
  const env = { DATABASE_URL: 'file:a.db', ...COST };
  const ended = await run(t, folder, 'users add ada --password-stdin', env, latin1);
  t.match(ended, { code: 1, out: '', err: 'mintd: what came on stdin is not UTF-8\n' });
});
