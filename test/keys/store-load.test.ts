import { generateKeyPairSync } from 'node:crypto';
import { KeyRingFault } from '../../src/keys/faults.js';
import { formatRing } from '../../src/keys/ring-format.js';
import { rotateKeys } from '../../src/keys/rotate.js';
import { type KeyPair, thumbprint } from '../../src/keys/rsa.js';
import { openKeyStore } from '../../src/keys/store.js';
import { firstRing, type KeyRing, publishedKey, type RingKey, withKey } from '../../src/oauth/key-ring.js';
import { START } from '../helper.js';
import { rejectionOf } from '../store/support.js';
import { everywhere, filled } from './store-media.js';
import { aRing, aRotatingRing, EARLIEST_REMOVAL, EARLIEST_USE, somePairs, TIMING } from './support.js';

const [first, standby, third] = await somePairs();

/** A pair of 1024 bits under its true thumbprint. */
async function smallPair(): Promise<KeyPair> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const { n = '', e = '' } = publicKey.export({ format: 'jwk' });
  const jwk = { kty: 'RSA', n, e } as const;
  const privatePem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { key: { kid: await thumbprint(jwk), jwk }, privatePem };
}

/** The ring with other facts about its first key. */
const withFirst = (ring: KeyRing, change: Partial<RingKey>) => withKey(ring, first.key.kid, change);

everywhere('a key that signs or will sign needs its private half, and no other does', async (t, place) => {
  const store = await filled(place, await aRotatingRing());
  const { [first.key.kid]: firstText = '', [standby.key.kid]: standbyText = '' } = await place.keyTexts();
  await place.putKey(first.key.kid, null);
  for (const [state, now] of Object.entries({ retiring: EARLIEST_USE, removed: EARLIEST_REMOVAL })) {
    t.strictSame([...(await store.load(now)).privateKeys.keys()], [standby.key.kid], state);
  }
  const missing = `${place.isFolder ? place.keyName(first.key.kid).replace('.jwe', '.pem') : place.keyName(first.key.kid)}: it is missing`;
  t.match((await rejectionOf(store.load(EARLIEST_USE - 1))).message, missing, 'active');
  t.strictSame(await store.readPairs(), [standby], 'what is not there is not read');
  await place.putKey(first.key.kid, firstText);
  await place.putKey(standby.key.kid, null);
  await t.rejects(store.load(START), KeyRingFault, 'published');
  await place.putRing(formatRing(withKey(await aRotatingRing(), standby.key.kid, { revokedAt: START })));
  t.strictSame([...(await store.load(START)).privateKeys.keys()], [first.key.kid], 'revoked');
  await place.putKey(standby.key.kid, standbyText);
  t.strictSame((await store.load(START)).undestroyed, [], 'nobody said it was destroyed');
});

everywhere('an imported key needs no private half and may be called anything', async (t, place) => {
  const ring = await aRing();
  const { key } = third;
  const imported = { ...publishedKey({ ...key, kid: 'their/key:2024' }, START), importedUntil: START + 1000 };
  const store = await filled(place, { keys: [...ring.keys, imported], timings: ring.timings });
  const loaded = await store.load(START);
  t.strictSame(loaded.ring.keys.at(-1), imported);
  t.equal(loaded.privateKeys.size, 2);
  await t.resolves(store.load(START + 2000), 'nor afterwards');
});

everywhere(
  'a private half that outlived its destruction is reported, and goes with the next change',
  async (t, place) => {
    const ring = withFirst(await aRotatingRing(), { destroyedAt: EARLIEST_USE });
    const store = await filled(place, ring);
    t.strictSame((await store.load(EARLIEST_USE)).undestroyed, [first.key.kid]);
    t.equal((await store.load(EARLIEST_USE)).privateKeys.has(first.key.kid), false, 'it is not used');
    await store.change((now) => ({ ring: now, added: [], value: 1 }));
    t.strictSame((await store.load(EARLIEST_USE)).undestroyed, []);
    t.strictSame(Object.keys(await place.keyTexts()), [standby.key.kid]);
  },
);

everywhere('a key of less than 2048 bits is refused, whoever put it there', async (t, place) => {
  const small = await smallPair();
  const store = place.open();
  await store.create(firstRing(small.key, standby.key, TIMING, START), [small, standby]);
  const inRing = `${place.ringName}: key ${small.key.kid}: it has 1024 bits; at least 2048 are needed`;
  t.match((await rejectionOf(store.load(START))).message, inRing);
  const retiring = { ...withKey(await store.read(), standby.key.kid, { activatesAt: EARLIEST_USE }) };
  await place.putRing(formatRing(retiring));
  t.match((await rejectionOf(store.load(EARLIEST_USE))).message, inRing, 'also when it signs no more');
  const { kid, jwk } = small.key;
  const imported = { ...publishedKey({ kid: `${kid}x`, jwk }, START), importedUntil: EARLIEST_USE };
  await place.putRing(formatRing({ ...retiring, keys: [...(await aRing()).keys.slice(1), imported] }));
  t.match(
    (await rejectionOf(store.load(START))).message,
    `${place.ringName}: key ${kid}x: it has 1024 bits`,
    'imported',
  );
});

everywhere('a kid that is not the thumbprint of its key is refused while the key is published', async (t, place) => {
  const store = await filled(place, await aRotatingRing());
  const wrong = withFirst(await aRotatingRing(), { jwk: third.key.jwk });
  await place.putRing(formatRing(wrong));
  const sentence = `${place.ringName}: key ${first.key.kid}: its RFC 7638 thumbprint is not its kid`;
  for (const now of [START, EARLIEST_USE]) t.match((await rejectionOf(store.load(now))).message, sentence);
  const error = await rejectionOf(store.readPairs());
  const mismatch = `${place.keyName(first.key.kid)}: it is not the private half of the key in the ring`;
  t.match(error.message, mismatch, 'nor is it taken anywhere');
  await t.resolves(store.load(EARLIEST_REMOVAL), 'what is out of the JWKS does no harm');
});

everywhere('a public key that cannot be read is one line that names the ring and the key', async (t, place) => {
  const store = await filled(place);
  for (const n of ['', '!!!', 'AQ']) {
    await place.putRing(formatRing(withFirst(await aRing(), { jwk: { kty: 'RSA', n, e: 'AQAB' } })));
    const error = await rejectionOf(store.load(START));
    t.type(error, KeyRingFault);
    t.ok(error.message.startsWith(`${place.ringName}: key ${first.key.kid}: `), error.message);
    t.notMatch(error.message, /\n/);
  }
});

everywhere('a ring of the future is read, and nothing is planned on it', async (t, place) => {
  const later = START + 3_600_000;
  const store = await filled(place, firstRing(first.key, standby.key, TIMING, later));
  const before = await place.everything();
  t.equal((await store.load(START)).privateKeys.size, 2, 'its keys sign: one is active at every moment');
  const refusal = { refused: 'clock_behind', changedAt: later, now: START };
  t.strictSame(await rotateKeys(store, {}, () => START), refusal);
  t.strictSame(await rotateKeys(store, { dryRun: true }, () => START), refusal);
  t.equal(await place.everything(), before);
});

everywhere('a ring that changes while it is read is read again', async (t, place) => {
  await filled(place);
  const [medium, wrapping] = [place.medium(), place.wrapping()];
  let readings = 0;
  const overtaken = openKeyStore(
    {
      ...medium,
      async read() {
        const content = await medium.read();
        readings++;
        if (readings > 1) return content;
        // Between the ring and its private keys, somebody puts another ring in its place.
        await place.open().change(() => ({
          ring: firstRing(third.key, standby.key, TIMING, START),
          added: [third, standby],
          value: 1,
        }));
        return { ...content, privateKey: (kid) => medium.read().then((now) => now.privateKey(kid)) };
      },
    },
    wrapping,
  );
  const loaded = await overtaken.load(START);
  t.equal(readings, 2);
  t.strictSame([...loaded.privateKeys.keys()], [third.key.kid, standby.key.kid]);
});

everywhere('a ring that is bad is read once, and one that never rests a few times', async (t, place) => {
  await filled(place);
  const medium = place.medium();
  const readingsWith = async (fingerprint: () => Promise<string>) => {
    let readings = 0;
    const read = async () => {
      readings++;
      throw new KeyRingFault('bad');
    };
    await t.rejects(openKeyStore({ ...medium, read, fingerprint }, place.wrapping()).load(START), { message: 'bad' });
    return readings;
  };
  t.equal(await readingsWith(medium.fingerprint), 1);
  let changes = 0;
  t.equal(await readingsWith(async () => String(changes++)), 3);
  const isUnreadable = async () => {
    throw new Error('no fingerprint');
  };
  t.equal(await readingsWith(isUnreadable), 1);
});
