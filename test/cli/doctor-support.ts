import { chmodSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import type { Test } from 'tap';
import { publicKeys } from '../../src/keys/jwks.js';
import type { Check } from '../../src/oauth/check.js';
import { metadata } from '../../src/oauth/metadata.js';
import { openInstallation } from '../../src/store/installation.js';
import { filesIn } from '../keys/support.js';
import { listenOnFreePort } from '../ports.js';
import { freePort } from '../process/harness.js';
import { type CommandInput, type CommandLine, commandLine, makeRing } from './harness.js';

/** Nobody listens there. */
export const SILENT = `http://127.0.0.1:${await freePort()}`;

type Examined = { readonly code: number; readonly checks: readonly Check[]; readonly err: string };

/** What the doctor found. */
export async function examine(line: Pick<CommandLine, 'mintd'>, environment = {}): Promise<Examined> {
  const input: CommandInput = { environment: { ISSUER: SILENT, ...environment } };
  const { code, out, err } = await line.mintd('doctor --json', input);
  return { code, err, checks: JSON.parse(out).checks };
}

/** The findings that are not well, as lines. */
export function complaints({ checks }: Examined): readonly string[] {
  return checks
    .filter(({ status }) => status !== 'ok')
    .map(({ name, status, found, advice }) => `${status} ${name}: ${found} → ${advice}`);
}

export const NOBODY = `warning issuer: nobody answers at ${SILENT}: ECONNREFUSED → start the server with \`mintd serve\`; if it runs, look at DNS, firewall and proxy`;

/** A migrated database with its ring, as after a first start. */
export async function installation(t: Test): Promise<CommandLine> {
  const line = await commandLine(t);
  chmodSync(line.folder, 0o700);
  await makeRing(line.keysDir);
  await line.withDatabase((database) => openInstallation(database).rememberKeyRing(Date.now()));
  return line;
}

/** Says what a server would say at the address it listens on; returns that. */
export async function publicSide(t: Test, keysDir: string, change: PublicSide = {}): Promise<string> {
  const ring = await filesIn(keysDir).read();
  const server = createServer((request, response) => {
    const isJwks = request.url === '/.well-known/jwks.json';
    const keys = publicKeys(ring, Date.now()).slice(change.withoutKeys ?? 0);
    response.writeHead(change.status ?? 200, { 'cache-control': change.caching ?? 'public, max-age=300' });
    response.end(JSON.stringify(isJwks ? { keys } : metadata(change.issuer ?? issuer)));
  });
  const issuer = `http://127.0.0.1:${await listenOnFreePort(server)}`;
  t.teardown(() => server.close());
  return issuer;
}

export type PublicSide = { issuer?: string; withoutKeys?: number; caching?: string; status?: number };

/** Every file of an installation, with what is in it. */
export function contents(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  const files = names.filter((name) => statSync(join(folder, name)).isFile());
  return Object.fromEntries(files.map((name) => [name, readFileSync(join(folder, name), 'latin1')]));
}
