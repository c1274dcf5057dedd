import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { assertPrivate, exists, makePrivateFolder, writeDurably } from '../../src/keys/files.js';
import { temporaryFolder } from '../helper.js';
import { rejectionOf } from '../store/support.js';

const modeOf = (path: string) => statSync(path).mode & 0o777;

/** Files are made as if by a careless administrator: nothing is hidden by the umask. */
function withoutUmask(t: Test): void {
  const before = process.umask(0);
  t.teardown(() => process.umask(before));
}

t.test('a file is written with mode 0600 and nothing is left beside it', async (t) => {
  withoutUmask(t);
  const folder = temporaryFolder(t);
  const path = join(folder, 'a.json');
  await writeDurably(path, 'first');
  t.equal(readFileSync(path, 'utf8'), 'first');
  t.equal(modeOf(path), 0o600);
  chmodSync(path, 0o644);
  await writeDurably(path, 'second');
  t.equal(readFileSync(path, 'utf8'), 'second');
  t.equal(modeOf(path), 0o600, 'a wider mode is not inherited');
  t.strictSame(readdirSync(folder), ['a.json']);
});

t.test('what a crash left under the temporary name is overwritten, mode and all', async (t) => {
  withoutUmask(t);
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'a.json.new'), 'a longer text of a crashed process', { mode: 0o666 });
  await writeDurably(join(folder, 'a.json'), 'new');
  t.strictSame(readdirSync(folder), ['a.json']);
  t.equal(readFileSync(join(folder, 'a.json'), 'utf8'), 'new');
  t.equal(modeOf(join(folder, 'a.json')), 0o600);
});

t.test('a write that fails leaves the old content', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'a.json');
  await writeDurably(path, 'old');
  mkdirSync(`${path}.new`);
  await t.rejects(writeDurably(path, 'new'));
  t.equal(readFileSync(path, 'utf8'), 'old');
  await t.rejects(writeDurably(join(folder, 'absent', 'a.json'), 'new'), { code: 'ENOENT' });
});

t.test('a reader sees the old content or the new, never a part', async (t) => {
  const path = join(temporaryFolder(t), 'a.json');
  const contents = ['a', 'b'].map((letter) => letter.repeat(200_000));
  await writeDurably(path, contents[0] ?? '');
  let isWriting = true;
  const writing = (async () => {
    for (let i = 1; i <= 10; i++) await writeDurably(path, contents[i % 2] ?? '');
    isWriting = false;
  })();
  while (isWriting) {
    if (!contents.includes(readFileSync(path, 'utf8'))) t.fail('a part was read');
    await new Promise((resolve) => setImmediate(resolve));
  }
  await writing;
});

t.test('what others can read is not private', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'a');
  writeFileSync(file, '');
  for (const mode of [0o600, 0o400, 0o700]) {
    chmodSync(file, mode);
    await t.resolves(assertPrivate(file), mode.toString(8));
  }
  for (const mode of [0o640, 0o604, 0o620, 0o610, 0o601, 0o777]) {
    chmodSync(file, mode);
    const message = `others can read it (mode ${mode.toString(8)}): chmod 600 it`;
    t.equal((await rejectionOf(assertPrivate(file))).message, message);
  }
  chmodSync(folder, 0o750);
  t.match((await rejectionOf(assertPrivate(folder))).message, /mode 750\): chmod 700 it$/);
  t.equal((await rejectionOf(assertPrivate(join(folder, 'absent')))).message, 'it is missing');
  // Reading one of these could wait for ever.
  t.equal((await rejectionOf(assertPrivate('/dev/null'))).message, 'it is neither a file nor a folder');
});

t.test('a private folder is made, with its parents, or narrowed', async (t) => {
  withoutUmask(t);
  const folder = join(temporaryFolder(t), 'a', 'b');
  t.equal(await exists(folder), false);
  await makePrivateFolder(folder);
  t.equal(await exists(folder), true);
  t.equal(modeOf(folder), 0o700);
  chmodSync(folder, 0o755);
  await makePrivateFolder(folder);
  t.equal(modeOf(folder), 0o700);
});
