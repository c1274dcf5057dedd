import { describeConfig, readConfig } from '../../src/config.js';
import { PATHS } from '../../src/oauth/metadata.js';

const DESCRIBED = describeConfig();
/** `NAME_FILE` of those settings that may be in a file. */
const FILES = DESCRIBED.filter(({ name, description }) => description.includes(`\`${name}_FILE\``)).map(
  ({ name }) => `${name}_FILE`,
);
/** Not ours, and read by what mintd is made of. */
const OTHERS = ['SQLITE_TMPDIR'];

/** Secrets that are good, to see whether everything else is. */
const GOOD: Readonly<Record<string, string>> = {
  DATABASE_URL: 'postgres://mintd:of-no-value@postgres/mintd',
  KEYS_ENCRYPTION_KEY: Buffer.alloc(32).toString('base64'),
  KEYS_PASSPHRASE: 'of no value',
};

/**
 * What is wrong with the environment of a server or command.
 *
 * @param secretFiles the paths at which there will be a secret
 */
export function settingFaults(
  environment: Readonly<Record<string, string>>,
  secretFiles: ReadonlySet<string>,
): string[] {
  const known = [...DESCRIBED.map(({ name }) => name), ...FILES, ...OTHERS];
  const faults = Object.keys(environment)
    .filter((name) => !known.includes(name))
    .map((name) => `${name} is no setting of mintd`);
  const given: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    const secret = name.slice(0, -'_FILE'.length);
    if (!FILES.includes(name)) {
      given[name] = value;
      if (/:\/\/[^/]*:[^/]*@/.test(value)) faults.push(`${name} has a password in it`);
      if (FILES.includes(`${name}_FILE`) && !value.startsWith('file:')) faults.push(`${name} belongs into a file`);
    } else if (secretFiles.has(value)) given[secret] = GOOD[secret] ?? '';
    else faults.push(`${name} names ${value}, which is not there`);
  }
  if (given['NODE_ENV'] !== 'production') faults.push('NODE_ENV is not production');
  try {
    readConfig(given);
  } catch (error) {
    faults.push(String(error));
  }
  return faults;
}

/** A path that something asks for to see how the server is. */
export function probedPathFaults(path: string): string[] {
  return path === PATHS.livez || path === PATHS.readyz ? [] : [`${path} is no path for a probe`];
}

/** Not for the world: they say how the server is doing, or may change everything. */
const INNER: readonly string[] = [PATHS.start, PATHS.metrics, PATHS.livez, PATHS.readyz, PATHS.docs, PATHS.openapi];

/** What is wrong with a proxy that lets some paths through. */
export function pathFaults(lets: (path: string) => boolean): string[] {
  const outer = Object.values(PATHS).filter((path) => !INNER.includes(path));
  return [
    ...[...INNER, '/admin/users', '/admin'].filter(lets).map((path) => `${path} is open to the world`),
    ...outer.filter((path) => !lets(path.replace(':sid', '3f0c'))).map((path) => `${path} cannot be reached`),
  ];
}
