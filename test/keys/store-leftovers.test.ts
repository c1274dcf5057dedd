import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { KeyRingFault } from '../../src/keys/faults.js';
import { START, temporaryFolder } from '../helper.js';
import { rejectionOf } from '../store/support.js';
import { everywhere, filled } from './store-media.js';
import { aKeyFolder, aRing, filesIn, somePairs } from './support.js';

const [first, standby, third] = await somePairs();

const contentsOf = (folder: string) =>
  Object.fromEntries(readdirSync(folder).map((name) => [name, read(folder, name)]));
const read = (folder: string, name: string) => readFileSync(join(folder, name), 'latin1');

everywhere('a ring alone has no leftovers, and asking for them changes nothing', async (t, place) => {
  const store = await filled(place);
  const before = await place.everything();
  t.strictSame(await store.leftovers(), []);
  t.strictSame(await store.leftovers({ remove: true }), []);
  t.equal(await place.everything(), before);
});

t.test(
  'private keys of no key of the ring and temporary files are leftovers; what others wrote is at most named',
  async (t) => {
    const { folder, store } = await aKeyFolder(t);
    const ours = contentsOf(folder);
    const alike = ['ring.json.bak', 'ring-old.json', 'old-key.pem'];
    const others = ['README.md', 'notes.txt', 'jwks.json', '.gitignore', `${third.key.kid}.pub`, ...alike];
    const strays = [
      `${third.key.kid}.pem`,
      `${third.key.kid}.jwe`,
      `${third.key.kid}.pem.new`,
      `${first.key.kid}.jwe.new`,
      'ring.json.new',
    ];
    for (const name of [...others, ...strays]) writeFileSync(join(folder, name), 'x', { mode: 0o600 });
    const expected = strays.map((name) => join(folder, name)).sort();
    t.strictSame([...(await store.leftovers())].sort(), expected);
    const named = [...expected, ...alike.map((name) => join(folder, name))].sort();
    t.strictSame([...(await store.leftovers({ foreignToo: true }))].sort(), named);
    t.equal(readdirSync(folder).length, Object.keys(ours).length + others.length + strays.length, 'only named');
    t.strictSame([...(await store.leftovers({ remove: true }))].sort(), expected);
    t.strictSame(readdirSync(folder).sort(), [...Object.keys(ours), ...others].sort(), 'deleted');
    for (const [name, content] of Object.entries(ours)) t.equal(read(folder, name), content, name);
    t.strictSame(await store.leftovers({ remove: true }), []);
    t.equal((await store.load(START)).privateKeys.size, 2);
  },
);

t.test('with a second ring in the folder the first one goes on, and the second is named', async (t) => {
  const { folder, store } = await aKeyFolder(t);
  const other = await aKeyFolder(t, undefined);
  writeFileSync(join(folder, 'ring2.json'), read(other.folder, 'ring.json'), { mode: 0o600 });
  writeFileSync(join(folder, `${third.key.kid}.pem`), third.privatePem, { mode: 0o600 });
  const loaded = await store.load(START);
  t.strictSame(loaded.ring, await aRing());
  t.strictSame([...loaded.privateKeys.keys()], [first.key.kid, standby.key.kid]);
  const names = [join(folder, 'ring2.json'), join(folder, `${third.key.kid}.pem`)];
  t.strictSame([...(await store.leftovers({ foreignToo: true }))].sort(), names.sort());
});

t.test('the encrypted and the plain form of one key are not both needed', async (t) => {
  const { folder, store } = await aKeyFolder(t);
  await filesIn(folder).rewrap();
  writeFileSync(join(folder, `${first.key.kid}.jwe`), 'x', { mode: 0o600 });
  t.ok(
    (await store.leftovers()).includes(join(folder, `${first.key.kid}.pem`)),
    'a private key in the open beside the one that is encrypted and used is said to be there',
  );
});

t.test("a folder among the keys is in nobody's way", async (t) => {
  const { folder, store } = await aKeyFolder(t);
  mkdirSync(join(folder, 'ring-backup'));
  writeFileSync(join(folder, 'ring.json.new'), 'x');
  t.strictSame(await store.leftovers({ foreignToo: true }), [join(folder, 'ring.json.new')]);
  t.strictSame(await store.leftovers({ remove: true }), [join(folder, 'ring.json.new')]);
  t.ok(existsSync(join(folder, 'ring-backup')));
});

t.test('while the ring cannot be read nothing is a leftover: every private key may be needed', async (t) => {
  const { folder, store } = await aKeyFolder(t);
  for (const text of ['', '{"keys":[]}', read(folder, 'ring.json').slice(0, 300)]) {
    writeFileSync(join(folder, 'ring.json'), text);
    const before = contentsOf(folder);
    for (const remove of [false, true]) {
      const error = await rejectionOf(store.leftovers({ remove }));
      t.ok(error.message.startsWith(`${join(folder, 'ring.json')}: `), error.message);
      t.type(error, KeyRingFault);
    }
    t.strictSame(contentsOf(folder), before);
  }
});

/** Starts store-child.ts on a folder; resolves when it stands still, with the key it adds and a way to let it go on. */
async function addingProcess(t: Test, folder: string) {
  const signals = temporaryFolder(t);
  const child = fork(new URL('./store-child.js', import.meta.url), [folder, signals]);
  t.teardown(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit').then(([code]) => code);
  const stopped = join(signals, 'stopped');
  while (!existsSync(stopped) || read(signals, 'stopped') === '') {
    if (child.exitCode !== null) throw new Error('it ended by itself');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return {
    kid: read(signals, 'stopped'),
    goOn: () => writeFileSync(join(signals, 'go'), ''),
    kill: () => child.kill('SIGKILL'),
    ended,
  };
}

t.test('a private key that another process is just adding is never taken for a leftover', async (t) => {
  const { folder, store } = await aKeyFolder(t);
  const { kid, goOn, ended } = await addingProcess(t, folder);
  const path = join(folder, `${kid}.pem`);
  const added = read(folder, `${kid}.pem`);
  t.match(added, /^-----BEGIN PRIVATE KEY-----/, 'it is on the disk');
  t.notOk(
    (await store.read()).keys.some((key) => key.kid === kid),
    'and the ring does not speak of it yet',
  );
  let isAnswered = false;
  const leftovers = store.leftovers({ remove: true }).finally(() => {
    isAnswered = true;
  });
  // Long enough for an answer, if it did not wait for the other process.
  await Promise.race([leftovers, new Promise((resolve) => setTimeout(resolve, 400))]);
  t.equal(isAnswered, false, 'who looks for leftovers waits');
  t.ok(existsSync(path));
  goOn();
  t.equal(await ended, 0, 'and then went on to its end');
  t.strictSame(await leftovers, []);
  t.equal(read(folder, `${kid}.pem`), added);
  t.ok((await store.load(START)).privateKeys.has(kid), 'and it can sign');
});

t.test('that of a process that was killed is one, and what it changed is as it was', async (t) => {
  const { folder, store } = await aKeyFolder(t);
  const { kid, kill, ended } = await addingProcess(t, folder);
  kill();
  await ended;
  t.strictSame(await store.read(), await aRing());
  t.equal((await store.load(START)).privateKeys.size, 2);
  const strays = [join(folder, `${kid}.pem`), join(folder, 'ring.json.new')].sort();
  t.strictSame([...(await store.leftovers({ remove: true }))].sort(), strays);
  t.strictSame(await store.leftovers(), []);
});
