import { readFileSync } from 'node:fs';
import { type KeyPair, makeKeyPair } from '../src/keys/rsa.js';

export type KeyPairs = readonly [KeyPair, KeyPair, KeyPair];

let pairs: Promise<KeyPairs> | undefined;

/** Three key pairs: those that `npm test` made, or made here once a process; that takes a tenth of a second each. */
export function somePairs(): Promise<KeyPairs> {
  const { TEST_KEY_PAIRS: file } = process.env;
  if (file !== undefined) pairs ??= Promise.resolve(JSON.parse(readFileSync(file, 'utf8')));
  pairs ??= Promise.all([makeKeyPair(), makeKeyPair(), makeKeyPair()]);
  return pairs;
}
