import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { MOST_TOKENS_PER_MINUTE } from './oauth/client.js';
import { isLoopback } from './oauth/origin.js';
import { formatDuration, parseDurationSeconds } from './oauth/time.js';
import { parseTrustedProxies } from './oauth/trusted-proxies.js';
import { providerOf } from './store/database.js';

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

/** A number, or a word for the number 0, which then means: no such number. */
const orOff = <T extends z.ZodType<number, string | undefined>>(number: T, word: string) =>
  z.union([z.literal(word).transform(() => 0), number]);

const issuerUrl = z.string().superRefine((text, context) => {
  const fault = issuerFault(text);
  if (fault !== null) context.addIssue({ code: 'custom', message: fault });
});

const databaseUrl = z.string().refine((text) => providerOf(text) !== null && !/^file:(.*\?|:memory:)/.test(text), {
  message: 'must be file:PATH for SQLite or postgres://… for PostgreSQL',
});

/** 32 bytes in base64 or base64url. */
const encryptionKey = z.string().transform((text, context) => {
  const bytes = /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : Buffer.alloc(0);
  if (bytes.length === 32) return new Uint8Array(bytes);
  context.addIssue({ code: 'custom', message: 'must be 32 bytes in base64: `openssl rand -base64 32` makes one' });
  return z.NEVER;
});

/** Every variable: its check, its default, its text in docs/configuration.md. The order is that of the table there. */
export const schema = z.object({
  ISSUER: issuerUrl.meta({
    description:
      'The URL clients and verifiers know this server by: `iss` in every token, and the base of the metadata. https, unless it is a loopback address.',
    shownDefault: 'in development `http://localhost:PORT`, else required',
  }),
  HOST: z.string().min(1).meta({
    description:
      'The address to listen on. Some shells set HOST to the name of the machine; then mintd listens on the address of that name.',
    shownDefault: 'in development `localhost`, else `0.0.0.0`',
  }),
  PORT: integer(4000, 0, 65_535).meta({ description: 'The port to listen on; 0 takes a free one.' }),
  MAX_CONNECTIONS: integer(10_000, 1, 1_000_000).meta({
    description:
      'How many connections a server keeps at once, never more than its limit of open files leaves room for. One more is closed at once.',
  }),
  DATABASE_URL: databaseUrl.meta({
    description: '`file:PATH` for SQLite, `postgres://USER:PASSWORD@HOST/DATABASE` for PostgreSQL.',
    shownDefault: 'in development `file:data/mintd.db`, else required',
  }),
  AUTO_MIGRATE: z.enum(['on', 'off'], 'must be on or off').default('on').meta({
    description: 'Whether `mintd serve` applies pending migrations when it starts. With `off`, run `mintd migrate`.',
  }),
  KEYS_DIR: z.string().min(1).default('keys').meta({
    description: 'The folder of the key ring and its private keys.',
  }),
  KEY_STORE: z.enum(['files', 'database'], 'must be files or database').default('files').meta({
    description:
      'Where the key ring is kept: `files` in KEYS_DIR, or in the `database`, for several servers without a common folder.',
  }),
  KEYS_PASSPHRASE: z.string().min(8, 'must have at least 8 characters').optional().meta({
    description:
      'With it, private keys are encrypted when they are written to files; `mintd keys rewrap` encrypts those that are there. Without it, only their mode protects them.',
    shownDefault: 'not set',
  }),
  KEYS_PASSPHRASE_PREVIOUS: z.string().optional().meta({
    description: 'The one before, which can still be read with, until `mintd keys rewrap` was run.',
    shownDefault: 'not set',
  }),
  KEYS_ENCRYPTION_KEY: encryptionKey.optional().meta({
    description:
      'Private keys in the database are encrypted with it (AES-256-GCM): 32 random bytes in base64, as `openssl rand -base64 32` makes them. Required with KEY_STORE=database.',
    shownDefault: 'not set',
  }),
  KEYS_ENCRYPTION_KEY_PREVIOUS: encryptionKey.optional().meta({
    description: 'The one before, which can still be read with, until `mintd keys rewrap` was run.',
    shownDefault: 'not set',
  }),
  KEY_ROTATION_INTERVAL: z
    .string()
    .default('30d')
    .transform((text, context) => {
      const seconds = text === 'off' ? null : parseDurationSeconds(text);
      if (seconds !== null || text === 'off') return seconds;
      context.addIssue({ code: 'custom', message: 'must be a duration such as 30d, or off' });
      return z.NEVER;
    })
    .meta({
      description: 'How long a key signs before the servers rotate it by themselves; `off` leaves that to you.',
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
  CLIENT_TOKEN_RATE: z
    .string()
    .default('off')
    .transform((text, context) => {
      if (text === 'off') return null;
      const rate = /^\d{1,7}$/.test(text) ? Number(text) : 0;
      if (rate >= 1 && rate <= MOST_TOKENS_PER_MINUTE) return rate;
      context.addIssue({
        code: 'custom',
        message: `must be a whole number from 1 to ${MOST_TOKENS_PER_MINUTE}, or off`,
      });
      return z.NEVER;
    })
    .meta({
      description:
        'How many access tokens a minute a client may get for itself (`client_credentials`), where it has no limit of its own; `off` for any number. Each server counts by itself.',
    }),
  JWKS_MAX_AGE: duration('5m', 0).meta({ description: '`max-age` of the JWKS answer.' }),
  VERIFIER_CACHE: duration('10m', 0).meta({
    description:
      'How long verifiers keep a JWKS by themselves. A new key waits this long, and JWKS_MAX_AGE, before it signs.',
  }),
  CLOCK_SKEW: duration('60s', 0).meta({
    description: 'How far the clocks of verifiers, and of clients that sign assertions, may be off.',
  }),
  BCRYPT_COST: integer(12, 10, 15).meta({
    description: "bcrypt's cost for new password hashes; one more takes twice as long.",
  }),
  PASSWORD_THREADS: orOff(integer(0, 1, 256), 'auto')
    .default(0)
    .meta({
      shownDefault: '`auto`',
      description:
        'How many threads hash passwords, at low priority; while there are other requests, all but one of them. `auto` is one a processor, or as many as the limit of a container allows.',
    }),
  LOGIN_ACCOUNT_LIMIT: orOff(integer(10, 1, 1_000_000), 'off').meta({
    shownDefault: '`10`',
    description:
      'So many failed logins under one name are let through, then each further one waits: 10 s, 20 s, 40 s, … up to LOGIN_LIMIT_WINDOW. Counted in the database, for all servers. `off` for no limit.',
  }),
  LOGIN_ADDRESS_LIMIT: orOff(integer(100, 1, 1_000_000), 'off').meta({
    shownDefault: '`100`',
    description: 'The same for one address (of IPv6, one /64), whatever the names; and for accounts made from it.',
  }),
  LOGIN_LIMIT_WINDOW: duration('15m', 10).meta({
    description:
      'Without a failed login for this long, earlier ones are forgotten; and the longest that anybody waits.',
  }),
  TRUST_PROXY: z
    .string()
    .default('off')
    .transform((text, context) => {
      const proxies = parseTrustedProxies(text, isNetwork);
      if (proxies !== null) return proxies;
      context.addIssue({ code: 'custom', message: 'must be off, a number of proxies, or addresses and networks' });
      return z.NEVER;
    })
    .meta({
      description:
        'Whose `X-Forwarded-For` says where a request comes from: `off`, how many proxies stand in front of every server, or their addresses and networks, separated by commas. Behind a proxy, set it: else everybody has the address of the proxy, and shares its limit. Only these may also name a request (`X-Request-Id`) and go on with a trace.',
    }),
  REGISTRATION: z.enum(['closed', 'open'], 'must be closed or open').default('closed').meta({
    description: 'With `open`, anybody may make an account at `/register`.',
  }),
  API_DOCS: z.enum(['on', 'off'], 'must be on or off').meta({
    description:
      'Whether `/docs` has a page to try the API on, and `/openapi.json` its description. The page needs the package `@fastify/swagger-ui`, and says so where it is not installed.',
    shownDefault: 'in development `on`, else `off`',
  }),
  AUDIT_FILE: z.string().min(1).optional().meta({
    description:
      'A file to which every command that changes something adds a line: what, and who did it ([events](events.md)). A command that cannot open it does nothing.',
    shownDefault: 'not set',
  }),
  LOG_LEVEL: z
    .enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`)
    .default('info')
    .meta({
      description: `One of ${LOG_LEVELS.join(', ')}. \`SIGUSR2\` changes it while the server runs ([monitoring](operations/monitoring.md)).`,
    }),
  NODE_ENV: z.string().default('').meta({
    description: '`production` switches off everything that is only there to make a first try easy.',
    shownDefault: 'not set',
  }),
});

/** An address, or a network such as `10.0.0.0/8`. */
function isNetwork(text: string): boolean {
  return isIP(text) !== 0 || ipaddr.isValidCIDR(text);
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
