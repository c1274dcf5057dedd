import t from 'tap';
import { readConfig } from '../src/config.js';
import { findLookAlikes } from '../src/config-names.js';
import { faultsOf, PRODUCTION } from './cli/harness.js';

type Variables = Readonly<Record<string, string | undefined>>;

const SETTINGS = ['ISSUER', 'HOST', 'PORT', 'DATABASE_URL', 'KEYS_DIR', 'KEY_STORE', 'KEYS_PASSPHRASE', 'LOG_LEVEL'];
const SECRETS = ['DATABASE_URL', 'KEYS_PASSPHRASE'];

const lookAlikes = (variables: Variables) => findLookAlikes(variables, SETTINGS, SECRETS);

/** What stops the start where a look-alike of a setting is there and the setting is not. */
const misspelt = (name: string, setting: string) =>
  `${name} is not known; did you mean ${setting}? Rename it; ` +
  `or, if it belongs to another program, set ${setting} too (${setting}= keeps its default)`;

t.test('a look-alike of a setting stops the start, until the setting itself is set', async (t) => {
  const rows: readonly (readonly [name: string, setting: string])[] = [
    ['ISSUERS', 'ISSUER'],
    ['ISUER', 'ISSUER'],
    ['DATABASE_URI', 'DATABASE_URL'],
    ['DATABASEURL', 'DATABASE_URL'],
    ['KEY_DIR', 'KEYS_DIR'],
    ['KEYSTORE', 'KEY_STORE'],
    ['KEY_STORES', 'KEY_STORE'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['KEY_PASSPHRASE', 'KEYS_PASSPHRASE'],
    ['DATABASE_URL_FLIE', 'DATABASE_URL_FILE'],
  ];
  for (const [name, setting] of rows) {
    t.strictSame(lookAlikes({ [name]: 'x' }), { faults: [misspelt(name, setting)], ignored: [] }, name);
    for (const value of ['y', '']) {
      const both = { [name]: 'x', [setting]: value };
      t.strictSame(lookAlikes(both), { faults: [], ignored: [{ name, setting }] }, JSON.stringify(both));
    }
  }
});

t.test('of a secret and its file one is enough: mintd takes no more than one of them', async (t) => {
  const rows: readonly (readonly [name: string, setting: string])[] = [
    ['DATABASE_URI', 'DATABASE_URL_FILE'],
    ['DATABASE_URL_FLIE', 'DATABASE_URL'],
    ['KEY_PASSPHRASE', 'KEYS_PASSPHRASE_FILE'],
  ];
  for (const [name, setting] of rows) {
    t.strictSame(lookAlikes({ [name]: 'x', [setting]: 'y' }), { faults: [], ignored: [{ name, setting }] }, name);
  }
  const notOfAll = lookAlikes({ LOGLEVEL: 'x', LOG_LEVEL_FILE: 'y' });
  t.strictSame(notOfAll.faults, [misspelt('LOGLEVEL', 'LOG_LEVEL')], 'LOG_LEVEL is no secret: no file sets it');
});

t.test('another setting than the one it resembles does not excuse a look-alike', async (t) => {
  t.strictSame(lookAlikes({ LOGLEVEL: 'debug', PORT: '1', ISSUER: 'x' }).faults, [misspelt('LOGLEVEL', 'LOG_LEVEL')]);
  t.strictSame(lookAlikes({ LOGLEVEL: 'debug', LOG_LEVEL: undefined }).faults, [misspelt('LOGLEVEL', 'LOG_LEVEL')]);
  t.strictSame(lookAlikes({ LOGLEVEL: undefined }), { faults: [], ignored: [] }, 'a variable without a value is none');
});

t.test('what begins with MINTD_ is meant for mintd, whatever else is set', async (t) => {
  const rows: readonly (readonly [name: string, value: string, said: string])[] = [
    ['MINTD_ISSUER', 'https://login.example.com', 'did you mean ISSUER?'],
    ['MINTD_HOST', 'localhost', 'did you mean HOST?'],
    ['MINTD_DATABASE_URI', 'file:x', 'did you mean DATABASE_URL?'],
    ['MINTD_PORT', '8080', 'did you mean PORT?'],
    ['MINTD_PORT', '', 'did you mean PORT?'],
    ['MINTD_COLOUR', 'red', 'see docs/configuration.md'],
    ['MINTD_PORT_X', '1', 'see docs/configuration.md'],
    ['MINTD_SERVICE_HOST', 'login.example.com', 'see docs/configuration.md'],
    ['MINTD_DB_PORT', '5432', 'see docs/configuration.md'],
  ];
  const all = Object.fromEntries(SETTINGS.map((name) => [name, 'x']));
  for (const [name, value, said] of rows) {
    const expected = { faults: [`${name} is not known; ${said}`], ignored: [] };
    t.strictSame(lookAlikes({ [name]: value }), expected, `${name}=${value}`);
    t.strictSame(lookAlikes({ ...all, [name]: value }), expected, `${name}=${value}, all settings set`);
  }
});

t.test('a Kubernetes service called mintd, or mintd-db, does not keep its own pods from starting', async (t) => {
  const links = (service: string, protocol: string, address: string) => ({
    [`${service}_SERVICE_HOST`]: address,
    [`${service}_SERVICE_PORT`]: '4000',
    [`${service}_SERVICE_PORT_HTTP`]: '4000',
    [`${service}_PORT`]: `${protocol}://${address}:4000`,
    [`${service}_PORT_4000_${protocol.toUpperCase()}`]: `${protocol}://${address}:4000`,
    [`${service}_PORT_4000_${protocol.toUpperCase()}_PROTO`]: protocol,
    [`${service}_PORT_4000_${protocol.toUpperCase()}_PORT`]: '4000',
    [`${service}_PORT_4000_${protocol.toUpperCase()}_ADDR`]: address,
  });
  for (const service of ['MINTD', 'MINTD_DB', 'MINTD_2']) {
    for (const protocol of ['tcp', 'udp', 'sctp']) {
      for (const address of ['10.0.0.1', 'fd00::1']) {
        const variables = links(service, protocol, address);
        t.strictSame(lookAlikes(variables), { faults: [], ignored: [] }, `${service} ${protocol} ${address}`);
      }
    }
  }
});

t.test('the configuration holds both: faults stop the start, the others are kept for the log', async (t) => {
  const hoster = { LOGLEVEL: 'WARN', HOSTNAME: 'web-1' };
  t.strictSame(faultsOf({ ...PRODUCTION, ...hoster }), [misspelt('LOGLEVEL', 'LOG_LEVEL')]);
  const { LOG_LEVEL, ignored } = readConfig({ ...PRODUCTION, ...hoster, LOG_LEVEL: '' });
  t.strictSame([LOG_LEVEL, ignored], ['info', [{ name: 'LOGLEVEL', setting: 'LOG_LEVEL' }]]);
});
