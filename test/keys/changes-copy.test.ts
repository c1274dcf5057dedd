import t, { type Test } from 'tap';
import { copyRing, importKey } from '../../src/keys/changes.js';
import { KeyRingFault } from '../../src/keys/faults.js';
import type { KeyStore } from '../../src/keys/store.js';
import { firstRing, withKey } from '../../src/oauth/key-ring.js';
import { START } from '../helper.js';
import { rejectionOf } from '../store/support.js';
import { filled, MEDIA, type Place } from './store-media.js';
import { aRing, aRotatingRing, EARLIEST_USE, somePairs, TIMING } from './support.js';

const [first, standby, third] = await somePairs();
const at = (now: number) => () => now;
const [plain, locked, sqlite, postgres] = MEDIA;

/** From where to where, each way that is possible. */
const WAYS = [
  [plain, sqlite],
  [sqlite, plain],
  [locked, postgres],
  [postgres, locked],
] as const;

function between(title: string, test: (t: Test, from: Place, to: Place) => Promise<unknown>): void {
  for (const [source, target] of WAYS) {
    if (source === undefined || target === undefined) throw new Error('a medium is missing');
    t.test(`from ${source.name} to ${target.name}: ${title}`, async (t) => {
      await test(t, await source.place(t), await target.place(t));
    });
  }
}

/** Another ring, to be replaced. */
async function filledOtherwise(place: Place): Promise<KeyStore> {
  const store = place.open();
  await store.create(firstRing(third.key, standby.key, TIMING, START - 1000), [third, standby]);
  return store;
}

between('a whole ring is taken along, and the source stays', async (t, from, to) => {
  const [source, target] = [await filled(from, await aRotatingRing()), to.open()];
  await importKey(source, { kid: 'their/key', jwk: third.key.jwk }, EARLIEST_USE, at(START));
  const before = await from.everything();
  t.strictSame(await copyRing(source, target, false, at(START)), [first.key.kid, standby.key.kid, 'their/key']);
  t.equal(await to.ringText(), await from.ringText(), 'to the letter');
  t.strictSame(await target.readPairs(), [first, standby]);
  t.equal((await target.load(START)).privateKeys.size, 2);
  t.equal(await from.everything(), before);
  t.equal(/-----BEGIN/.test(await to.everything()), to.secret === null);
});

between('a ring that is there is kept, unless it is to be replaced', async (t, from, to) => {
  const [source, target] = [await filled(from), await filledOtherwise(to)];
  const before = await to.everything();
  const error = await rejectionOf(copyRing(source, target, false, at(START)));
  t.type(error, KeyRingFault);
  t.equal(error.message, `${target.place}: there is a key ring already; --replace puts this one in its place`);
  t.equal(await to.everything(), before);
  t.strictSame(await copyRing(source, target, true, at(START)), [first.key.kid, standby.key.kid]);
  t.equal(await to.ringText(), await from.ringText());
  t.strictSame(await target.readPairs(), [first, standby]);
  t.strictSame(Object.keys(await to.keyTexts()).sort(), [first.key.kid, standby.key.kid].sort(), 'the old key is gone');
});

between('a ring that changed meanwhile is not copied', async (t, from, to) => {
  const [source, target] = [await filled(from), to.open()];
  let isChanged = false;
  const changing: KeyStore = {
    ...source,
    async readPairs() {
      const pairs = await source.readPairs();
      if (!isChanged)
        await source.change(() => ({
          ring: firstRing(first.key, standby.key, TIMING, START + 1),
          added: [],
          value: 1,
        }));
      isChanged = true;
      return pairs;
    },
  };
  const error = await rejectionOf(copyRing(changing, target, false, at(START)));
  t.equal(error.message, `${source.place}: the ring changed just now: try again`);
  t.equal(await target.exists(), false);
  t.strictSame(await copyRing(changing, target, false, at(START)), [first.key.kid, standby.key.kid], 'tried again');
  t.equal(await to.ringText(), await from.ringText());
});

between('a ring that is not fit is not copied, nor one that is not there', async (t, from, to) => {
  const target = to.open();
  const nothing = await rejectionOf(copyRing(from.open(), target, false, at(START)));
  t.equal(nothing.message, from.open().missing);
  t.type(nothing, KeyRingFault);
  const source = await filled(from);
  await from.putKey(standby.key.kid, null);
  await t.rejects(copyRing(source, target, false, at(START)), KeyRingFault);
  t.equal(await target.exists(), false);
});

between('a private half that should be destroyed is not brought to a new place', async (t, from, to) => {
  const source = await filled(from, withKey(await aRotatingRing(), first.key.kid, { destroyedAt: EARLIEST_USE }));
  t.strictSame((await source.load(EARLIEST_USE)).undestroyed, [first.key.kid], 'somebody was killed before');
  await copyRing(source, to.open(), false, at(EARLIEST_USE));
  t.strictSame(Object.keys(await to.keyTexts()), [standby.key.kid]);
});

between('a broken ring can be replaced by a good one', async (t, from, to) => {
  const [source, target] = [await filled(from), await filledOtherwise(to)];
  await to.putRing('garbage');
  t.equal(await target.exists(), true);
  await t.resolves(copyRing(source, target, true, at(START)));
  t.strictSame((await target.load(START)).ring, await aRing());
  t.strictSame(
    Object.keys(await to.keyTexts()).filter((kid) => kid === third.key.kid),
    [],
    'the old key is gone',
  );
});

between('there and back is the same ring', async (t, from, to) => {
  const [source, target] = [await filled(from), to.open()];
  const ring = await from.ringText();
  await copyRing(source, target, false, at(START));
  await target.change((now) => ({
    ring: withKey(now, standby.key.kid, { activatesAt: EARLIEST_USE }),
    added: [],
    value: 1,
  }));
  await copyRing(target, source, true, at(START));
  t.strictSame(await source.read(), await aRotatingRing());
  t.not(await from.ringText(), ring);
  t.strictSame(await source.readPairs(), [first, standby]);
});
