// The program. Beside main.ts the only file that touches the process: arguments, environment, streams, signals, exit code.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { parseEnv } from 'node:util';
import closeWithGrace, { type Options } from 'close-with-grace';
import { type Logger, pino } from 'pino';
import { runCli } from './cli.js';
import type { Config } from './config.js';
import { record } from './http/record.js';
import { type RunningServer, startServer } from './serve.js';
import { readVersion } from './version.js';
import { commandFor, plainWelcome, terminalWelcome } from './welcome.js';

/** Longer than the server gives requests to finish (src/serve.ts), for the case that closing itself hangs. */
const STOP_WITHIN_MS = 15_000;
/** How long a server that stops waits for the last line of its log to be written. */
const LOG_WRITTEN_WITHIN_MS = 500;
const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** How long after a signal another one counts as the same. */
const SAME_SIGNAL_MS = 1_000;
/** How often a server that npm started looks whether its parent is still there. */
const LOOK_AT_PARENT_MS = 500;

/** What is set in the environment wins over the file `.env` in the working directory. */
function environment(): Record<string, string | undefined> {
  if (statSync('.env', { throwIfNoEntry: false })?.isFile() !== true) return process.env;
  return { ...parseEnv(readFileSync('.env', 'utf8')), ...process.env };
}

/** OpenTelemetry's packages read their variables from the process; those in `.env` are to be among them. */
function showOpenTelemetryItsVariables(): void {
  for (const [name, value] of Object.entries(environment())) {
    if (name.startsWith('OTEL_') && value !== undefined) process.env[name] = value;
  }
}

async function serve(config: Config): Promise<void> {
  if (config.isTraced) showOpenTelemetryItsVariables();
  const { logger, written } = await openLog(config);
  for (const { name, setting } of config.ignored) {
    record(logger, { event: 'variable_ignored', variable: name, setting });
  }
  let server: RunningServer | undefined;
  process.on('SIGUSR2', () => stepLogLevel(config, logger, server));
  let stopped: () => void;
  const untilStopped = new Promise<void>((resolve) => {
    stopped = resolve;
  });
  // Before the server starts, so that a signal that comes in between is handled.
  const graceful: Options = { delay: STOP_WITHIN_MS, logger: false, skip: ['SIGUSR2', ...STOP_SIGNALS] };
  let stoppedBy: NodeJS.Signals | undefined;
  const { close, uninstall } = closeWithGrace(graceful, async ({ signal = stoppedBy, err }) => {
    if (err !== undefined) record(logger, { event: 'crash', err });
    record(logger, { event: 'stopping', signal });
    await server?.close();
    record(logger, { event: 'stopped' });
    await written();
    stopped();
  });
  stopOnSignals((signal) => {
    stoppedBy = signal;
    close();
  });
  stopWithNpm(close);
  try {
    server = await startServer(config, logger, commandName());
  } catch (error) {
    uninstall();
    throw error;
  }
  if (config.isDevelopment) greet(config, server);
  await untilStopped;
}

/**
 * Stops on the first of these signals. A second one right after it is the same: Ctrl-C reaches the server from the terminal
 * and again from npm. One that comes later ends the process at once.
 */
function stopOnSignals(stop: (signal: NodeJS.Signals) => void): void {
  let stoppedAt: number | undefined;
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      if (stoppedAt === undefined) {
        stoppedAt = performance.now();
        stop(signal);
      } else if (performance.now() - stoppedAt > SAME_SIGNAL_MS) process.exit(1);
    });
  }
}

/**
 * Stops the server when what started it is gone, if that was npm: a signal ends npx and its shell, and not what the shell
 * started, which would live on with the port and the database.
 */
function stopWithNpm(close: () => void): void {
  if (process.env['npm_command'] === undefined) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    close();
  }, LOOK_AT_PARENT_MS);
  timer.unref();
}

/** The log, and what waits until all of it is written. */
type Log = { readonly logger: Logger; readonly written: () => Promise<void> };

/** One JSON object a line; to a person who develops and looks at a terminal, lines that read well. */
async function openLog({ LOG_LEVEL, isDevelopment }: Config): Promise<Log> {
  const options = { level: LOG_LEVEL, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  const { stdout } = process;
  if (!isDevelopment || !stdout.isTTY) {
    const stream = pino.destination({ dest: 1, sync: false });
    return { logger: pino(options, stream), written: () => untilWritten(stream) };
  }
  const { prettyLog } = await import('./pretty-log.js');
  const lines = prettyLog((text) => stdout.write(text), stdout.hasColors());
  return { logger: pino(options, lines), written: async () => undefined };
}

/**
 * Waits until the last line is written, or cannot be because its reader is gone. Left to the end of the process, pino's stream
 * would try to write it again and again, and the process would never end.
 */
function untilWritten(stream: ReturnType<typeof pino.destination>): Promise<void> {
  return new Promise((resolve) => {
    for (const end of ['drain', 'error']) stream.once(end, resolve);
    setTimeout(resolve, LOG_WRITTEN_WITHIN_MS).unref();
  });
}

/** From LOG_LEVEL to the level at which every request is told of, and back; where that is LOG_LEVEL, to `info`. */
function stepLogLevel({ LOG_LEVEL }: Config, logger: Logger, server: RunningServer | undefined): void {
  const other = LOG_LEVEL === 'debug' || LOG_LEVEL === 'trace' ? 'info' : 'debug';
  const next = logger.level === LOG_LEVEL ? other : LOG_LEVEL;
  const tell = () => record(logger, { event: 'log_level_changed', logLevel: next });
  const set = server?.setLogLevel ?? ((level: Config['LOG_LEVEL']) => Object.assign(logger, { level }));
  // Said while the more talkative of the two holds.
  if (next === 'debug') set(next);
  tell();
  if (next !== 'debug') set(next);
}

/** Says where the server is and what to do next: all of it after the first start, and to a person at each start. */
function greet({ ISSUER, API_DOCS }: Config, { demo }: RunningServer): void {
  const welcome = { issuer: ISSUER, demo, hasDocs: API_DOCS === 'on', command: commandName() };
  const { stderr } = process;
  stderr.write(stderr.isTTY ? terminalWelcome(welcome, stderr.hasColors()) : plainWelcome(welcome));
}

function commandName(): string {
  const program = process.argv[1] ?? '';
  const isByNpm = process.env['npm_command'] !== undefined;
  return commandFor({
    program,
    isByNpm,
    isHere: existsSync('node_modules/.bin/mintd'),
    path: process.env['PATH'] ?? '',
  });
}

async function askSecret(message: string): Promise<string> {
  const { default: password } = await import('@inquirer/password');
  return password({ message, mask: false }, { output: process.stderr });
}

async function askYes(message: string): Promise<boolean> {
  const { default: confirm } = await import('@inquirer/confirm');
  try {
    return await confirm({ message, default: false }, { output: process.stderr });
  } catch (error) {
    // Ctrl-C at the question is an answer.
    if (error instanceof Error && error.name === 'ExitPromptError') return false;
    throw error;
  }
}

/** Bytes that are not UTF-8 are refused: repaired, they would be a password that cannot be typed. */
async function readStdin(): Promise<string> {
  const bytes = await buffer(process.stdin);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('what came on stdin is not UTF-8');
  }
}

// A file that may not grow any more (ulimit -f) is an error of the statement that writes, and not the end of the process.
process.on('SIGXFSZ', () => undefined);

// The reader of the output may stop reading (`mintd users list | head`): then no message would reach it.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => process.exit(1));

process.exitCode = await runCli(process.argv.slice(2), {
  io: {
    out: (chunk) => process.stdout.write(chunk),
    err: (chunk) => process.stderr.write(chunk),
    isInteractive: process.stdin.isTTY === true,
    readStdin,
    stdin: () => process.stdin,
    errTerminal: process.stderr.isTTY ? process.stderr : null,
    askSecret,
    askYes,
  },
  environment,
  version: readVersion(),
  serve,
});
