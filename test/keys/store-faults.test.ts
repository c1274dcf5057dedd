import { CompactEncrypt } from 'jose';
import { KeyRingFault } from '../../src/keys/faults.js';
import { formatRing } from '../../src/keys/ring-format.js';
import { START } from '../helper.js';
import { rejectionOf } from '../store/support.js';
import { encryptionKey, everywhere, filled, type Place, SECRET } from './store-media.js';
import { aRing, somePairs } from './support.js';

const [first, standby] = await somePairs();

/** What is asked of every message: whose fault, and the way out. */
const WAY_OUT = /restore|backup|chmod|set KEYS_|is KEYS_\w+ (the one|right)|mintd keys|try again/;

type Fault = {
  readonly name: string;
  spoil(place: Place, kid: string): Promise<unknown>;
  /** The whole sentence after the ring's name. */
  readonly says: RegExp;
};

const cut = (text: string) => text.slice(0, text.length / 2);

const RING_FAULTS: readonly Fault[] = [
  {
    name: 'an empty ring',
    spoil: (place) => place.putRing(''),
    says: /^it is not JSON: it may have been cut or edited/,
  },
  {
    name: 'a cut ring',
    spoil: async (place) => place.putRing(cut(await place.ringText())),
    says: /^it is not JSON: it may have been cut or edited/,
  },
  {
    name: 'binary garbage',
    spoil: (place) => place.putRing('\u0001\u0002\ufffd"'),
    says: /^it is not JSON: it may have been cut or edited/,
  },
  { name: 'another JSON', spoil: (place) => place.putRing('[]'), says: /^it is not a key ring: [^:]/ },
  {
    name: 'a ring without keys',
    spoil: (place) => place.putRing('{"keys":[]}'),
    says: /^it is not a key ring: format: /,
  },
  {
    name: 'a later format',
    spoil: async (place) => place.putRing((await place.ringText()).replace('ring/1', 'ring/2')),
    says: /^it is not a key ring: format: /,
  },
  {
    name: 'a ring with a private member',
    spoil: async (place) => place.putRing((await place.ringText()).replace('"kty"', '"d": "c2VjcmV0", "kty"')),
    says: /^it is not a key ring: keys\.0\.jwk: /,
  },
];

const readersOf = (place: Place) => {
  const store = place.open();
  return {
    load: () => store.load(START),
    read: () => store.read(),
    readPairs: () => store.readPairs(),
    change: () => store.change(() => null),
    rewrap: () => store.rewrap(),
  };
};

for (const { name, spoil, says } of RING_FAULTS) {
  everywhere(`${name} is refused by all in one line with its name, and stays`, async (t, place) => {
    await filled(place);
    await spoil(place, first.key.kid);
    const before = await place.everything();
    for (const [reader, call] of Object.entries(readersOf(place))) {
      const error = await rejectionOf(call());
      t.type(error, KeyRingFault, `${reader}: ${error.message}`);
      t.ok(error.message.startsWith(`${place.ringName}: `), `${reader}: ${error.message}`);
      t.match(error.message.replace(`${place.ringName}: `, ''), says, reader);
      t.notMatch(error.message, /\n|c2VjcmV0|PRIVATE/, reader);
    }
    t.equal(await place.everything(), before);
    t.equal(await place.open().exists(), true, 'it counts as a ring, so that none is made in its place');
    t.equal(await place.open().create(await aRing(), []), false);
  });
}

const jwe = (header: { alg: string; enc: string }, secret: Uint8Array, text = first.privatePem) =>
  new CompactEncrypt(new TextEncoder().encode(text)).setProtectedHeader(header).encrypt(secret);

const KEY_FAULTS: readonly Fault[] = [
  { name: 'no private key', spoil: (place, kid) => place.putKey(kid, null), says: /^it is missing/ },
  {
    name: 'an empty private key',
    spoil: (place, kid) => place.putKey(kid, ''),
    says: /^it is (not a PKCS #8 private key in PEM|neither PKCS #8 nor a JWE: it may have been cut)/,
  },
  {
    name: 'a cut private key',
    spoil: async (place, kid) => place.putKey(kid, cut((await place.keyTexts())[kid] ?? '')),
    says: /^it (is not a PKCS #8 private key in PEM|is neither PKCS #8 nor a JWE: it may have been cut|cannot be decrypted)/,
  },
  {
    name: 'the private key of another',
    spoil: async (place, kid) => place.putKey(kid, (await place.keyTexts())[standby.key.kid] ?? ''),
    says: /^it is not the private half of the key in the ring/,
  },
];

for (const { name, spoil, says } of KEY_FAULTS) {
  everywhere(`${name} is refused in one line with its name, and stays`, async (t, place) => {
    const store = await filled(place);
    await spoil(place, first.key.kid);
    const before = await place.everything();
    const error = await rejectionOf(store.load(START));
    t.type(error, KeyRingFault);
    const path = place.keyName(first.key.kid).replace(/\.(pem|jwe)$/, '');
    t.ok(error.message.startsWith(path), error.message);
    t.match(error.message.slice(path.length).replace(/^(\.pem|\.jwe)?: /, ''), says);
    t.notMatch(error.message, /\n|PRIVATE KEY-/);
    t.equal(await place.everything(), before);
    t.strictSame(await store.read(), await aRing(), 'the ring itself can still be shown');
  });
}

everywhere('every such line says what to do', async (t, place) => {
  const store = await filled(place);
  const [ring, { [first.key.kid]: text = '' }] = [await place.ringText(), await place.keyTexts()];
  for (const { name, spoil } of [...RING_FAULTS, ...KEY_FAULTS]) {
    await place.putRing(ring);
    await place.putKey(first.key.kid, text);
    await spoil(place, first.key.kid);
    const { message } = await rejectionOf(store.load(START));
    t.match(message, WAY_OUT, `${name}: ${message}`);
  }
});

const locked = ({ name }: { name: string }) => name !== 'plain files';

everywhere(
  'with a wrong secret or none, one line names the private key and the setting',
  async (t, place) => {
    await filled(place);
    const before = await place.everything();
    const setting = place.isFolder ? 'KEYS_PASSPHRASE' : 'KEYS_ENCRYPTION_KEY';
    const wrong = place.isFolder
      ? 'it cannot be decrypted: is KEYS_PASSPHRASE the one it was encrypted with?'
      : 'it cannot be decrypted: it wants the key N-6XiCXt; is KEYS_ENCRYPTION_KEY right? it has id tEY9xBKb';
    const sentences = [
      [place.open({ secret: 'another' }), wrong],
      [place.open({ secret: null }), `it is encrypted: set ${setting}`],
    ] as const;
    for (const [store, says] of sentences) {
      for (const call of [() => store.load(START), () => store.readPairs(), () => store.rewrap()]) {
        t.equal((await rejectionOf(call())).message, `${place.keyName(first.key.kid)}: ${says}`);
      }
      t.strictSame(await store.read(), await aRing(), 'the ring itself can still be shown');
    }
    t.equal(await place.everything(), before);
  },
  locked,
);

everywhere(
  'a private key encrypted in another way is refused, even under the right secret',
  async (t, place) => {
    const store = await filled(place);
    const [key, passphrase] = [encryptionKey(SECRET), new TextEncoder().encode(SECRET)];
    const others = [
      await jwe({ alg: 'A256KW', enc: 'A256GCM' }, key),
      await jwe({ alg: 'A256GCMKW', enc: 'A256GCM' }, key),
      await jwe({ alg: 'dir', enc: 'A128CBC-HS256' }, key),
      await jwe({ alg: 'PBES2-HS256+A128KW', enc: 'A256GCM' }, passphrase),
      place.isFolder
        ? await jwe({ alg: 'dir', enc: 'A256GCM' }, key)
        : await jwe({ alg: 'PBES2-HS512+A256KW', enc: 'A256GCM' }, passphrase),
    ];
    for (const other of others) {
      await place.putKey(first.key.kid, other);
      const error = await rejectionOf(store.load(START));
      t.type(error, KeyRingFault);
      t.ok(error.message.startsWith(`${place.keyName(first.key.kid)}: it cannot be decrypted: `), error.message);
    }
  },
  locked,
);

everywhere(
  'a plain private key is none for the database, and garbage beside the ring is named',
  async (t, place) => {
    const store = await filled(place);
    await place.putKey(first.key.kid, first.privatePem);
    const error = await rejectionOf(store.load(START));
    t.ok(error.message.startsWith(`${place.keyName(first.key.kid)}: it is neither PKCS #8 nor a JWE`), error.message);
  },
  ({ name }) => name.startsWith('a row'),
);

everywhere('a ring that cannot be read is never overwritten by a change', async (t, place) => {
  const store = await filled(place);
  const good = await place.ringText();
  await place.putRing(cut(good));
  const before = await place.everything();
  let isAsked = false;
  const change = store.change((ring) => {
    isAsked = true;
    return { ring, added: [], value: 1 };
  });
  await t.rejects(change, KeyRingFault);
  t.equal(isAsked, false);
  t.equal(await place.everything(), before);
  await place.putRing(good);
  t.equal(formatRing((await store.load(START)).ring), good, 'put right again, it goes on');
});
