import { type ChildProcess, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Client as PgClient } from 'pg';
import type { Test } from 'tap';
import type { Database, Gather } from '../../src/store/database.js';
import type { NewFamily } from '../../src/store/families.js';
import type { Rotation } from '../../src/store/rotations.js';
import type { NewUser } from '../../src/store/users.js';
import { START } from '../helper.js';

export const DAY_MS = 86_400_000;

/** SHA-256 of a text: 32 bytes that a test can name. */
export function hashOf(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('sha256').update(text).digest());
}

export function aUser(overrides: Partial<NewUser> = {}): NewUser {
  return {
    id: crypto.randomUUID(),
    username: { display: 'Ada', key: 'ada' },
    email: null,
    passwordHash: 'a hash',
    roles: [],
    createdAt: START,
    ...overrides,
  };
}

/** A login of a user at the client `app`, with the tokens `handle` and `secret 0`. */
export function aFamily(userId: string, overrides: Partial<NewFamily> = {}): NewFamily {
  return {
    sid: crypto.randomUUID(),
    handleHash: hashOf('handle'),
    secretHash: hashOf('secret 0'),
    userId,
    clientId: 'app',
    loginEpoch: 0,
    clientEpoch: 0,
    device: { userAgent: null, address: null },
    scope: ['read'],
    audiences: ['https://api.example'],
    now: START,
    idleExpiresAt: START + 14 * DAY_MS,
    absoluteExpiresAt: START + 90 * DAY_MS,
    ...overrides,
  };
}

/** The rotation of the first token of aFamily, a second later. */
export function aRotation(overrides: Partial<Rotation> = {}): Rotation {
  return {
    handleHash: hashOf('handle'),
    presentedHash: hashOf('secret 0'),
    successorHash: hashOf('secret 1'),
    successorKey: hashOf('key 1'),
    clientId: 'app',
    audiences: ['https://api.example'],
    now: START + 1000,
    idleExpiresAt: START + 1000 + 14 * DAY_MS,
    ...overrides,
  };
}

/** Leaves nothing to time: on PostgreSQL, all that comes in one turn of the event loop is one statement. */
export function gatheringAll<Opened extends Database>(database: Opened): Opened {
  if (database.gather === null) return database;
  const gather: Gather = <In, Out>(work: (inputs: readonly In[]) => Promise<readonly Out[]>) => {
    let inputs: In[] = [];
    let outputs: Promise<readonly Out[]> | undefined;
    return async (input: In) => {
      const place = inputs.push(input) - 1;
      outputs ??= new Promise(setImmediate).then(() => {
        const all = inputs;
        [inputs, outputs] = [[], undefined];
        return work(all);
      });
      return (await outputs)[place] as Out;
    };
  };
  return { ...database, gather };
}

/** A PostgreSQL connection beside the program's, gone with the test. */
export async function connectPostgres(t: Test, url: string): Promise<PgClient> {
  const client = new PgClient({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  t.teardown(() => client.end().catch(() => undefined));
  return client;
}

/**
 * The locks on tables, and advisory ones, of the database one is connected to: the server has those of other tests as well.
 * Who waits for a row waits for a transaction, which is of no database.
 */
export const LOCKS_HERE = 'pg_locks WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database())';

/** Whether anybody waits for one of these. */
export async function isAnyLockAwaited(client: PgClient): Promise<boolean> {
  return (await client.query(`SELECT 1 FROM ${LOCKS_HERE} AND NOT granted`)).rowCount !== 0;
}

/** What a promise was rejected with. */
export async function rejectionOf(promise: Promise<unknown>): Promise<Error> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('error' in outcome && outcome.error instanceof Error) return outcome.error;
  throw new Error(`it was not rejected with an Error: ${JSON.stringify(outcome)}`);
}

/** Starts child.ts, which waits until it is told to begin. It is killed with the test. */
export async function startChild(t: Test, task: 'lock' | 'migrate', url: string): Promise<ChildProcess> {
  const child = fork(new URL('./child.js', import.meta.url), [task, url]);
  t.teardown(() => child.kill('SIGKILL'));
  await once(child, 'message');
  return child;
}

/** Lets a child begin, and waits for what it says. */
export async function answerOf(child: ChildProcess): Promise<unknown> {
  const answer = once(child, 'message');
  child.send('begin');
  return (await answer)[0];
}
