import type { Command } from 'commander';
import { lookAtRing, type RingLookSettings, ringLooks } from '../keys/health.js';
import type { KeyStore } from '../keys/store.js';
import { type Check, type CheckStatus, type Finding, failed, fine, type Look, warning } from '../oauth/check.js';
import type { KeyRing } from '../oauth/key-ring.js';
import type { Database } from '../store/database.js';
import {
  databaseLooks,
  databaseName,
  lookAtDatabase,
  lookAtSchema,
  openToLook,
  reasonOf,
  wayIn,
} from '../store/health.js';
import { openInstallation } from '../store/installation.js';
import { askIssuer, issuerLooks } from './doctor-issuer.js';
import { type CliIo, CommandFailed, type OutputOptions, print, table } from './io.js';
import { examples, type KeyStoreKind } from './settings.js';

/** The part of the configuration that is looked at. */
export type DoctorSettings = RingLookSettings & {
  readonly databaseUrl: string;
  readonly issuer: string;
  readonly isProduction: boolean;
  readonly keyStore: KeyStoreKind;
  /** The ring as servers with this configuration have it. */
  readonly openKeys: (database: Database | null) => KeyStore;
};

/** `mintd doctor` */
export function doctorCommand(program: Command, io: CliIo, settings: () => DoctorSettings): void {
  program
    .command('doctor')
    .description(
      'look whether everything is well: settings, database, keys, and what verifiers see; changes nothing. ' +
        'Exit code 0: nothing failed (there may be warnings); 1: something did',
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        'mintd doctor',
        'mintd doctor --json',
        'mintd doctor --json | jq \'.checks[] | select(.status != "ok")\'',
      ),
    )
    .action(async (options: OutputOptions) => {
      const checks = await examine(settings);
      print(io, options, { checks }, () => show(checks));
      const failures = checks.filter(({ status }) => status === 'failed').length;
      if (failures > 0) throw new CommandFailed(failures === 1 ? 'one check failed' : `${failures} checks failed`);
    });
}

/** Looks at everything, whatever of it is broken. */
async function examine(read: () => DoctorSettings): Promise<readonly Check[]> {
  let settings: DoctorSettings;
  try {
    settings = read();
  } catch (error) {
    return [{ name: 'configuration', ...judgeFaults(error) }];
  }
  const { databaseUrl, issuer, clock, openKeys, keyStore } = settings;
  const [opened, publicSide] = await Promise.all([open(databaseUrl), askIssuer(issuer)]);
  const { database } = opened;
  const checks: Check[] = [{ name: 'configuration', ...judgeSettings(settings) }, opened.check];
  try {
    if (database !== null) checks.push(...(await lookAtWhole(database, settings)));
    const keys = keyStore === 'database' && database === null ? null : openKeys(database);
    const ring = await readRing(keys, database, settings);
    checks.push(...ring.checks);
    checks.push(...(await takeAll(issuerLooks(issuer, publicSide, ring.ring, clock()))));
  } finally {
    await database?.close();
  }
  return checks;
}

/** The configuration says all its faults itself. */
function judgeFaults(error: unknown): Finding {
  const faults: unknown = error instanceof Error && 'faults' in error ? error.faults : undefined;
  const found = Array.isArray(faults) ? faults.join('; ') : reasonOf(error);
  return failed(found, 'correct the environment or .env (docs/configuration.md); the rest is looked at after that');
}

function judgeSettings({ isProduction, issuer, keyStore, databaseUrl }: DoctorSettings): Finding {
  const found = `${isProduction ? 'production' : 'development'}; ${issuer}; ${databaseName(databaseUrl)}; keys in ${keyStore}`;
  if (!isProduction || issuer.startsWith('https:')) return fine(found);
  return warning(`${found}: in production, yet only this machine can reach ISSUER`, 'set ISSUER to your https address');
}

/** Opens the database and asks it something; closed again where it does not answer. */
async function open(databaseUrl: string): Promise<{ database: Database | null; check: Check }> {
  const name = 'database';
  let database: Database | null = null;
  try {
    database = await openToLook(databaseUrl);
    return { database, check: { name, ...(await lookAtDatabase(database, databaseUrl)) } };
  } catch (error) {
    await database?.close();
    const reason = reasonOf(error);
    return { database: null, check: { name, ...failed(`${databaseName(databaseUrl)}: ${reason}`, wayIn(reason)) } };
  }
}

async function lookAtWhole(database: Database, settings: DoctorSettings): Promise<readonly Check[]> {
  const { databaseUrl, timing, clock } = settings;
  const schema = await take({ name: 'schema', take: () => lookAtSchema(database) });
  const looks = databaseLooks(database, databaseUrl, { clockSkewSeconds: timing.clockSkewSeconds, clock });
  // Looking into tables that are not there finds nothing but that.
  const able = looks.filter(({ needsTables = false }) => !needsTables || schema.status === 'ok');
  return [schema, ...(await takeAll(able))];
}

type FoundRing = { readonly checks: readonly Check[]; readonly ring: KeyRing | null };

async function readRing(
  keys: KeyStore | null,
  database: Database | null,
  settings: DoctorSettings,
): Promise<FoundRing> {
  const name = 'key ring';
  if (keys === null) {
    return { checks: [{ name, ...failed('it is in the database, which does not answer', 'see above') }], ring: null };
  }
  const wasMade = await madeBefore(database);
  const check = await take({ name, take: () => lookAtRing(keys, wasMade, settings.clock()) });
  const ring = await keys.read().catch(() => null);
  const looks = ring === null ? [] : ringLooks(keys, ring, settings);
  return { checks: [check, ...(await takeAll(looks))], ring };
}

/** Whether the database remembers a ring; null where it cannot be asked. */
async function madeBefore(database: Database | null): Promise<boolean | null> {
  if (database === null) return null;
  return openInstallation(database)
    .keyRingMadeAt()
    .then((at) => at !== null)
    .catch(() => null);
}

/** So much together; a database that falls silent in between shall not keep anybody. */
const LOOK_FOR_MS = 4_000;

/** One after the other: whoever looks into a crowded database should take one connection. */
async function takeAll(looks: readonly Look[]): Promise<readonly Check[]> {
  const startedAtMs = performance.now();
  const checks: Check[] = [];
  for (const look of looks) {
    const isLate = checks.at(-1)?.status === 'failed' && performance.now() - startedAtMs > LOOK_FOR_MS;
    if (isLate)
      checks.push({ name: look.name, ...warning('not looked at: what came before took too long', 'see above') });
    else checks.push(await take(look));
  }
  return checks;
}

async function take({ name, take, advice = 'see docs/operations/runbooks.md' }: Look): Promise<Check> {
  try {
    return { name, ...(await take()) };
  } catch (error) {
    return { name, ...failed(...splitAdvice(reasonOf(error), advice)) };
  }
}

/** What mintd itself throws ends with the way out. */
function splitAdvice(reason: string, otherwise: string): [found: string, advice: string] {
  const [, found, advice] = /^(.+)(?:; |: (?=(?:chmod|chown|set|restore|run|let) ))(.+)$/.exec(reason) ?? [];
  if (found === undefined || advice === undefined) return [reason, otherwise];
  const path = reason.slice(0, reason.indexOf(': '));
  return [found, advice.replace(/^(ch\w+ \d+) it$/, `\`$1 ${path}\``)];
}

/** A line a check, the way out below it. */
function show(checks: readonly Check[]): string {
  const rows = checks.map(({ name, status, found, advice }) => [
    name,
    status,
    advice === undefined ? found : `${found}\n→ ${advice}`,
  ]);
  const count = (wanted: CheckStatus) => checks.filter(({ status }) => status === wanted).length;
  const [failures, warnings] = [count('failed'), count('warning')];
  const end = failures + warnings === 0 ? 'all is well' : `${failures} failed, ${warnings} to be thought about`;
  return `${table(['CHECK', 'STATUS', 'FOUND'], rows)}\n\n${end}`;
}
