#!/usr/bin/env node
// The program. The only file that touches the process: its arguments, environment, streams, signals and exit code.
import { readFileSync, statSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { parseEnv } from 'node:util';
import closeWithGrace from 'close-with-grace';
import { pino } from 'pino';
import { runCli } from './cli.js';
import type { Config } from './config.js';
import type { DemoAccess } from './demo-accounts.js';
import { type RunningServer, startServer } from './serve.js';
import { readVersion } from './version.js';

/** Longer than the server gives requests to finish (src/serve.ts), for the case that closing itself hangs. */
const STOP_WITHIN_MS = 15_000;

/** What is set in the environment wins over the file `.env` in the working directory. */
function environment(): Record<string, string | undefined> {
  if (statSync('.env', { throwIfNoEntry: false })?.isFile() !== true) return process.env;
  return { ...parseEnv(readFileSync('.env', 'utf8')), ...process.env };
}

async function serve(config: Config): Promise<void> {
  const logger = pino({ level: config.LOG_LEVEL, base: null, timestamp: pino.stdTimeFunctions.isoTime });
  let server: RunningServer | undefined;
  let stopped: () => void;
  const untilStopped = new Promise<void>((resolve) => {
    stopped = resolve;
  });
  // Before the server starts: a signal that comes in between must not find nobody home.
  const { uninstall } = closeWithGrace({ delay: STOP_WITHIN_MS, logger: false }, async ({ signal, err }) => {
    if (err !== undefined) logger.fatal({ event: 'crash', err }, 'an error nobody handled');
    logger.info({ event: 'stopping', signal }, 'mintd stops');
    await server?.close();
    logger.info({ event: 'stopped' }, 'mintd has stopped');
    stopped();
  });
  try {
    server = await startServer(config, logger);
  } catch (error) {
    uninstall();
    throw error;
  }
  if (server.demo !== null) showDemo(config, server.demo);
  await untilStopped;
}

function showDemo({ ISSUER }: Config, { clientId, username, password }: DemoAccess): void {
  process.stderr.write(
    `\nFirst start: made the public client "${clientId}" and the user "${username}". A token, to try:\n\n` +
      `  curl -s ${ISSUER.replace(/\/$/, '')}/token -d grant_type=password -d client_id=${clientId} ` +
      `-d username=${username} -d password=${password}\n\n`,
  );
}

async function askSecret(message: string): Promise<string> {
  const { password } = await import('@inquirer/prompts');
  return password({ message, mask: false }, { output: process.stderr });
}

async function askYes(message: string): Promise<boolean> {
  const { confirm } = await import('@inquirer/prompts');
  try {
    return await confirm({ message, default: false }, { output: process.stderr });
  } catch (error) {
    // Ctrl-C at the question is an answer.
    if (error instanceof Error && error.name === 'ExitPromptError') return false;
    throw error;
  }
}

/** Bytes that are not UTF-8 are refused: repaired, they would be a password that nobody can type. */
async function readStdin(): Promise<string> {
  const bytes = await buffer(process.stdin);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('what came on stdin is not UTF-8');
  }
}

// A file that may not grow any more (ulimit -f) is an error of whoever writes it, and not the end of the process.
process.on('SIGXFSZ', () => undefined);

// Whoever reads our output may stop reading (`mintd users list | head`): then there is nobody left to tell.
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
