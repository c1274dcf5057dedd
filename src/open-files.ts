import { readFileSync } from 'node:fs';

/** For what a server opens beside connections: the database, keys, threads, the modules loaded later. */
const KEPT_FREE = 128;

/** How many files this process may have open, sockets among them; Infinity where the system does not tell. */
export function openFileLimit(): number {
  try {
    // Node has raised the soft limit to the hard one when it started.
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return Number(limit ?? Number.POSITIVE_INFINITY);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** How many of these may be connections: without one left to open, no key could be read and no database be reached. */
export function connectionsWithin(openFiles: number): number {
  return Math.max(openFiles - KEPT_FREE, Math.floor(openFiles / 2), 1);
}
