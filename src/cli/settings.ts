import { InvalidArgumentError } from 'commander';
import type { KeyStore } from '../keys/store.js';
import type { Audit } from './audit.js';
import type { ServerView } from './client-hints.js';

/** The part of the configuration that commands need. */
export type Settings = {
  readonly databaseUrl: string;
  readonly keyStore: KeyStoreKind;
  /** Whether private keys in files are encrypted. */
  readonly hasPassphrase: boolean;
  /** How long a key signs before the servers rotate it; null for never. */
  readonly rotationIntervalSeconds: number | null;
  readonly bcryptCost: number;
  /** What of the server's settings a client meets. */
  readonly server: ServerView;
  /** Writes down what was changed, where there is an AUDIT_FILE. */
  readonly audit: Audit;
};

/** Where a key ring can be kept. */
export const KEY_STORES = ['files', 'database'] as const;
export type KeyStoreKind = (typeof KEY_STORES)[number];

/** Works on a key ring; opens what that takes, and closes it again. */
export type WithKeyStore = <T>(kind: KeyStoreKind, work: (store: KeyStore) => Promise<T>) => Promise<T>;

/** For options that may be repeated. */
export function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

/** For options that are a whole number. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (number >= least && number <= most) return number;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

/** Worked examples, printed after a command's options. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
}
