import { chmodSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { KeyRingFault, privateKeyWayOut } from '../../src/keys/faults.js';
import { formatRing } from '../../src/keys/ring-format.js';
import { makeKeyPair } from '../../src/keys/rsa.js';
import { START, temporaryFolder } from '../helper.js';
import { rejectionOf } from '../store/support.js';
import {
  aKeyFolder,
  aRing,
  aRotatingRing,
  copyOf,
  EARLIEST_REMOVAL,
  EARLIEST_USE,
  filesIn,
  somePairs,
} from './support.js';

const modeOf = (path: string) => statSync(path).mode & 0o777;

t.test('the first ring is a private folder with a ring and a key file each', async (t) => {
  const before = process.umask(0);
  t.teardown(() => process.umask(before));
  const { folder, store } = await aKeyFolder(t);
  const [first, standby] = await somePairs();
  const names = [`${first.key.kid}.pem`, `${standby.key.kid}.pem`, 'ring.json', '.lock'];
  t.strictSame(readdirSync(folder).sort(), names.sort());
  t.equal(modeOf(folder), 0o700);
  for (const name of names) t.equal(modeOf(join(folder, name)), 0o600, name);
  t.equal(readFileSync(join(folder, `${first.key.kid}.pem`), 'utf8'), first.privatePem);
  t.equal(store.place, folder);
});

t.test('the ring file holds no private member', async (t) => {
  const { folder } = await aKeyFolder(t);
  const text = readFileSync(join(folder, 'ring.json'), 'utf8');
  t.notMatch(text, /"(d|p|q|dp|dq|qi|k|oth)"/);
  t.notMatch(text, /PRIVATE/);
});

t.test('what was written is loaded: the ring, and the private halves that may still sign', async (t) => {
  const { store } = await aKeyFolder(t, await aRotatingRing());
  const [first, standby] = await somePairs();
  const loaded = await store.load(START);
  t.strictSame(loaded.ring, await aRotatingRing());
  t.strictSame(await store.read(), loaded.ring);
  t.strictSame([...loaded.privateKeys.keys()], [first.key.kid, standby.key.kid]);
  t.strictSame([...(await store.load(EARLIEST_USE)).privateKeys.keys()], [standby.key.kid], 'not of a retiring key');
});

t.test('a key that does not sign any more needs no private half', async (t) => {
  const { folder, store } = await aKeyFolder(t, await aRotatingRing());
  const [first] = await somePairs();
  rmSync(join(folder, `${first.key.kid}.pem`));
  await t.resolves(store.load(EARLIEST_USE));
  await t.resolves(store.load(EARLIEST_REMOVAL));
  await t.rejects(store.load(EARLIEST_USE - 1), KeyRingFault);
});

t.test('a ring is made once', async (t) => {
  const { folder, store } = await aKeyFolder(t);
  const before = readFileSync(join(folder, 'ring.json'), 'utf8');
  const pair = await makeKeyPair();
  t.equal(await store.create(await aRotatingRing(), [pair]), false);
  t.equal(readFileSync(join(folder, 'ring.json'), 'utf8'), before);
  t.notOk(readdirSync(folder).includes(`${pair.key.kid}.pem`));
  const fresh = filesIn(join(temporaryFolder(t), 'keys'));
  const made = await Promise.all(Array.from({ length: 5 }, async () => fresh.create(await aRing(), await somePairs())));
  t.equal(made.filter(Boolean).length, 1, 'of five at once, one makes it');
});

t.test('anything of a ring that is there is seen, even if it is broken', async (t) => {
  const folder = temporaryFolder(t);
  const store = filesIn(folder);
  t.equal(await store.exists(), false);
  t.equal(await filesIn(join(folder, 'absent')).exists(), false);
  writeFileSync(join(folder, 'README.md'), '');
  t.equal(await store.exists(), false, 'other files are nothing');
  writeFileSync(join(folder, 'ring.json'), '');
  t.equal(await store.exists(), true);
});

type Fault = {
  readonly name: string;
  readonly spoil: (folder: string, kid: string) => unknown;
  /** What the message begins with, after the folder. */
  readonly path: string;
  readonly message: RegExp;
};

const FAULTS: readonly Fault[] = [
  { name: 'a missing folder', spoil: (f) => rmSync(f, { recursive: true }), path: '', message: /there is no key ring/ },
  { name: 'a missing ring', spoil: (f) => rmSync(join(f, 'ring.json')), path: '', message: /there is no key ring/ },
  {
    name: 'an empty ring',
    spoil: (f) => writeFileSync(join(f, 'ring.json'), ''),
    path: '/ring.json',
    message: /not JSON/,
  },
  {
    name: 'a cut ring',
    spoil: (f) => writeFileSync(join(f, 'ring.json'), readFileSync(join(f, 'ring.json')).subarray(0, 500)),
    path: '/ring.json',
    message: /it is not JSON: it may have been cut or edited/,
  },
  {
    name: 'a ring of something else',
    spoil: (f) => writeFileSync(join(f, 'ring.json'), '{"keys":[]}'),
    path: '/ring.json',
    message: /it is not a key ring/,
  },
  {
    name: 'a ring the group can read',
    spoil: (f) => chmodSync(join(f, 'ring.json'), 0o640),
    path: '/ring.json',
    message: /others can read it \(mode 640\): chmod 600 it/,
  },
  {
    name: 'a folder the group can enter',
    spoil: (f) => chmodSync(f, 0o750),
    path: '',
    message: /others can read it \(mode 750\): chmod 700 it/,
  },
  {
    name: 'a key the group can read',
    spoil: (f, kid) => chmodSync(join(f, `${kid}.pem`), 0o640),
    path: '/KID.pem',
    message: /others can read it \(mode 640\): chmod 600 it/,
  },
  {
    name: 'a missing key',
    spoil: (f, kid) => rmSync(join(f, `${kid}.pem`)),
    path: '/KID.pem',
    message: /it is missing/,
  },
  {
    name: 'an empty key',
    spoil: (f, kid) => writeFileSync(join(f, `${kid}.pem`), ''),
    path: '/KID.pem',
    message: /it is not a PKCS #8 private key in PEM/,
  },
];

for (const { name, spoil, path, message } of FAULTS) {
  t.test(`${name} is one line that names the file`, async (t) => {
    const copy = await copyOf(t, await aKeyFolder(t));
    const [first, standby] = await somePairs();
    for (const { key } of path.includes('KID') ? [first, standby] : [first]) {
      const { folder, store } = await copyOf(t, copy);
      spoil(folder, key.kid);
      const error = await rejectionOf(store.load(START));
      t.type(error, KeyRingFault);
      t.ok(error.message.includes(`${folder}${path.replace('KID', key.kid)}`), error.message);
      t.match(error.message, message);
      t.notMatch(error.message, /\n/);
      t.notMatch(error.message, /PRIVATE|"d"/);
    }
  });
}

t.test('the key file of another key is refused', async (t) => {
  const { folder, store } = await aKeyFolder(t);
  const [first, standby] = await somePairs();
  renameSync(join(folder, `${standby.key.kid}.pem`), join(folder, `${first.key.kid}.pem`));
  const error = await rejectionOf(store.load(START));
  t.equal(
    error.message,
    `${join(folder, first.key.kid)}.pem: it is not the private half of the key in the ring; ${privateKeyWayOut(first.key.kid)}`,
  );
});

t.test('a kid that is not the thumbprint of its key is refused in every state', async (t) => {
  const ring = await aRotatingRing();
  const [first, , other] = await somePairs();
  const keys = ring.keys.map((key) => (key.kid === first.key.kid ? { ...key, jwk: other.key.jwk } : key));
  const { folder, store } = await aKeyFolder(t);
  writeFileSync(join(folder, 'ring.json'), formatRing({ ...ring, keys }));
  for (const [state, now] of Object.entries({ active: START, retiring: EARLIEST_USE })) {
    await t.rejects(store.load(now), KeyRingFault, state);
  }
});

t.test('a published key must be an RSA key that verifies, also when it does not sign any more', async (t) => {
  const ring = await aRotatingRing();
  const [first] = await somePairs();
  const keys = ring.keys.map((key) => (key.kid === first.key.kid ? { ...key, jwk: { ...key.jwk, n: '' } } : key));
  const { folder, store } = await aKeyFolder(t);
  writeFileSync(join(folder, 'ring.json'), formatRing({ ...ring, keys }));
  await t.rejects(store.load(EARLIEST_USE), KeyRingFault);
});

t.test('what a crash left behind is ignored', async (t) => {
  const { folder, store } = await aKeyFolder(t);
  const [, , stray] = await somePairs();
  writeFileSync(join(folder, `${stray.key.kid}.pem`), stray.privatePem, { mode: 0o644 });
  writeFileSync(join(folder, 'ring.json.new'), '{"form', { mode: 0o600 });
  const loaded = await store.load(START);
  t.equal(loaded.privateKeys.has(stray.key.kid), false);
  t.equal(loaded.privateKeys.size, 2);
});

t.test('a change writes new keys and the ring; null leaves everything as it is', async (t) => {
  const { folder, store } = await aKeyFolder(t);
  const [, , added] = await somePairs();
  const before = readFileSync(join(folder, 'ring.json'), 'utf8');
  t.equal(await store.change(() => null), null);
  t.equal(readFileSync(join(folder, 'ring.json'), 'utf8'), before);
  const ring = await aRotatingRing();
  t.equal(await store.change(() => ({ ring, added: [added], value: 'done' })), 'done');
  t.strictSame(await store.read(), ring);
  t.equal(readFileSync(join(folder, `${added.key.kid}.pem`), 'utf8'), added.privatePem);
  t.equal(modeOf(join(folder, `${added.key.kid}.pem`)), 0o600);
  t.notOk(readdirSync(folder).some((name) => /new$/.test(name)));
});

t.test('a change that throws, or of a ring that is not there, changes nothing', async (t) => {
  const { folder, store } = await aKeyFolder(t);
  const before = readdirSync(folder);
  const fail = () => {
    throw new Error('no');
  };
  await t.rejects(store.change(fail), { message: 'no' });
  t.strictSame(readdirSync(folder), before);
  rmSync(folder, { recursive: true });
  await t.rejects(
    store.change(() => null),
    KeyRingFault,
  );
});

t.test('the fingerprint changes with whatever a ring is made of', async (t) => {
  const { folder, store } = await aKeyFolder(t);
  const [first] = await somePairs();
  let last = await store.fingerprint();
  t.equal(await store.fingerprint(), last);
  const changes: Record<string, () => unknown> = {
    'the mode of a key': () => chmodSync(join(folder, `${first.key.kid}.pem`), 0o644),
    'a missing key': () => rmSync(join(folder, `${first.key.kid}.pem`)),
    'another ring': async () => store.change((ring) => ({ ring, added: [], value: 1 })),
    'the mode of the folder': () => chmodSync(folder, 0o755),
  };
  for (const [name, change] of Object.entries(changes)) {
    await change();
    const now = await store.fingerprint();
    t.not(now, last, name);
    last = now;
  }
});
