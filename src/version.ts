import { readFileSync } from 'node:fs';
import { z } from 'zod';

const Manifest = z.object({ version: z.string(), peerDependencies: z.record(z.string(), z.string()) });

function readManifest(): z.output<typeof Manifest> {
  return Manifest.parse(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')));
}

/** The version of this program, from its package.json. */
export function readVersion(): string {
  return readManifest().version;
}

/** An optional package as npm is asked for it, in the versions that this program was tested with: `name@range`. */
export function withRange(name: string): string {
  const range = readManifest().peerDependencies[name];
  return range === undefined ? name : `${name}@${range}`;
}
