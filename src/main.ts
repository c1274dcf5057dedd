#!/usr/bin/env node
// The command. Imports nothing before it knows that this Node is new enough: an older one fails on what the program
// imports, or ends without a word when the SQLite driver opens a file.

/** What better-sqlite3 is built on: Node has it from 22.14 on, which is what `engines` in package.json says. */
const NODE_API = 10;

if (Number(process.versions['napi'] ?? 0) < NODE_API) {
  const { execPath, versions } = process;
  process.stderr.write(`mintd: Node 22.14 or newer is needed; ${execPath} is ${versions.node}\n`);
  process.exitCode = 1;
} else {
  await import('./program.js');
}
