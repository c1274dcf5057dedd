// Two servers on one PostgreSQL, with the key ring in the database.
import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { sha256 } from '../../src/oauth/refresh-token.js';
import { emptyCommandLine } from '../cli/harness.js';
import { aClient } from '../helper.js';
import { type Cluster, PASSWORD, patientClient, type Server, startCluster } from './cluster.js';
import { ISSUER } from './rotation-verifiers.js';

const SECRET = randomBytes(32).toString('base64url');

/** What `keys rotate|revoke --json` print that matters here. */
export type KeysAnswer = {
  readonly activates: { readonly kid: string; readonly activates_at: string };
  readonly surprises_until: string | null;
  readonly signs: { readonly kid: string };
  readonly accepted_until: string;
};

export type Stage = Omit<Cluster, 'servers' | 'urls'> & {
  /** One started after the other, so that they do not look for changes of the ring at the same moments. */
  readonly servers: readonly [Server, Server];
  readonly urls: readonly string[];
  /** Runs `mintd keys ARGS… --json` on the same ring; it must succeed. Its stdout, parsed. */
  keys(args: string): Promise<KeysAnswer>;
};

/** Starts the servers with a user `ada`, a public client `app` and a confidential one, `service`. */
export async function rotationStage(t: Test, timing: Record<string, string>): Promise<Stage> {
  const service = aClient({
    id: 'service',
    kind: 'confidential',
    secretHash: sha256(SECRET),
    grants: ['client_credentials'],
  });
  const store = { KEY_STORE: 'database', KEYS_ENCRYPTION_KEY: randomBytes(32).toString('base64') };
  const env = { ...store, ...timing, ISSUER };
  const cluster = await startCluster(t, {
    provider: 'postgres',
    servers: 1,
    clients: [patientClient(), service],
    env,
  });
  await cluster.addUser('ada');
  const [first = await cluster.launch()] = cluster.servers;
  const second = await cluster.launch();
  const commands = emptyCommandLine(t);
  const environment = { ...env, DATABASE_URL: cluster.database.url };
  const keys = async (args: string) => {
    const { code, out, err } = await commands.mintd(`keys ${args} --json`, { environment });
    if (code !== 0) throw new Error(`mintd keys ${args}: exit ${code}: ${err}`);
    return JSON.parse(out);
  };
  return { ...cluster, servers: [first, second], urls: [first.url, second.url], keys };
}

/** What `service` sends to get a token. */
export const SERVICE_LOGIN = { grant_type: 'client_credentials', client_id: 'service', client_secret: SECRET };

/** What `ada` sends to get one. */
export const USER_LOGIN = { grant_type: 'password', client_id: 'app', username: 'ada', password: PASSWORD };

/** Asks a server whether a token is good. */
export async function isActive(url: string, token: string): Promise<boolean> {
  const form = new URLSearchParams({ client_id: 'service', client_secret: SECRET, token });
  const reply = await fetch(`${url}/introspect`, { method: 'POST', body: form });
  const { active }: { active?: unknown } = JSON.parse(await reply.text());
  if (typeof active !== 'boolean') throw new Error(`/introspect: ${reply.status}`);
  return active;
}

/** The events of one kind that a server logged. */
export function eventsOf({ lines }: Pick<Server, 'lines'>, event: string): readonly Record<string, unknown>[] {
  return lines
    .filter((line) => line.startsWith('{'))
    .map((line): Record<string, unknown> => JSON.parse(line))
    .filter((entry) => entry['event'] === event);
}

/** Resolves when the condition holds; rejects at the deadline, or when looking fails. */
export async function until(
  what: string,
  deadline: number,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`it did not come in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
