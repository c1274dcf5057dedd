import { readFileSync } from 'node:fs';
import leven from 'leven';
import { z } from 'zod';
import { isLoopback } from './oauth/origin.js';
import { formatDuration, parseDurationSeconds } from './oauth/time.js';
import { providerOf } from './store/database.js';

/** Configuration that cannot be used. Each fault is a sentence about one variable. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(`the configuration cannot be used:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** Seconds, written as `90s`, `10m`, `12h` or `14d`. */
const duration = (fallback: string, minimumSeconds = 1) =>
  z
    .string()
    .default(fallback)
    .transform((text, context) => {
      const seconds = parseDurationSeconds(text);
      if (seconds !== null && seconds >= minimumSeconds) return seconds;
      const least = minimumSeconds === 0 ? '' : ` of at least ${formatDuration(minimumSeconds)}`;
      context.addIssue({ code: 'custom', message: `must be a duration${least} such as 90s, 10m or 14d` });
      return z.NEVER;
    });

const integer = (fallback: number, min: number, max: number) =>
  z
    .string()
    .default(String(fallback))
    .refine((text) => /^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max, {
      message: `must be a whole number from ${min} to ${max}`,
    })
    .transform(Number);

const issuerUrl = z.string().superRefine((text, context) => {
  const fault = issuerFault(text);
  if (fault !== null) context.addIssue({ code: 'custom', message: fault });
});

const databaseUrl = z.string().refine((text) => providerOf(text) !== null && !/^file:(.*\?|:memory:)/.test(text), {
  message: 'must be file:PATH for SQLite or postgres://… for PostgreSQL',
});

/** Every variable: its check, its default, its text in docs/configuration.md. The order is that of the table there. */
const schema = z.object({
  ISSUER: issuerUrl.meta({
    description:
      'The URL clients and verifiers know this server by: `iss` in every token, and the base of the metadata. https, unless it is a loopback address.',
    shownDefault: 'in development `http://localhost:PORT`, else required',
  }),
  HOST: z.string().min(1).meta({
    description: 'The address to listen on.',
    shownDefault: 'in development `localhost`, else `0.0.0.0`',
  }),
  PORT: integer(4000, 0, 65_535).meta({ description: 'The port to listen on; 0 takes a free one.' }),
  DATABASE_URL: databaseUrl.meta({
    description: '`file:PATH` for SQLite, `postgres://USER:PASSWORD@HOST/DATABASE` for PostgreSQL.',
    shownDefault: 'in development `file:data/mintd.db`, else required',
  }),
  AUTO_MIGRATE: z.enum(['on', 'off']).default('on').meta({
    description: 'Whether `mintd serve` applies pending migrations when it starts. With `off`, run `mintd migrate`.',
  }),
  KEYS_DIR: z.string().min(1).default('keys').meta({
    description: 'The folder of the key ring and its private keys.',
  }),
  ACCESS_TOKEN_TTL: duration('10m').meta({ description: 'How long an access token lives.' }),
  ACCESS_TOKEN_MAX_TTL: duration('1h').meta({
    description:
      "The longest a client's own access-token lifetime can be. A key that stopped signing stays published for as long.",
  }),
  REFRESH_IDLE_TTL: duration('14d').meta({ description: 'A login not refreshed for this long ends.' }),
  REFRESH_ABSOLUTE_TTL: duration('90d').meta({
    description: 'A login ends after this long, however often it is refreshed.',
  }),
  DEFAULT_AUDIENCE: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'must be visible ASCII without spaces')
    .optional()
    .meta({
      description: '`aud` of tokens for clients that have no audiences of their own.',
      shownDefault: 'the ISSUER',
    }),
  JWKS_MAX_AGE: duration('5m', 0).meta({ description: '`max-age` of the JWKS answer.' }),
  VERIFIER_CACHE: duration('10m', 0).meta({
    description:
      'How long verifiers keep a JWKS by themselves. A new key waits this long, and JWKS_MAX_AGE, before it signs.',
  }),
  CLOCK_SKEW: duration('60s', 0).meta({ description: 'How far the clocks of verifiers may be off.' }),
  BCRYPT_COST: integer(12, 10, 15).meta({
    description: "bcrypt's cost for new password hashes; one more takes twice as long.",
  }),
  LOG_LEVEL: z
    .enum(LOG_LEVELS)
    .default('info')
    .meta({ description: `One of ${LOG_LEVELS.join(', ')}.` }),
  NODE_ENV: z.string().default('').meta({
    description: '`production` switches off everything that is only there to make a first try easy.',
    shownDefault: 'not set',
  }),
});

type Settings = z.output<typeof schema>;
type Name = keyof Settings;
const NAMES = Object.keys(schema.shape) as Name[];

/** These may hold a password, so `NAME_FILE` may name a file with the value instead. */
const SECRETS: readonly Name[] = ['DATABASE_URL'];

/** Checked settings. Durations are in seconds. */
export type Config = Omit<Settings, 'DEFAULT_AUDIENCE'> & {
  readonly DEFAULT_AUDIENCE: string;
  /** Loopback ISSUER and NODE_ENV other than production: conveniences are on. */
  readonly isDevelopment: boolean;
};

/** The shape of a process's environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the configuration from the environment.
 *
 * @throws ConfigError naming every fault at once
 */
export function readConfig(environment: Environment): Config {
  const faults: string[] = [];
  const given = withSecretFiles(environment, faults);
  const parsed = schema.safeParse({ ...defaultsFor(given), ...given });
  if (!parsed.success) {
    for (const { path, message } of parsed.error.issues) {
      const name = path.join('.');
      if (given[name] !== undefined) faults.push(`${name} ${message}`);
      else if (!faults.some((fault) => fault.startsWith(`${name}_FILE `))) {
        faults.push(`${name} is not set and has no default here`);
      }
    }
  } else {
    faults.push(...contradictions(parsed.data));
  }
  faults.push(...misspelt(environment));
  if (!parsed.success || faults.length > 0) throw new ConfigError(faults);
  const { ISSUER, DEFAULT_AUDIENCE = ISSUER, NODE_ENV } = parsed.data;
  return { ...parsed.data, DEFAULT_AUDIENCE, isDevelopment: isDevelopment(NODE_ENV, ISSUER) };
}

/** What docs/configuration.md says, from the schema itself. */
export function describeConfig(): readonly { name: string; fallback: string; description: string }[] {
  return NAMES.map((name) => {
    const {
      description,
      shownDefault,
      default: fallback,
    } = z.toJSONSchema(schema.shape[name], {
      io: 'input',
      unrepresentable: 'any',
    }) as { description?: string; shownDefault?: string; default?: string };
    const suffix = SECRETS.includes(name) ? ` Or \`${name}_FILE\`, a file that holds it.` : '';
    return { name, fallback: shownDefault ?? `\`${fallback}\``, description: `${description}${suffix}` };
  });
}

/** The variables that are set and known; empty is not set. Secrets are read from their files. */
function withSecretFiles(environment: Environment, faults: string[]): Record<string, string> {
  const given: Record<string, string> = {};
  for (const name of NAMES) {
    const value = environment[name];
    if (value !== undefined && value !== '') given[name] = value;
  }
  for (const name of SECRETS) {
    const path = environment[`${name}_FILE`];
    if (path === undefined || path === '') continue;
    if (given[name] !== undefined) faults.push(`${name} and ${name}_FILE are both set: keep one`);
    try {
      given[name] = readFileSync(path, 'utf8').trim();
    } catch {
      faults.push(`${name}_FILE names ${path}, which cannot be read`);
    }
  }
  return given;
}

/** Defaults that depend on other variables. In production there are none for where things are. */
function defaultsFor(given: Record<string, string>): Record<string, string> {
  const port = given['PORT'] ?? '';
  const issuer = given['ISSUER'] ?? `http://localhost:${/^\d{1,5}$/.test(port) && Number(port) < 65_536 ? port : 4000}`;
  if (!isDevelopment(given['NODE_ENV'] ?? '', issuer)) return { HOST: '0.0.0.0' };
  return { ISSUER: issuer, HOST: 'localhost', DATABASE_URL: 'file:data/mintd.db' };
}

function contradictions(settings: Settings): string[] {
  const faults: string[] = [];
  if (settings.ACCESS_TOKEN_TTL > settings.ACCESS_TOKEN_MAX_TTL) {
    faults.push('ACCESS_TOKEN_TTL must not exceed ACCESS_TOKEN_MAX_TTL: raise that one too');
  }
  return faults;
}

/** What Kubernetes puts into the environment of every pod beside a service called mintd. */
const KUBERNETES = /^MINTD_(SERVICE_(HOST|PORT(_.+)?)|PORT(_\d+_(TCP|UDP)(_.+)?)?)$/;

/** Variables that look like one of ours and are not: a misspelt setting must not be ignored in silence. */
function misspelt(environment: Environment): string[] {
  const known = [...NAMES, ...SECRETS.map((name) => `${name}_FILE`)];
  const faults: string[] = [];
  for (const name of Object.keys(environment)) {
    if (known.some((one) => one === name) || KUBERNETES.test(name)) continue;
    const bare = name.replace(/^MINTD_/, '');
    const near = known.find((one) => one === bare || (one.length > 4 && leven(one, bare) <= (one.length > 6 ? 2 : 1)));
    if (near !== undefined) faults.push(`${name} is not known; did you mean ${near}?`);
    else if (bare !== name) faults.push(`${name} is not known; see docs/configuration.md`);
  }
  return faults;
}

function isDevelopment(nodeEnv: string, issuer: string): boolean {
  return nodeEnv !== 'production' && URL.canParse(issuer) && isLoopback(new URL(issuer).hostname);
}

/** RFC 8414 §2: an https URL without query or fragment; http is for one's own machine. */
function issuerFault(text: string): string | null {
  const notUrl = 'must be a URL such as https://login.example.com';
  if (!URL.canParse(text)) return notUrl;
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname)))
    return 'must be an https URL';
  if (/[?#\s]/.test(text)) return 'must not have a query, a fragment or spaces (RFC 8414 §2)';
  // The parser forgives `https:host`; whoever compares `iss` as text does not.
  if (!/^https?:\/\/[^/\\]/i.test(text)) return notUrl;
  return url.username !== '' || url.password !== '' ? 'must not carry a user name or password' : null;
}
