#!/usr/bin/env node
// The command. Imports nothing before it knows that this Node is new enough: an older one fails on what the program
// imports, or ends without a word when the SQLite driver opens a file.

/** As `engines` in package.json has it. */
const OLDEST = [22, 12] as const;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
  process.stderr.write(
    `mintd: Node ${OLDEST.join('.')} or newer is needed; ${process.execPath} is ${process.versions.node}\n`,
  );
  process.exitCode = 1;
} else {
  await import('./program.js');
}
