import { copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { KeyRingFault } from '../../src/keys/faults.js';
import { publishedKey } from '../../src/oauth/key-ring.js';
import { START, temporaryFolder } from '../helper.js';
import { rejectionOf } from '../store/support.js';
import { everywhere, filled, folderPlace, type MediumKind, SECRET } from './store-media.js';
import { aRing, somePairs } from './support.js';

const [first, standby, third] = await somePairs();
const kids = [first.key.kid, standby.key.kid];
const LATER = 'the second secret';

const locked = ({ name }: MediumKind) => name !== 'plain files';

everywhere(
  'a secret is changed while servers run: first the new one beside the old, then a rewrap, then without',
  async (t, place) => {
    await filled(place);
    const ring = await place.ringText();
    const old = place.open({ secret: SECRET });
    const both = place.open({ secret: LATER, previous: SECRET });
    t.equal((await both.load(START)).privateKeys.size, 2, 'read before the rewrap');
    await both.change(({ keys, timings }) => ({
      ring: { keys: [...keys, publishedKey(third.key, START)], timings },
      added: [third],
      value: 1,
    }));
    t.equal((await both.load(START)).privateKeys.size, 3, 'with keys under both secrets');
    await t.rejects(old.load(START), KeyRingFault, 'what is new is under the new secret');
    t.strictSame(await both.rewrap(), [...kids, third.key.kid]);
    const fresh = place.open({ secret: LATER });
    t.strictSame(await fresh.readPairs(), [first, standby, third]);
    t.equal((await fresh.load(START)).privateKeys.size, 3);
    for (const call of [() => old.load(START), () => old.readPairs(), () => old.rewrap()]) {
      t.match((await rejectionOf(call())).message, /: it cannot be decrypted: .*KEYS_(PASSPHRASE|ENCRYPTION_KEY)/);
    }
    t.not(await place.ringText(), ring, 'the third key');
    t.equal((await fresh.read()).keys.length, 3, 'the ring is as it was');
  },
  locked,
);

everywhere('a rewrap leaves the ring, writes every private key anew and can be done again', async (t, place) => {
  const store = await filled(place);
  const [ring, before, fingerprint] = [await place.ringText(), await place.keyTexts(), await store.fingerprint()];
  t.strictSame(await store.rewrap(), kids);
  t.equal(await place.ringText(), ring);
  t.not(await store.fingerprint(), fingerprint);
  const after = await place.keyTexts();
  for (const kid of kids) t.equal(after[kid] === before[kid], place.secret === null, 'a JWE is never the same twice');
  t.strictSame(await store.rewrap(), kids);
  t.strictSame(await store.readPairs(), [first, standby]);
});

everywhere('a rewrap that cannot read one private key rewraps none', async (t, place) => {
  await filled(place);
  await place.putKey(standby.key.kid, 'garbage');
  const before = await place.everything();
  await t.rejects(place.open({ secret: LATER, previous: place.secret }).rewrap(), KeyRingFault);
  t.equal(await place.everything(), before);
});

/** Two names for what a folder may be locked with, before and after. */
const TURNS = [
  { name: 'from plain to a passphrase', from: null, to: LATER },
  { name: 'from one passphrase to the next', from: SECRET, to: LATER },
  { name: 'from a passphrase to plain', from: SECRET, to: null },
] as const;

const keyFiles = (folder: string) => readdirSync(folder).filter((name) => /\.(pem|jwe)$/.test(name));

for (const { name, from, to } of TURNS) {
  t.test(`files: a rewrap ${name} leaves nothing of the old`, async (t) => {
    const folder = join(temporaryFolder(t), 'keys');
    const place = folderPlace(folder, from);
    await filled(place);
    const turning = place.open({ secret: to, previous: from });
    t.equal((await turning.load(START)).privateKeys.size, 2, 'read before the rewrap');
    await turning.rewrap();
    const ending = to === null ? 'pem' : 'jwe';
    t.strictSame(keyFiles(folder).sort(), kids.map((kid) => `${kid}.${ending}`).sort());
    t.equal(/-----BEGIN/.test(await place.everything()), to === null);
    t.strictSame(await place.open({ secret: to }).readPairs(), [first, standby]);
    if (to !== null)
      await t.rejects(place.open({ secret: from }).load(START), KeyRingFault, 'the old alone cannot read');
  });

  t.test(`files: a rewrap ${name} that was killed anywhere is healed by another`, async (t) => {
    const [before, after] = [join(temporaryFolder(t), 'keys'), join(temporaryFolder(t), 'keys')];
    for (const folder of [before, after]) await filled(folderPlace(folder, from));
    await folderPlace(after, from).open({ secret: to, previous: from }).rewrap();
    const place = folderPlace(before, from);
    const ending = to === null ? 'pem' : 'jwe';
    // Killed after the new file of the first key was put there and before the old one was deleted, if it has another name.
    copyFileSync(join(after, `${first.key.kid}.${ending}`), join(before, `${first.key.kid}.${ending}`));
    const turning = place.open({ secret: to, previous: from });
    t.equal((await turning.load(START)).privateKeys.size, 2, 'servers with both secrets go on');
    t.strictSame(await turning.readPairs(), [first, standby]);
    t.strictSame(await turning.rewrap(), kids);
    t.strictSame(keyFiles(before).sort(), kids.map((kid) => `${kid}.${ending}`).sort());
    t.strictSame(await place.open({ secret: to }).readPairs(), [first, standby]);
    t.equal(/-----BEGIN/.test(await place.everything()), to === null);
  });
}

t.test('files: with a passphrase set, plain private keys are read and new ones encrypted', async (t) => {
  const folder = join(temporaryFolder(t), 'keys');
  await filled(folderPlace(folder, null));
  const store = folderPlace(folder, SECRET).open();
  t.equal((await store.load(START)).privateKeys.size, 2);
  await store.change(({ keys, timings }) => ({
    ring: { keys: [...keys, publishedKey(third.key, START)], timings },
    added: [third],
    value: 1,
  }));
  t.ok(existsSync(join(folder, `${third.key.kid}.jwe`)));
  t.notOk(existsSync(join(folder, `${third.key.kid}.pem`)));
  t.notMatch(readFileSync(join(folder, `${third.key.kid}.jwe`), 'utf8'), /PRIVATE/);
  t.equal((await store.load(START)).privateKeys.size, 3);
});

everywhere(
  'without an encryption key nothing is written to the database',
  async (t, place) => {
    const keyless = place.open({ secret: null });
    const message = 'set KEYS_ENCRYPTION_KEY: private keys are not kept in plain text there';
    await t.rejects(keyless.create(await aRing(), [first, standby]), { message });
    t.equal(await keyless.exists(), false);
    await filled(place);
    const before = await place.everything();
    const change = keyless.change((ring) => ({ ring, added: [third], value: 1 }));
    await t.rejects(change, { message });
    await t.rejects(place.open({ secret: null, previous: SECRET }).rewrap(), { message });
    t.equal(await place.everything(), before);
  },
  ({ name }) => name.startsWith('a row'),
);
