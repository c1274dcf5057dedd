import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { openKeyDirectory } from '../../src/keys/directory.js';
import { KeyRingFault } from '../../src/keys/faults.js';
import { openKeyStore } from '../../src/keys/store.js';
import { wrapWithPassphrase } from '../../src/keys/wrapping.js';
import { publishedKey, withKey } from '../../src/oauth/key-ring.js';
import { exclusively } from '../../src/store/lock.js';
import { START } from '../helper.js';
import { rejectionOf } from '../store/support.js';
import { aKeyFolder, aRing, type KeyFolder, somePairs } from './support.js';

const [first, standby, third] = await somePairs();

const keyFiles = ({ folder }: KeyFolder) => readdirSync(folder).filter((name) => name.endsWith('.pem'));

t.test('a ring that cannot be written leaves every private half: they go after the ring says so', async (t) => {
  const keys = await aKeyFolder(t);
  const before = keyFiles(keys);
  // Stands in the way of the temporary file.
  mkdirSync(join(keys.folder, 'ring.json.new', 'x'), { recursive: true });
  const destroyed = { kid: standby.key.kid, at: START };
  const destroy = keys.store.change((ring) => ({
    ring: withKey(ring, destroyed.kid, { destroyedAt: destroyed.at }),
    added: [],
    value: 1,
  }));
  await t.rejects(destroy, Error);
  t.strictSame(keyFiles(keys), before);
  t.strictSame(await keys.store.read(), await aRing());
  rmSync(join(keys.folder, 'ring.json.new'), { recursive: true });
  t.equal((await keys.store.load(START)).privateKeys.size, 2);
});

t.test('a private half that cannot be written leaves the ring: it comes before the ring speaks of it', async (t) => {
  const { folder, store } = await aKeyFolder(t);
  mkdirSync(join(folder, `${third.key.kid}.pem.new`, 'x'), { recursive: true });
  const add = store.change((ring) => ({
    ring: { keys: [...ring.keys, publishedKey(third.key, START)], timings: ring.timings },
    added: [third],
    value: 1,
  }));
  await t.rejects(add, Error);
  t.strictSame(await store.read(), await aRing());
  t.equal((await store.load(START)).privateKeys.size, 2);
});

/** Who is not root can be kept from a file by its mode; root first becomes somebody else. */
function asNobody(t: Test, folder: string): void {
  if (process.getuid?.() !== 0) return;
  const [seteuid, nobody] = [process.seteuid, 65_534];
  for (const path of [dirname(folder), folder, ...readdirSync(folder).map((name) => join(folder, name))]) {
    chownSync(path, nobody, nobody);
  }
  seteuid?.(nobody);
  t.teardown(() => seteuid?.(0));
}

t.test('a file its owner may not read is one line that names it', async (t) => {
  const { folder, store } = await aKeyFolder(t);
  asNobody(t, folder);
  for (const name of ['ring.json', `${first.key.kid}.pem`]) {
    chmodSync(join(folder, name), 0o000);
    const error = await rejectionOf(store.load(START));
    t.type(error, KeyRingFault);
    t.ok(error.message.startsWith(`${join(folder, name)}: `), error.message);
    t.match(error.message, /EACCES|permission/);
    t.notMatch(error.message, /\n/);
    chmodSync(join(folder, name), 0o600);
  }
  t.equal((await store.load(START)).privateKeys.size, 2);
});

t.test('a folder that may not be entered is said to be so, not to be empty', async (t) => {
  const { folder, store } = await aKeyFolder(t);
  asNobody(t, folder);
  chmodSync(folder, 0o000);
  t.teardown(() => chmodSync(folder, 0o700));
  const error = await rejectionOf(store.load(START));
  t.notMatch(error.message, /there is no key ring/);
  t.ok(error.message.startsWith(folder), error.message);
  const isThere = await store.exists().catch(() => true);
  t.equal(isThere, true, 'nobody may take it for a place where no ring ever was');
});

t.test('what is no file where a file should be is one line that names it', async (t) => {
  const { folder, store } = await aKeyFolder(t);
  for (const name of [`${first.key.kid}.pem`, 'ring.json']) {
    const content = readFileSync(join(folder, name));
    rmSync(join(folder, name));
    mkdirSync(join(folder, name), { mode: 0o700 });
    const error = await rejectionOf(store.load(START));
    t.type(error, KeyRingFault);
    t.ok(error.message.startsWith(`${join(folder, name)}: `), error.message);
    rmSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name), content, { mode: 0o600 });
  }
  t.equal((await store.load(START)).privateKeys.size, 2);
});

t.test('a private half that goes while the folder is looked at does not disturb who looks', async (t) => {
  const { folder, store } = await aKeyFolder(t);
  let isChanging = true;
  const changing = (async () => {
    for (let i = 0; i < 30; i++) {
      await store.change((ring) => ({
        ring: { keys: [...ring.keys, publishedKey(third.key, START)], timings: ring.timings },
        added: [third],
        value: 1,
      }));
      await store.change((ring) => ({ ring: { ...ring, keys: ring.keys.slice(0, 2) }, added: [], value: 1 }));
    }
    isChanging = false;
  })();
  const looking = openKeyStore(
    openKeyDirectory(folder, exclusively),
    wrapWithPassphrase({ present: null, previous: null }),
  );
  const failures = new Set<string>();
  while (isChanging) await looking.fingerprint().catch((error: Error) => failures.add(error.message.slice(0, 40)));
  await changing;
  t.strictSame([...failures], []);
});
