import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openKeyDirectory } from '../../src/keys/directory.js';
import type { RingMedium } from '../../src/keys/medium.js';
import { type KeyStore, openKeyStore } from '../../src/keys/store.js';
import { openKeyTable } from '../../src/keys/table.js';
import { type Wrapping, wrapWithKey, wrapWithPassphrase } from '../../src/keys/wrapping.js';
import type { KeyRing } from '../../src/oauth/key-ring.js';
import type { Database, Provider } from '../../src/store/database.js';
import { openKeyRings } from '../../src/store/key-rings.js';
import { exclusively } from '../../src/store/lock.js';
import { temporaryFolder, testDatabase } from '../databases.js';
import { aRing, somePairs } from './support.js';

/** What a store is opened with; secrets are named, and made into passphrases or keys. */
export type Opening = {
  readonly secret?: string | null;
  readonly previous?: string | null;
  /** Stands still unless told otherwise: how long a machine takes is nothing to fail for. */
  readonly steadyMs?: () => number;
};

/** Somewhere a ring can be kept, and hands to spoil it with. */
export type Place = {
  readonly isFolder: boolean;
  /** The secret it is opened with unless told otherwise. */
  readonly secret: string | null;
  /** What messages call the ring. */
  readonly ringName: string;
  /** What messages call a private key. */
  keyName(kid: string): string;
  open(opening?: Opening): KeyStore;
  medium(): RingMedium;
  wrapping(secret?: string | null, previous?: string | null): Wrapping;
  /** The ring's text as it is kept; empty where there is none. */
  ringText(): Promise<string>;
  putRing(text: string): Promise<void>;
  /** The private keys as they are kept, by kid. */
  keyTexts(): Promise<Readonly<Record<string, string>>>;
  putKey(kid: string, text: string | null): Promise<void>;
  removeRing(): Promise<void>;
  /** Every byte that is kept, names included. */
  everything(): Promise<string>;
};

export type MediumKind = { readonly name: string; place(t: Test): Promise<Place> };

/** The secret that a place is made with, where it has one. */
export const SECRET = 'the first secret';

/** All that a ring can be kept in. */
export const MEDIA: readonly MediumKind[] = [
  { name: 'plain files', place: async (t) => folderPlace(join(temporaryFolder(t), 'keys'), null) },
  { name: 'files with a passphrase', place: async (t) => folderPlace(join(temporaryFolder(t), 'keys'), SECRET) },
  { name: 'a row of sqlite', place: () => rowPlace('sqlite') },
  { name: 'a row of postgres', place: () => rowPlace('postgres') },
];

/** As many as it really takes would be a tenth of a second a key. */
const FEW_ROUNDS = 1000;

/** Of the two kinds of files one is enough where it does not matter how a private key is kept. */
export const isQuick = ({ name }: MediumKind) => !name.includes('passphrase');

/** The same test on every medium that `fits`. */
export function everywhere(
  title: string,
  test: (t: Test, place: Place) => Promise<unknown>,
  fits: (kind: MediumKind) => boolean = () => true,
): void {
  for (const kind of MEDIA.filter(fits)) {
    t.test(`${kind.name}: ${title}`, async (t) => {
      await test(t, await kind.place(t));
    });
  }
}

/** A store in which the ring lies, by default the first one, with the private halves of the first two keys. */
export async function filled(place: Place, ring?: KeyRing): Promise<KeyStore> {
  const store = place.open();
  const [first, standby] = await somePairs();
  if (!(await store.create(ring ?? (await aRing()), [first, standby]))) throw new Error('there was a ring');
  return store;
}

/** A folder as a place. */
export function folderPlace(folder: string, secret: string | null): Place {
  const ringPath = join(folder, 'ring.json');
  const names = () => (existsSync(folder) ? readdirSync(folder).sort() : []);
  const medium = () => openKeyDirectory(folder, exclusively);
  const wrapping = (present = secret, previous: string | null = null) =>
    wrapWithPassphrase({ present, previous }, FEW_ROUNDS);
  const keyPaths = () => names().filter((name) => /^.{43}\.(pem|jwe)$/.test(name));
  const write = (path: string, text: string) => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(path, text, { mode: 0o600 });
    chmodSync(path, 0o600);
  };
  return {
    isFolder: true,
    secret,
    ringName: ringPath,
    keyName: (kid) => join(folder, `${kid}.${secret === null ? 'pem' : 'jwe'}`),
    open: ({ secret: present = secret, previous = null, steadyMs = () => 0 } = {}) =>
      openKeyStore(medium(), wrapWithPassphrase({ present, previous }, FEW_ROUNDS), steadyMs),
    medium,
    wrapping,
    ringText: async () => (existsSync(ringPath) ? readFileSync(ringPath, 'utf8') : ''),
    putRing: async (text) => write(ringPath, text),
    keyTexts: async () =>
      Object.fromEntries(keyPaths().map((name) => [name.slice(0, 43), readFileSync(join(folder, name), 'utf8')])),
    async putKey(kid, text) {
      for (const ending of ['pem', 'jwe']) rmSync(join(folder, `${kid}.${ending}`), { force: true });
      if (text !== null) write(join(folder, `${kid}.${secret === null ? 'pem' : 'jwe'}`), text);
    },
    removeRing: async () => rmSync(ringPath),
    everything: async () =>
      names()
        .filter((name) => name !== '.lock' && statSync(join(folder, name)).isFile())
        .map((name) => `${name}\n${readFileSync(join(folder, name), 'latin1')}`)
        .join('\n'),
  };
}

/** Opened once a process and emptied for each test: that is quicker than a database each. */
const databases = new Map<Provider, Promise<Database>>();

/** The one database of a kind, its table of rings empty. */
export async function emptiedDatabase(provider: Provider): Promise<Database> {
  const opening = databases.get(provider) ?? testDatabase(t, provider);
  databases.set(provider, opening);
  const database = await opening;
  await database.prisma.keyRing.deleteMany();
  return database;
}

/** 32 bytes that a test can name. */
export function encryptionKey(name: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(name).digest());
}

async function rowPlace(provider: Provider): Promise<Place> {
  const database = await emptiedDatabase(provider);
  const table = openKeyRings(database);
  const keyOf = (name: string | null) => (name === null ? null : encryptionKey(name));
  const wrapping = (present: string | null = SECRET, previous: string | null = null) =>
    wrapWithKey({ present: keyOf(present), previous: keyOf(previous) });
  const row = async () => (await table.read()) ?? { version: 0, ring: '', privateKeys: '{}' };
  const keyTexts = async () => {
    const value: unknown = JSON.parse((await row()).privateKeys);
    return Object.fromEntries(Object.entries(value ?? {}).map(([kid, text]) => [kid, String(text)]));
  };
  return {
    isFolder: false,
    secret: SECRET,
    ringName: 'table key_rings, row 1',
    keyName: (kid) => `table key_rings, row 1, private key of ${kid}`,
    open: ({ secret = SECRET, previous = null, steadyMs = () => 0 } = {}) =>
      openKeyStore(openKeyTable(table), wrapping(secret, previous), steadyMs),
    medium: () => openKeyTable(table),
    wrapping,
    ringText: async () => (await row()).ring,
    async putRing(ring) {
      const before = await row();
      if (before.version === 0) await table.insert({ ring, privateKeys: '{}' });
      else await table.replace(before.version, { ring, privateKeys: before.privateKeys });
    },
    keyTexts,
    async putKey(kid, text) {
      const { version, ring } = await row();
      const { [kid]: _, ...others } = await keyTexts();
      const all = text === null ? others : { ...others, [kid]: text };
      await table.replace(version, { ring, privateKeys: JSON.stringify(all) });
    },
    removeRing: async () => {
      await database.prisma.keyRing.deleteMany();
    },
    async everything() {
      const { ring, privateKeys } = await row();
      return `${ring}\n${privateKeys}`;
    },
  };
}
