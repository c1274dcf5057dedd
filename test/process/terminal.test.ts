import { spawnSync } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import t, { type Test } from 'tap';
import { temporaryFolder } from '../helper.js';
import { freePort, type Mintd, start } from './harness.js';

/** The pseudo terminal of util-linux: other systems have another `script`, or none. */
const hasTerminal = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') === true;

/** Starts a server on a terminal, where stdout and stderr are one. */
function onTerminal(t: Test, folder: string, env: Record<string, string>): Mintd {
  // What follows as arguments is for a shell in the terminal.
  const before = ['sh', '-c', 'exec script -qefc "exec $*" /dev/null', 'sh'];
  return start(t, folder, 'serve', { TERM: 'xterm-256color', BCRYPT_COST: '10', ...env }, '', { before });
}

/** Everything that a person sees until the server has been stopped by Ctrl-C. */
async function seen(t: Test, folder: string, env: Record<string, string>, last: RegExp): Promise<string> {
  const server = onTerminal(t, folder, env);
  await server.waitFor(last);
  server.child.kill('SIGTERM');
  await server.exit;
  return server.lines.join('\n');
}

t.test('on a terminal: lines that read well, and what to do next', { skip: !hasTerminal }, async (t) => {
  const folder = temporaryFolder(t);
  const env = { PORT: String(await freePort()) };
  const url = `http://localhost:${env.PORT}`;
  const first = await seen(t, folder, env, /Ctrl-C/);
  t.match(first, '\u001b[', 'in colours');
  const text = stripVTControlCharacters(first);
  t.match(text, /^\[\d\d:\d\d:\d\d\] INFO: mintd listens on http/m);
  t.notMatch(text, /"event"/, 'no JSON');
  t.match(text, `mintd runs        ${url}/`);
  t.match(text, `Try it            ${url}/docs`);
  t.match(text, `curl -s ${url}/token -d grant_type=password -d client_id=demo -d username=demo -d password=`);
  t.match(text, /node \S+\/main.js users add ada/);

  const second = await seen(t, folder, { ...env, NO_COLOR: '1' }, /Ctrl-C/);
  t.equal(stripVTControlCharacters(second), second, 'NO_COLOR is obeyed');
  t.match(second, `  ${url}/   try it: ${url}/docs   Ctrl-C stops it`);
  t.notMatch(second, 'curl', 'the password is shown once');
});

t.test('in production a terminal gets JSON and nothing else', { skip: !hasTerminal }, async (t) => {
  const production = { NODE_ENV: 'production', ISSUER: 'https://login.example.com', DATABASE_URL: 'file:mintd.db' };
  const env = { ...production, HOST: '127.0.0.1', PORT: '0' };
  const lines = (await seen(t, temporaryFolder(t), env, /listening/)).split('\n').filter((line) => line.trim() !== '');
  for (const line of lines) t.match(JSON.parse(line), { time: String, event: String, msg: String });
});

t.test('SIGUSR2 works there as well', { skip: !hasTerminal }, async (t) => {
  const port = await freePort();
  const server = onTerminal(t, temporaryFolder(t), { PORT: String(port), NO_COLOR: '1' });
  await server.waitFor(/Ctrl-C/);
  const [pid] = spawnSync('pgrep', ['-P', String(server.child.pid)], { encoding: 'utf8' }).stdout.split('\n');
  process.kill(Number(pid), 'SIGUSR2');
  await server.waitFor(/the log level is debug now/);
  await fetch(`http://localhost:${port}/livez`);
  t.ok(await server.waitFor(/DEBUG: GET \/livez was answered with 200 after \d+ ms {2}http/));
  server.child.kill('SIGTERM');
  await server.exit;
});
