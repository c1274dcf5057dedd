import { MultiBar, Presets } from 'cli-progress';
import type { CliIo } from './io.js';

/** How far a long command has come. */
export type Progress = {
  /** Counts what has been done. */
  add(amount: number): void;
  /** Writes a line to stderr, without writing into the bar. */
  say(line: string): void;
  /** Takes the bar away; lines go on being written. */
  stop(): void;
};

/** A bar on stderr while a person looks at it, nothing but the lines elsewhere. */
export function openProgress({ err, errTerminal }: CliIo, totalBytes: number | null): Progress {
  if (errTerminal === null || totalBytes === null) {
    return { add: () => undefined, say: (line) => err(`${line}\n`), stop: () => undefined };
  }
  const bars = new MultiBar(
    {
      stream: errTerminal,
      format: '{bar} {percentage} % {eta_formatted}',
      clearOnComplete: true,
      // The bar would answer a Ctrl-C in the program's place, and leave a terminal behind that wraps no lines.
      ...{ gracefulExit: false, linewrap: true },
    },
    Presets.shades_classic,
  );
  const bar = bars.create(totalBytes, 0);
  let isOver = false;
  return {
    add: (bytes) => bar.increment(bytes),
    say: (line) => {
      if (isOver) err(`${line}\n`);
      else bars.log(`${line}\n`);
    },
    stop() {
      if (isOver) return;
      isOver = true;
      // Lines that wait are written with the next drawing.
      bars.update();
      bars.stop();
    },
  };
}
