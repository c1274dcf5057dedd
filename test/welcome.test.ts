import { stripVTControlCharacters } from 'node:util';
import t from 'tap';
import { commandFor, plainWelcome, terminalWelcome } from '../src/welcome.js';

const demo = { clientId: 'demo', username: 'demo', password: 'pAss-w0rd_' };
const first = { issuer: 'http://localhost:4000', demo, hasDocs: true, command: 'npx mintd' };
const later = { ...first, demo: null };
const CURL =
  'curl -s http://localhost:4000/token -d grant_type=password -d client_id=demo -d username=demo -d password=pAss-w0rd_';

t.test('on a terminal the first start says where it is, how to get a token, and what comes next', async (t) => {
  t.equal(
    terminalWelcome(first, false),
    `
  mintd runs        http://localhost:4000/
  Try it            http://localhost:4000/docs

  A token, as the user "demo" made just now. The password is shown this once:

    ${CURL}

  Your own user     npx mintd users add ada
  Your own client   npx mintd clients add web --kind public --grant password --grant refresh_token --scope read --default-scope read
  Signing keys      npx mintd keys list

  Ctrl-C stops it.

`,
  );
});

t.test('each later one says where it is', async (t) => {
  const text = '\n  http://localhost:4000/   try it: http://localhost:4000/docs   Ctrl-C stops it\n\n';
  t.equal(terminalWelcome(later, false), text);
  t.equal(terminalWelcome({ ...later, hasDocs: false }, false), '\n  http://localhost:4000/   Ctrl-C stops it\n\n');
});

t.test('colours are the only difference that they make', async (t) => {
  for (const welcome of [first, later]) {
    const coloured = terminalWelcome(welcome, true);
    t.match(coloured, '\u001b[1m');
    t.equal(stripVTControlCharacters(coloured), terminalWelcome(welcome, false));
  }
});

t.test('commands and addresses are those of this server', async (t) => {
  const text = terminalWelcome(
    { ...first, issuer: 'http://localhost:9/auth/', hasDocs: false, command: 'mintd' },
    false,
  );
  t.match(text, / http:\/\/localhost:9\/auth\/\n/);
  t.match(text, / http:\/\/localhost:9\/auth\/token -d /);
  t.match(text, /client {3}mintd clients add /);
  t.notMatch(text, /npx|\/docs/);
});

t.test('elsewhere the first start says one command in plain text, and a later one nothing', async (t) => {
  t.strictSame(plainWelcome(first).split('\n').filter(Boolean), [
    'First start: made the public client "demo" and the user "demo". A token, to try:',
    `  ${CURL}`,
  ]);
  t.equal(plainWelcome(later), '');
});

t.test('commands are typed so that npx never looks for the name in the registry', (t) => {
  const path = '/usr/local/bin:/usr/bin';
  const globally = { program: '/usr/local/bin/mintd', isByNpm: false, isHere: false, path };
  const cache = '/home/ada/.npm/_npx/1/node_modules/.bin';
  const rows: readonly (readonly [what: string, started: Parameters<typeof commandFor>[0], command: string])[] = [
    ['npm start in a clone', { ...globally, program: 'dist/main.js', isByNpm: true, isHere: true }, 'npx mintd'],
    ['installed in this folder', { ...globally, program: 'node_modules/.bin/mintd', isHere: true }, 'npx mintd'],
    ['installed globally', globally, 'mintd'],
    ['global, and not in PATH', { ...globally, path: '/usr/bin' }, 'node /usr/local/bin/mintd'],
    ['by its file', { ...globally, program: '/opt/mintd/dist/main.js' }, 'node /opt/mintd/dist/main.js'],
    [
      'npx with a tarball',
      { program: `${cache}/mintd`, isByNpm: true, isHere: false, path: `${cache}:${path}` },
      `node ${cache}/mintd`,
    ],
  ];
  for (const [what, started, command] of rows) t.equal(commandFor(started), command, what);
  t.end();
});
