import { Command, CommanderError } from 'commander';
import { type AuditTrail, auditTrail } from './cli/audit.js';
import type { ServerView } from './cli/client-hints.js';
import { clientsCommands } from './cli/clients.js';
import { withDatabase } from './cli/database.js';
import { type DoctorSettings, doctorCommand } from './cli/doctor.js';
import { type CliIo, CommandFailed, type OutputOptions, print } from './cli/io.js';
import { keysCommands } from './cli/keys.js';
import { sessionsCommands } from './cli/sessions.js';
import { examples, type Settings, type WithKeyStore } from './cli/settings.js';
import { usersCommands } from './cli/users.js';
import { type Config, type Environment, readConfig } from './config.js';
import { databaseStore, fileStore } from './key-store.js';
import { ringTiming } from './ring.js';
import { prepareFolder, REQUEST_PATIENCE } from './store/database.js';
import { migrate, schemaFault } from './store/migrate.js';

/** What running the program needs besides its arguments. */
export type CliDeps = {
  readonly io: CliIo;
  /** Reads it when a command needs it. */
  readonly environment: () => Environment;
  readonly version: string;
  /** Starts the server and returns when it has stopped. */
  readonly serve: (config: Config) => Promise<void>;
};

/**
 * Runs one command.
 *
 * @param args what follows the program's name
 * @returns the exit code: 0 done, 1 failed, 2 used wrongly
 */
export async function runCli(args: readonly string[], deps: CliDeps): Promise<number> {
  const trail = auditTrail();
  try {
    const program = buildProgram(deps, trail);
    await program.parseAsync([...args], { from: 'user' }).finally(() => trail.end());
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return exitCodeOf(error);
    const message = messageOf(error);
    const json = args.includes('--json');
    deps.io.err(json ? `${JSON.stringify({ error: message })}\n` : `mintd: ${message}\n`);
    return 1;
  }
}

/** Prisma's errors begin with the call and end with what the database said; people get what the database said. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!('clientVersion' in error)) return error.message;
  const lines = error.message.split('\n').filter((line) => line.trim() !== '');
  const last = lines.at(-1) ?? error.message;
  return `the database says: ${/Message: `(.*)`$/.exec(last)?.[1] ?? last}`;
}

/** Help that was asked for is a success; help because nothing was asked for is not. Commander has said the rest. */
function exitCodeOf({ exitCode }: CommanderError): number {
  return exitCode === 0 ? 0 : 2;
}

function buildProgram({ io, environment, version, serve }: CliDeps, trail: AuditTrail): Command {
  const config = () => readConfig(environment());
  const settings = (): Settings => {
    const all = config();
    return {
      databaseUrl: all.DATABASE_URL,
      keyStore: all.KEY_STORE,
      hasPassphrase: all.KEYS_PASSPHRASE !== undefined,
      rotationIntervalSeconds: all.KEY_ROTATION_INTERVAL,
      bcryptCost: all.BCRYPT_COST,
      server: serverView(all),
      audit: trail.audit,
    };
  };
  const withKeyStore: WithKeyStore = async (kind, work) => {
    const all = config();
    if (kind === 'files') return work(fileStore(all));
    // What is written late says a wrong time of itself, so these statements have no longer than a server's.
    return withDatabase(all.DATABASE_URL, (database) => work(databaseStore(all, database)), REQUEST_PATIENCE);
  };
  const program = new Command('mintd')
    .description('A standalone OAuth 2 token issuer. Settings come from the environment: docs/configuration.md.')
    .version(version)
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .showHelpAfterError('(--help shows how it is used)')
    .exitOverride()
    .hook('preAction', (_program, command) => trail.begin(command, () => config().AUDIT_FILE))
    .addHelpText('after', examples('mintd serve', 'mintd users add ada --role admin', 'mintd keys rotate --dry-run'));

  program
    .command('serve')
    .description('run the server until it is told to stop')
    .addHelpText('after', examples('mintd serve', 'PORT=8080 mintd serve'))
    .action(() => serve(config()));

  program
    .command('migrate')
    .description('bring the database to the schema of this version; make it if it is not there')
    .option('--retry', 'also a migration that was begun and not finished: it was killed, or failed')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('mintd migrate', 'mintd migrate --retry'))
    .action(async ({ retry = false, ...options }: OutputOptions & { retry?: boolean }) => {
      const { DATABASE_URL, isDevelopment } = config();
      await prepareFolder(DATABASE_URL, isDevelopment);
      const { before, applied } = await migrate(DATABASE_URL, true, retry);
      const isMended = before.status === 'failed' && retry;
      const fault = before.status === 'behind' || isMended ? null : schemaFault(before);
      if (fault !== null) throw new CommandFailed(fault);
      print(io, options, { applied }, () =>
        applied.length === 0 ? 'the database is up to date' : applied.map((name) => `applied ${name}`).join('\n'),
      );
    });

  doctorCommand(program, io, () => doctorSettings(config()));
  keysCommands(program, io, settings, withKeyStore);
  usersCommands(program, io, settings);
  clientsCommands(program, io, settings);
  sessionsCommands(program, io, settings);
  return program;
}

function serverView(all: Config): ServerView {
  return {
    issuer: all.ISSUER,
    defaultAudience: all.DEFAULT_AUDIENCE,
    accessTokenTtlSeconds: all.ACCESS_TOKEN_TTL,
    accessTokenMaxTtlSeconds: all.ACCESS_TOKEN_MAX_TTL,
    refreshIdleTtlSeconds: all.REFRESH_IDLE_TTL,
    refreshAbsoluteTtlSeconds: all.REFRESH_ABSOLUTE_TTL,
  };
}

function doctorSettings(all: Config): DoctorSettings {
  return {
    databaseUrl: all.DATABASE_URL,
    issuer: all.ISSUER,
    isProduction: all.NODE_ENV === 'production',
    keyStore: all.KEY_STORE,
    openKeys: (database) =>
      all.KEY_STORE === 'database' && database !== null ? databaseStore(all, database) : fileStore(all),
    timing: ringTiming(all),
    rotationIntervalSeconds: all.KEY_ROTATION_INTERVAL,
    clock: Date.now,
  };
}
