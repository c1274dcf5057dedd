import type { Config } from './config.js';
import { openKeyDirectory } from './keys/directory.js';
import { type KeyStore, openKeyStore } from './keys/store.js';
import { openKeyTable } from './keys/table.js';
import { wrapWithKey, wrapWithPassphrase } from './keys/wrapping.js';
import type { Database } from './store/database.js';
import { openKeyRings } from './store/key-rings.js';
import { exclusively } from './store/lock.js';

/** The key ring in the folder KEYS_DIR. */
export function fileStore({ KEYS_DIR, KEYS_PASSPHRASE, KEYS_PASSPHRASE_PREVIOUS }: Config): KeyStore {
  const secrets = { present: KEYS_PASSPHRASE ?? null, previous: KEYS_PASSPHRASE_PREVIOUS ?? null };
  return openKeyStore(openKeyDirectory(KEYS_DIR, exclusively), wrapWithPassphrase(secrets));
}

/** The key ring in the database. */
export function databaseStore(config: Config, database: Database): KeyStore {
  const { KEYS_ENCRYPTION_KEY: present = null, KEYS_ENCRYPTION_KEY_PREVIOUS: previous = null } = config;
  return openKeyStore(openKeyTable(openKeyRings(database)), wrapWithKey({ present, previous }));
}
