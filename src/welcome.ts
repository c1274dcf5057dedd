import { basename, delimiter, dirname } from 'node:path';
import type { DemoAccess } from './demo-accounts.js';
import { addressOfPath, nextCommands, tokenCommand } from './oauth/first-steps.js';
import { PATHS } from './oauth/metadata.js';

/** How this process was started. */
export type Started = {
  /** The file that was run, as it was named. */
  readonly program: string;
  /** By a script of npm, or npx. */
  readonly isByNpm: boolean;
  /** The working directory has the command in its node_modules. */
  readonly isHere: boolean;
  /** PATH. npm and npx put folders of their own there, for this process alone. */
  readonly path: string;
};

/**
 * How mintd's commands are typed here. Never `npx mintd` where npx would not find it in the working directory: it would look
 * for the name in the registry, and run whatever has it.
 */
export function commandFor({ program, isByNpm, isHere, path }: Started): string {
  if (isHere) return 'npx mintd';
  const isInPath = path.split(delimiter).includes(dirname(program)) && basename(program) === 'mintd';
  return isInPath && !isByNpm ? 'mintd' : `node ${program}`;
}

/** What is known of a server that was started in development. */
export type Welcome = {
  readonly issuer: string;
  /** Only after the first start. */
  readonly demo: DemoAccess | null;
  readonly hasDocs: boolean;
  /** How mintd's commands are typed here: `npx mintd`, for example. */
  readonly command: string;
};

/** After the first start, where stderr is a file or another program: one plain command that gets a token. */
export function plainWelcome({ issuer, demo }: Welcome): string {
  if (demo === null) return '';
  const { clientId, username, password } = demo;
  return (
    `\nFirst start: made the public client "${clientId}" and the user "${username}". A token, to try:\n\n` +
    `  ${tokenCommand(issuer, password)}\n\n`
  );
}

/** After a start, for the person at the terminal. */
export function terminalWelcome(welcome: Welcome, isColoured: boolean): string {
  const bold = (text: string) => (isColoured ? `\u001b[1m${text}\u001b[22m` : text);
  const line = (label: string, value: string) => `  ${label.padEnd(18)}${bold(value)}`;
  const { issuer, demo, hasDocs, command } = welcome;
  const page = addressOfPath(issuer, PATHS.start);
  const docs = addressOfPath(issuer, PATHS.docs);
  if (demo === null) return `\n  ${bold(page)}${hasDocs ? `   try it: ${bold(docs)}` : ''}   Ctrl-C stops it\n\n`;
  return [
    '',
    line('mintd runs', page),
    ...(hasDocs ? [line('Try it', docs)] : []),
    '',
    `  A token, as the user "${demo.username}" made just now. The password is shown this once:`,
    '',
    `    ${bold(tokenCommand(issuer, demo.password))}`,
    '',
    ...nextCommands(command).map((next) => line(next.label, next.line)),
    '',
    '  Ctrl-C stops it.',
    '',
    '',
  ].join('\n');
}
