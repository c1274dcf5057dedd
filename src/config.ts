import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { findLookAlikes, type IgnoredVariable } from './config-names.js';
import { schema } from './config-schema.js';
import { RING_POLL_SECONDS } from './oauth/key-ring.js';
import { isLoopback } from './oauth/origin.js';
import { formatDuration } from './oauth/time.js';
import { wantsTraces } from './tracing-settings.js';

/** Configuration that cannot be used. Each fault is a sentence about one variable. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(`the configuration cannot be used:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

type Settings = z.output<typeof schema>;
type Name = keyof Settings;
const NAMES = Object.keys(schema.shape) as Name[];

/** These may hold a password, so `NAME_FILE` may name a file with the value instead. */
const SECRETS: readonly Name[] = [
  'DATABASE_URL',
  'KEYS_PASSPHRASE',
  'KEYS_PASSPHRASE_PREVIOUS',
  'KEYS_ENCRYPTION_KEY',
  'KEYS_ENCRYPTION_KEY_PREVIOUS',
];

/** Checked settings. Durations are in seconds. */
export type Config = Omit<Settings, 'DEFAULT_AUDIENCE'> & {
  readonly DEFAULT_AUDIENCE: string;
  /** Loopback ISSUER and NODE_ENV other than production: conveniences are on. */
  readonly isDevelopment: boolean;
  /** Whether OpenTelemetry's own variables ask for traces (src/tracing-settings.ts). */
  readonly isTraced: boolean;
  /** Variables of other programs that look like settings which are set. */
  readonly ignored: readonly IgnoredVariable[];
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
  const lookAlikes = findLookAlikes(environment, NAMES, SECRETS);
  faults.push(...lookAlikes.faults);
  const isTraced = wantsTraces(environment, faults);
  if (!parsed.success || faults.length > 0) throw new ConfigError(faults);
  const { ISSUER, DEFAULT_AUDIENCE = ISSUER, NODE_ENV } = parsed.data;
  const derived = { isDevelopment: isDevelopment(NODE_ENV, ISSUER), isTraced, ignored: lookAlikes.ignored };
  return { ...parsed.data, DEFAULT_AUDIENCE, ...derived };
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
  if (!isDevelopment(given['NODE_ENV'] ?? '', issuer)) return { HOST: '0.0.0.0', API_DOCS: 'off' };
  return { ISSUER: issuer, HOST: 'localhost', DATABASE_URL: 'file:data/mintd.db', API_DOCS: 'on' };
}

function contradictions(settings: Settings): string[] {
  const faults: string[] = [];
  if (settings.ACCESS_TOKEN_TTL > settings.ACCESS_TOKEN_MAX_TTL) {
    faults.push('ACCESS_TOKEN_TTL must not exceed ACCESS_TOKEN_MAX_TTL: raise that one too');
  }
  if (settings.KEY_STORE === 'database' && settings.KEYS_ENCRYPTION_KEY === undefined) {
    faults.push('KEYS_ENCRYPTION_KEY is not set, and KEY_STORE=database needs it: `openssl rand -base64 32` makes one');
  }
  const { JWKS_MAX_AGE, VERIFIER_CACHE, CLOCK_SKEW, KEY_ROTATION_INTERVAL } = settings;
  const leastSeconds = JWKS_MAX_AGE + VERIFIER_CACHE + CLOCK_SKEW + RING_POLL_SECONDS;
  if (KEY_ROTATION_INTERVAL !== null && KEY_ROTATION_INTERVAL < leastSeconds) {
    faults.push(
      `KEY_ROTATION_INTERVAL must be at least ${formatDuration(leastSeconds)}: a key waits JWKS_MAX_AGE + ` +
        `VERIFIER_CACHE + CLOCK_SKEW + ${RING_POLL_SECONDS}s before it signs`,
    );
  }
  return faults;
}

function isDevelopment(nodeEnv: string, issuer: string): boolean {
  return nodeEnv !== 'production' && URL.canParse(issuer) && isLoopback(new URL(issuer).hostname);
}
