// The rings that commands are killed on: each with keys in every state, so that there is much to lose.
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import tap, { type Test } from 'tap';
import { readConfig } from '../../src/config.js';
import { databaseStore, fileStore } from '../../src/key-store.js';
import { copyRing } from '../../src/keys/changes.js';
import { prepareRing, rotateKeys } from '../../src/keys/rotate.js';
import { makeKeyPair } from '../../src/keys/rsa.js';
import { openDatabase } from '../../src/store/database.js';
import { migrate } from '../../src/store/migrate.js';
import { temporaryFolder } from '../helper.js';
import { filesIn, TIMING } from '../keys/support.js';
import { KEYS_ENCRYPTION_KEY } from './key-crash.js';

const MINUTE_MS = 60_000;
const ago = (minutes: number) => () => Date.now() - minutes * MINUTE_MS;

/** Made once: that takes four key pairs. */
let worn: Promise<string> | undefined;

/**
 * A folder with a ring in `keys` that no server looked after: one key is removed, one is retiring, one signs, and one stands
 * by that not every verifier knows yet. All four private halves are there.
 */
export function wornRing(): Promise<string> {
  worn ??= makeWornRing();
  return worn;
}

async function makeWornRing(): Promise<string> {
  const base = temporaryFolder(tap);
  const store = filesIn(join(base, 'keys'));
  await prepareRing(store, false, TIMING, ago(90));
  await rotateKeys(store, {}, ago(90));
  await rotateKeys(store, {}, ago(14));
  return base;
}

/** A folder with the first ring in `keys`. */
export async function youngRing(t: Test): Promise<string> {
  const base = temporaryFolder(t);
  await prepareRing(filesIn(join(base, 'keys')), false, TIMING);
  return base;
}

/** The worn ring with what killed commands and careless people leave: a private key of no ring, half files, a second ring. */
export async function litteredRing(t: Test): Promise<string> {
  const base = join(temporaryFolder(t), 'base');
  cpSync(await wornRing(), base, { recursive: true });
  const { key, privatePem } = await makeKeyPair();
  for (const [name, text] of [
    [`${key.kid}.pem`, privatePem],
    [`${key.kid}.pem.new`, 'half'],
    ['ring.json.new', '{'],
  ] as const) {
    writeFileSync(join(base, 'keys', name), text, { mode: 0o600 });
  }
  return base;
}

/** The same ring in the database `mintd.db` beside `keys`. */
export async function withDatabase(t: Test, ring: string): Promise<string> {
  const base = await withEmptyDatabase(t, ring);
  const url = `file:${join(base, 'mintd.db')}`;
  const config = readConfig({ DATABASE_URL: url, KEYS_DIR: join(ring, 'keys'), KEYS_ENCRYPTION_KEY });
  const database = await openDatabase(url);
  await copyRing(fileStore(config), databaseStore(config, database), false).finally(() => database.close());
  return base;
}

/** The ring beside a migrated database that knows nothing of it. */
export async function withEmptyDatabase(t: Test, ring: string): Promise<string> {
  const base = join(temporaryFolder(t), 'base');
  cpSync(ring, base, { recursive: true });
  await migrate(`file:${join(base, 'mintd.db')}`, true);
  return base;
}

/** The kid of the key that signs in the ring of `wornRing`. */
export async function activeKid(): Promise<string> {
  const { keys } = await filesIn(join(await wornRing(), 'keys')).read();
  const kid = keys.at(-2)?.kid;
  if (kid === undefined) throw new Error('the ring is too short');
  return kid;
}
