import { readFileSync, statSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ClientSettings } from '../accounts/clients.js';
import { MOST_JWKS_BYTES, readClientJwks } from '../keys/client-jwks.js';
import { DELIVERIES, type Delivery, GRANT_TYPES, type GrantType, type JwkSet } from '../oauth/client.js';
import { splitList } from '../oauth/scope.js';
import { parseDurationSeconds } from '../oauth/time.js';
import { CommandFailed } from './io.js';
import { collect } from './settings.js';

/** What is said of a client on the command line. */
export type SettingOptions = {
  readonly name?: string;
  readonly grant?: GrantType[];
  readonly scope?: string[];
  readonly defaultScope?: string;
  readonly audience?: string[];
  readonly defaultAudience?: string[];
  readonly accessTtl?: number;
  readonly idleTtl?: number;
  readonly absoluteTtl?: number;
  readonly retryWindow?: number;
  readonly delivery?: Delivery;
  readonly origin?: string[];
  readonly tokenRate?: number;
  readonly jwksFile?: string;
};

/** Gives a command the options that describe a client. None has a default: what is not said is as it was, or as new. */
export function addSettingOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--grant <grant>', `a grant it may use; may be repeated: ${GRANT_TYPES.join(', ')}`).argParser(
        collectGrant,
      ),
    )
    .option('--name <text>', 'what people see')
    .option('--scope <scope>', 'a scope it may ask for; may be repeated', collectAll)
    .option('--default-scope <scopes>', 'what it gets when it asks for none, separated by spaces')
    .option('--audience <audience>', 'an audience it may ask for; may be repeated', collectAll)
    .option('--default-audience <audience>', 'one it gets when it asks for none; may be repeated', collectAll)
    .option('--access-ttl <duration>', 'lifetime of its access tokens', parseDuration)
    .option('--idle-ttl <duration>', 'a login not refreshed for this long ends', parseDuration)
    .option('--absolute-ttl <duration>', 'a login ends after this long', parseDuration)
    .option('--retry-window <duration>', 'how long a lost refresh may be repeated; 0 for never', parseDuration)
    .addOption(
      new Option(
        '--delivery <how>',
        'how its refresh token travels; cookie is for pages in a browser (new: body)',
      ).choices(DELIVERIES),
    )
    .option('--origin <origin>', 'of pages that may use it in a browser; may be repeated', collectAll)
    .option('--token-rate <n>', 'how many tokens a minute client_credentials may give it, on each server', count)
    .option('--jwks-file <file>', 'a JWK Set of its public keys: it signs (private_key_jwt) and has no secret');
}

/** What can be taken back with `--unset`, and what it is then. */
const UNSET = {
  scope: { scopes: [] },
  'default-scope': { defaultScope: [] },
  audience: { audiences: [] },
  'default-audience': { defaultAudiences: [] },
  'access-ttl': { accessTokenTtlSeconds: null },
  'idle-ttl': { refreshIdleTtlSeconds: null },
  'absolute-ttl': { refreshAbsoluteTtlSeconds: null },
  'retry-window': { retryWindowSeconds: null },
  origin: { origins: [] },
  'token-rate': { tokensPerMinute: null },
} as const satisfies Readonly<Record<string, ClientSettings>>;

export type Unsettable = keyof typeof UNSET;
const UNSETTABLE = Object.keys(UNSET) as Unsettable[];

/** `--unset SETTING`, repeatable. */
export function unsetOption(): Option {
  return new Option(
    '--unset <setting>',
    `take a setting back: to nothing, or the server's; may be repeated: ${UNSETTABLE.join(', ')}`,
  ).argParser((text, before: readonly Unsettable[] = []) => {
    const setting = UNSETTABLE.find((known) => known === text);
    if (setting === undefined) throw new InvalidArgumentError(`It must be one of ${UNSETTABLE.join(', ')}.`);
    return [...before, setting];
  });
}

/**
 * The settings that options speak of.
 *
 * @throws CommandFailed when a key file cannot be taken, or a setting is given and taken back
 */
export async function settingsOf(options: SettingOptions, unset: readonly Unsettable[] = []): Promise<ClientSettings> {
  const { defaultScope, jwksFile } = options;
  const given: ClientSettings = {
    name: options.name,
    grants: options.grant,
    scopes: options.scope,
    defaultScope: defaultScope === undefined ? undefined : splitList(defaultScope.trim().replace(/ +/g, ' ')),
    audiences: options.audience,
    defaultAudiences: options.defaultAudience,
    accessTokenTtlSeconds: options.accessTtl,
    refreshIdleTtlSeconds: options.idleTtl,
    refreshAbsoluteTtlSeconds: options.absoluteTtl,
    retryWindowSeconds: options.retryWindow,
    delivery: options.delivery,
    origins: options.origin,
    tokensPerMinute: options.tokenRate,
    jwks: jwksFile === undefined ? undefined : await readJwksFile(jwksFile),
  };
  const said: Readonly<Record<string, unknown>> = given;
  const both = unset.filter((setting) => Object.keys(UNSET[setting]).some((name) => said[name] !== undefined));
  if (both.length > 0) throw new CommandFailed(both.map((name) => `--${name} and --unset ${name}: say one`).join('; '));
  return { ...given, ...Object.fromEntries(unset.flatMap((name) => Object.entries(UNSET[name]))) };
}

async function readJwksFile(path: string): Promise<JwkSet> {
  const read = await readClientJwks(textOf(path));
  if ('jwks' in read) return read.jwks;
  throw new CommandFailed(`${path}: ${read.faults.join('; ')}`);
}

function textOf(path: string): string {
  try {
    // Before it is read: somebody may have named a disk.
    if (statSync(path).size > MOST_JWKS_BYTES) return ' '.repeat(MOST_JWKS_BYTES + 1);
    return readFileSync(path, 'utf8');
  } catch {
    throw new CommandFailed(`${path} cannot be read`);
  }
}

/** For options that may be repeated and are not there when nobody says them. */
function collectAll(value: string, before: readonly string[] = []): string[] {
  return collect(value, before);
}

/** For options that take a duration. */
export function parseDuration(text: string): number {
  const seconds = parseDurationSeconds(text);
  if (seconds === null) throw new InvalidArgumentError('It must be a duration such as 90s, 10m or 14d.');
  return seconds;
}

function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

function collectGrant(text: string, before: readonly GrantType[] = []): GrantType[] {
  const grant = GRANT_TYPES.find((known) => known === text);
  if (grant === undefined) throw new InvalidArgumentError(`It must be one of ${GRANT_TYPES.join(', ')}.`);
  return [...before, grant];
}
