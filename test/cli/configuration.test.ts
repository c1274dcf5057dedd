import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readConfig } from '../../src/config.js';
import { temporaryFolder } from '../helper.js';
import { faultsOf, PRODUCTION } from './harness.js';

t.test('DATABASE_URL chooses SQLite or PostgreSQL', async (t) => {
  const rows: readonly (readonly [url: string, isFine: boolean])[] = [
    ['file:mintd.db', true],
    ['file:/var/lib/mintd/mintd.db', true],
    ['file:///var/lib/mintd/mintd.db', true],
    ['postgres://localhost/mintd', true],
    ['postgresql://localhost/mintd?sslmode=require', true],
    ['file:', false],
    ['file:mintd.db?mode=ro', false],
    ['mintd.db', false],
    ['sqlite:mintd.db', false],
    ['mysql://localhost/mintd', false],
    ['postgres:mintd', false],
  ];
  for (const [DATABASE_URL, isFine] of rows) {
    t.equal(faultsOf({ DATABASE_URL }).length, isFine ? 0 : 1, DATABASE_URL);
  }
});

t.test('DATABASE_URL_FILE: the URL holds a password, so it may come from a file', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'url');
  writeFileSync(path, `${PRODUCTION.DATABASE_URL}\n`);
  const { DATABASE_URL, ...rest } = PRODUCTION;

  t.equal(readConfig({ ...rest, DATABASE_URL_FILE: path }).DATABASE_URL, DATABASE_URL, 'its newline aside');
  t.strictSame(faultsOf({ ...PRODUCTION, DATABASE_URL_FILE: path }), [
    'DATABASE_URL and DATABASE_URL_FILE are both set: keep one',
  ]);
  t.match(faultsOf({ ...rest, DATABASE_URL_FILE: join(folder, 'gone') })[0], /^DATABASE_URL_FILE names .*gone, which/);
  mkdirSync(join(folder, 'folder'));
  t.match(faultsOf({ ...rest, DATABASE_URL_FILE: join(folder, 'folder') })[0], /cannot be read/);
  writeFileSync(path, 'postgres');
  const faults = faultsOf({ ...rest, DATABASE_URL_FILE: path });
  t.match(faults, [/^DATABASE_URL must be file:PATH/]);
});

t.test('a file that cannot be read is the one fault there is', async (t) => {
  const { DATABASE_URL: _, ...rest } = PRODUCTION;
  t.equal(faultsOf({ ...rest, DATABASE_URL_FILE: '/nowhere/url' }).length, 1);
});

t.test('what other programs put into the environment is none of our business', async (t) => {
  const innocent = [
    ...['PATH', 'HOME', 'HOSTNAME', 'USER', 'LANG', 'SHELL', 'PWD', 'TERM', 'TZ', '_', 'SHLVL', 'EDITOR'],
    ...['PORT_X', 'PORTS', 'GHOST', 'POST', 'HOSTS', 'SUPPORT', 'REPORT', 'EXPORT'],
    ...['npm_config_cache', 'npm_package_name', 'npm_lifecycle_event', 'npm_execpath', 'NODE', 'NODE_OPTIONS'],
    ...['NODE_PATH', 'NODE_VERSION', 'NODE_EXTRA_CA_CERTS', 'NO_COLOR', 'DEBUG', 'CI', 'DATABASE', 'DB_URL'],
    ...['TEST_DATABASE_URL', 'SSH_AUTH_SOCK', 'GITHUB_TOKEN', 'KUBERNETES_SERVICE_HOST', 'INVOCATION_ID'],
    ...['TAP', 'TAP_CHILD_ID', 'LOGNAME', 'KEYS', 'LOG', 'CLOCK', 'PGHOST', 'PGPORT', 'VIRTUAL_HOST'],
  ];
  for (const name of innocent) t.strictSame(faultsOf({ ...PRODUCTION, [name]: 'x' }), [], name);
});
