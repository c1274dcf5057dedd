import Table from 'cli-table3';

/** The world as commands see it; the real one is made in src/program.ts, others in tests. */
export type CliIo = {
  /** Where results go. */
  readonly out: (text: string) => void;
  /** Where everything else goes. */
  readonly err: (text: string) => void;
  /** Whether a person sits at stdin and can be asked. */
  readonly isInteractive: boolean;
  readonly readStdin: () => Promise<string>;
  /** The bytes of stdin as they come, for what may be long. */
  readonly stdin: () => AsyncIterable<Uint8Array>;
  /** Stderr where a person looks at it; null where it goes to a file or another program. */
  readonly errTerminal: NodeJS.WritableStream | null;
  /** Asks for something that does not appear on the screen. */
  readonly askSecret: (question: string) => Promise<string>;
  /** Asks for yes or no. */
  readonly askYes: (question: string) => Promise<boolean>;
};

/** A command that could not do what it was asked: its message goes to stderr, the exit code is 1. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
}

/** What every command that shows something can be told. */
export type OutputOptions = { readonly json?: boolean };

/** Prints a result: as JSON when asked, else as the lines for people. */
export function print(io: CliIo, { json }: OutputOptions, value: unknown, lines: () => string): void {
  io.out(json === true ? `${JSON.stringify(value, null, 2)}\n` : `${lines()}\n`);
}

/** Tells of something that is done and may surprise later: on stderr, as JSON when asked, like a failure. */
export function hint(io: CliIo, { json }: OutputOptions, text: string): void {
  io.err(json === true ? `${JSON.stringify({ hint: text })}\n` : `hint: ${text}\n`);
}

/**
 * Lets a person think again before something is destroyed.
 *
 * @throws CommandFailed unless they say yes, or said `--yes`; where nobody can be asked, only that counts
 */
export async function confirm(io: CliIo, { yes }: { readonly yes?: boolean }, question: string): Promise<void> {
  if (yes === true) return;
  if (!io.isInteractive) throw new CommandFailed(`${question} This cannot be undone: say --yes`);
  if (!(await io.askYes(question))) throw new CommandFailed('nothing was done');
}

const NO_BORDERS = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '' },
  ...{ 'bottom-right': '', left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ' },
};

/** A table for people: a heading, and a line a row. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const made = new Table({
    head: [...head],
    chars: NO_BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows) made.push([...row]);
  return made
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
