/**
 * A process that adds a key to the ring in a folder, and stands still where its private key is on the disk and the ring
 * does not speak of it yet: from the file `stopped` until there is a file `go`. Arguments: the ring's folder, the one
 * of these files.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openKeyDirectory } from '../../src/keys/directory.js';
import { makeKeyPair } from '../../src/keys/rsa.js';
import { openKeyStore } from '../../src/keys/store.js';
import { wrapWithPassphrase } from '../../src/keys/wrapping.js';
import { publishedKey } from '../../src/oauth/key-ring.js';
import { exclusively } from '../../src/store/lock.js';

const [folder = '', signals = ''] = process.argv.slice(2);
const pair = await makeKeyPair();
let looks = 0;

/** Looked at when the change is decided, and once more right before the ring is put in its place. */
function standStill(): number {
  looks++;
  if (looks === 2) {
    writeFileSync(join(signals, 'stopped'), pair.key.kid);
    while (!existsSync(join(signals, 'go'))) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  }
  return 0;
}

const store = openKeyStore(
  openKeyDirectory(folder, exclusively),
  wrapWithPassphrase({ present: null, previous: null }),
  standStill,
);
await store.change((ring) => ({
  ring: { keys: [...ring.keys, publishedKey(pair.key, Date.UTC(2026, 0, 1))], timings: ring.timings },
  added: [pair],
  value: true,
}));
