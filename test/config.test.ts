import t from 'tap';
import { ConfigError, describeConfig, type Environment, readConfig } from '../src/config.js';
import { faultsOf, PRODUCTION } from './cli/harness.js';

t.test('in development nothing needs to be set', async (t) => {
  t.strictSame(readConfig({}), {
    isDevelopment: true,
    isTraced: false,
    ignored: [],
    NODE_ENV: '',
    ISSUER: 'http://localhost:4000',
    HOST: 'localhost',
    PORT: 4000,
    MAX_CONNECTIONS: 10_000,
    DATABASE_URL: 'file:data/mintd.db',
    AUTO_MIGRATE: 'on',
    KEYS_DIR: 'keys',
    ACCESS_TOKEN_TTL: 600,
    ACCESS_TOKEN_MAX_TTL: 3600,
    REFRESH_IDLE_TTL: 14 * 86_400,
    REFRESH_ABSOLUTE_TTL: 90 * 86_400,
    DEFAULT_AUDIENCE: 'http://localhost:4000',
    JWKS_MAX_AGE: 300,
    VERIFIER_CACHE: 600,
    CLOCK_SKEW: 60,
    KEY_STORE: 'files',
    KEY_ROTATION_INTERVAL: 30 * 86_400,
    BCRYPT_COST: 12,
    PASSWORD_THREADS: 0,
    LOGIN_ACCOUNT_LIMIT: 10,
    LOGIN_ADDRESS_LIMIT: 100,
    LOGIN_LIMIT_WINDOW: 900,
    TRUST_PROXY: 0,
    REGISTRATION: 'closed',
    CLIENT_TOKEN_RATE: null,
    API_DOCS: 'on',
    LOG_LEVEL: 'info',
  });
});

t.test('the issuer follows the port, the audience follows the issuer', async (t) => {
  t.match(readConfig({ PORT: '8080' }), { ISSUER: 'http://localhost:8080', DEFAULT_AUDIENCE: 'http://localhost:8080' });
  t.equal(readConfig({ ISSUER: 'http://127.0.0.1:9' }).DEFAULT_AUDIENCE, 'http://127.0.0.1:9');
  t.equal(readConfig({ DEFAULT_AUDIENCE: 'https://api.example.com' }).DEFAULT_AUDIENCE, 'https://api.example.com');
});

t.test('in production nothing is where it happens to be', async (t) => {
  t.strictSame(faultsOf({ NODE_ENV: 'production' }), [
    'ISSUER is not set and has no default here',
    'DATABASE_URL is not set and has no default here',
  ]);
  t.match(readConfig(PRODUCTION), {
    isDevelopment: false,
    HOST: '0.0.0.0',
    PORT: 4000,
    KEYS_DIR: 'keys',
    API_DOCS: 'off',
  });
  t.equal(readConfig({ ...PRODUCTION, API_DOCS: 'on' }).API_DOCS, 'on');
});

t.test('development is a loopback issuer and no NODE_ENV=production', async (t) => {
  const DATABASE_URL = 'file:mintd.db';
  const rows: readonly (readonly [Environment, boolean])[] = [
    [{}, true],
    [{ NODE_ENV: 'development' }, true],
    [{ NODE_ENV: 'test', ISSUER: 'https://localhost' }, true],
    [{ ISSUER: 'http://127.0.0.1:4000' }, true],
    [{ ISSUER: 'http://127.8.9.10' }, true],
    [{ ISSUER: 'http://[::1]:4000' }, true],
    [{ ISSUER: 'http://localhost:4000', NODE_ENV: 'production' }, false],
    [{ ISSUER: 'https://login.example.com' }, false],
    [{ ISSUER: 'https://login.example.com', NODE_ENV: 'development' }, false],
    [{ ISSUER: 'https://localhost.example.com' }, false],
    [{ ISSUER: 'https://127.0.0.1.example.com' }, false],
  ];
  for (const [environment, expected] of rows) {
    t.equal(readConfig({ DATABASE_URL, ...environment }).isDevelopment, expected, JSON.stringify(environment));
  }
});

t.test('a public issuer needs a database that was chosen, whatever NODE_ENV says', async (t) => {
  t.strictSame(faultsOf({ ISSUER: 'https://login.example.com' }), ['DATABASE_URL is not set and has no default here']);
});

t.test('empty is not set', async (t) => {
  t.strictSame(
    readConfig({ PORT: '', ISSUER: '', DATABASE_URL: '', NODE_ENV: '', DATABASE_URL_FILE: '' }),
    readConfig({}),
  );
  t.strictSame(faultsOf({ ...PRODUCTION, ISSUER: '' }), ['ISSUER is not set and has no default here']);
  t.strictSame(readConfig({ PORT: undefined }), readConfig({}));
});

t.test('all faults are reported together, each naming its variable', async (t) => {
  const faults = faultsOf({
    ...PRODUCTION,
    ISSUER: 'http://login.example.com',
    PORT: 'http',
    DATABASE_URL: 'mysql://db',
    AUTO_MIGRATE: 'yes',
    ACCESS_TOKEN_TTL: '10 minutes',
    BCRYPT_COST: '4',
    LOG_LEVEL: 'loud',
    DEFAULT_AUDIENCE: 'two words',
    KEY_DIR: 'keys',
  });
  const named = faults.map((fault) => fault.split(' ')[0]);
  t.strictSame(named, [
    'ISSUER',
    'PORT',
    'DATABASE_URL',
    'AUTO_MIGRATE',
    'ACCESS_TOKEN_TTL',
    'DEFAULT_AUDIENCE',
    'BCRYPT_COST',
    'LOG_LEVEL',
    'KEY_DIR',
  ]);
  const { message } = new ConfigError(faults);
  t.equal(message.split('\n').length, faults.length + 1, 'a line each, after a heading');
  t.notMatch(message, /mysql|10 minutes|two words/, 'and no value: it could be a secret');
});

t.test('a bad port is one fault: it does not take the development defaults with it', async (t) => {
  for (const PORT of ['http', '70000', '-1', '4000x']) {
    t.strictSame(faultsOf({ PORT }), ['PORT must be a whole number from 0 to 65535'], PORT);
  }
});

t.test('numbers', async (t) => {
  const rows: readonly (readonly [name: string, text: string, isFine: boolean])[] = [
    ['PORT', '0', true],
    ['PORT', '65535', true],
    ['PORT', '65536', false],
    ['PORT', '80.5', false],
    ['PORT', ' 80', false],
    ['BCRYPT_COST', '10', true],
    ['BCRYPT_COST', '15', true],
    ['BCRYPT_COST', '9', false],
    ['BCRYPT_COST', '16', false],
    ['BCRYPT_COST', '1e1', false],
    ['BCRYPT_COST', '0x0c', false],
  ];
  for (const [name, text, isFine] of rows) {
    t.equal(faultsOf({ ...PRODUCTION, [name]: text }).length, isFine ? 0 : 1, `${name}=${text}`);
  }
});

t.test('durations', async (t) => {
  const rows: readonly (readonly [name: string, text: string, seconds: number | null])[] = [
    ['ACCESS_TOKEN_TTL', '1s', 1],
    ['ACCESS_TOKEN_TTL', '90', 90],
    ['ACCESS_TOKEN_TTL', '90s', 90],
    ['ACCESS_TOKEN_TTL', '5m', 300],
    ['ACCESS_TOKEN_TTL', '1h', 3600],
    ['REFRESH_IDLE_TTL', '14d', 14 * 86_400],
    ['ACCESS_TOKEN_TTL', '0s', null],
    ['REFRESH_IDLE_TTL', '0', null],
    ['REFRESH_ABSOLUTE_TTL', '0d', null],
    ['JWKS_MAX_AGE', '0s', 0],
    ['VERIFIER_CACHE', '0', 0],
    ['CLOCK_SKEW', '0s', 0],
    ['ACCESS_TOKEN_TTL', 'soon', null],
    ['ACCESS_TOKEN_TTL', '-5m', null],
    ['ACCESS_TOKEN_TTL', '1.5h', null],
    ['ACCESS_TOKEN_TTL', '10 m', null],
    ['ACCESS_TOKEN_TTL', '10M', null],
    ['ACCESS_TOKEN_TTL', '2w', null],
  ];
  for (const [name, text, seconds] of rows) {
    const environment = { [name]: text };
    if (seconds === null) t.match(faultsOf(environment), [`${name} must be a duration`], `${name}=${text}`);
    else t.match(readConfig(environment), { [name]: seconds }, `${name}=${text}`);
  }
});

t.test('a duration no date can hold is a fault, not a crash at the first login', async (t) => {
  for (const name of ['REFRESH_IDLE_TTL', 'REFRESH_ABSOLUTE_TTL', 'ACCESS_TOKEN_MAX_TTL', 'JWKS_MAX_AGE']) {
    t.match(faultsOf({ [name]: '9999999999d' }), [name], name);
  }
});

t.test('an access token cannot be set to outlive the longest there may be', async (t) => {
  t.strictSame(faultsOf({ ACCESS_TOKEN_TTL: '61m' }), [
    'ACCESS_TOKEN_TTL must not exceed ACCESS_TOKEN_MAX_TTL: raise that one too',
  ]);
  t.equal(readConfig({ ACCESS_TOKEN_TTL: '61m', ACCESS_TOKEN_MAX_TTL: '2h' }).ACCESS_TOKEN_TTL, 3660);
});

t.test('ISSUER: https, http only for loopback, nothing that RFC 8414 §2 excludes', async (t) => {
  const fine = [
    'https://login.example.com',
    'https://login.example.com:8443',
    'https://example.com/tenant',
    'http://localhost',
    'http://localhost:4000',
    'http://127.0.0.1:4000',
    'http://[::1]:4000',
  ];
  for (const ISSUER of fine) t.strictSame(faultsOf({ DATABASE_URL: 'file:x', ISSUER }), [], ISSUER);
  const refused: readonly (readonly [issuer: string, why: RegExp])[] = [
    ['login.example.com', /must be a URL/],
    ['http://login.example.com', /must be an https URL/],
    ['http://10.0.0.1', /must be an https URL/],
    ['http://[::2]', /must be an https URL/],
    ['http://localhost.example.com', /must be an https URL/],
    ['ftp://localhost', /must be an https URL/],
    ['https://login.example.com/?tenant=1', /query/],
    ['https://login.example.com?', /query/],
    ['https://login.example.com#top', /fragment/],
    ['https://login.example.com#', /fragment/],
    ['https://login.example.com/a b', /spaces/],
    [' https://login.example.com', /spaces/],
    ['https://ada@login.example.com', /user name or password/],
    ['https://:secret@login.example.com', /user name or password/],
  ];
  for (const [ISSUER, why] of refused) t.match(faultsOf({ DATABASE_URL: 'file:x', ISSUER }), [why], ISSUER);
});

t.test('ISSUER: a slip of the keyboard that a URL parser forgives', async (t) => {
  for (const ISSUER of ['https:login.example.com', 'https:/login.example.com', 'https:\\\\login.example.com']) {
    t.equal(faultsOf({ DATABASE_URL: 'file:x', ISSUER }).length, 1, ISSUER);
  }
});

t.test('every variable is described, and no other', async (t) => {
  const described = describeConfig();
  const { isDevelopment: _, isTraced: __, ignored: ___, ...settings } = readConfig({});
  const secrets = ['KEYS_ENCRYPTION_KEY', 'KEYS_PASSPHRASE'];
  const unset = ['AUDIT_FILE', ...secrets, ...secrets.map((name) => `${name}_PREVIOUS`)];
  t.strictSame(described.map(({ name }) => name).sort(), [...Object.keys(settings), ...unset].sort());
  for (const { name, fallback, description } of described) {
    t.match(description, /^.+[.]/, `${name} has a description`);
    t.notMatch(fallback, /undefined/, `${name} has a default to show`);
  }
  const fallbackOf = (wanted: string) => described.find(({ name }) => name === wanted)?.fallback;
  t.strictSame(['PORT', 'ACCESS_TOKEN_TTL'].map(fallbackOf), ['`4000`', '`10m`']);
  t.match(fallbackOf('ISSUER'), /required/);
  t.match(described.find(({ name }) => name === 'DATABASE_URL')?.description, /`DATABASE_URL_FILE`/);
});

t.test('the token rate of clients is a whole number, or off', async (t) => {
  const read = ['600', 'off'].map((rate) => readConfig({ CLIENT_TOKEN_RATE: rate }).CLIENT_TOKEN_RATE);
  t.strictSame(read, [600, null]);
  const fault = /^CLIENT_TOKEN_RATE must be a whole number from 1 to 1000000, or off$/;
  for (const CLIENT_TOKEN_RATE of ['0', '-1', '1.5', '1000001', '1e3', 'on', ' 5']) {
    t.match(faultsOf({ CLIENT_TOKEN_RATE }), [fault], CLIENT_TOKEN_RATE);
  }
});
