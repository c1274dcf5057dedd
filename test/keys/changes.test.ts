import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { destroyRetired, importKey, pruneKeys } from '../../src/keys/changes.js';
import { publishedKey } from '../../src/oauth/key-ring.js';
import { START } from '../helper.js';
import { everywhere, filled, isQuick } from './store-media.js';
import { aKeyFolder, aRing, aRotatingRing, EARLIEST_REMOVAL, EARLIEST_USE, somePairs } from './support.js';

const [first, standby, third] = await somePairs();
const at = (now: number) => () => now;
const LATER = START + 3_600_000;

everywhere(
  'an imported key is published until its time, and is refused twice',
  async (t, place) => {
    const store = await filled(place);
    const halves = await place.keyTexts();
    const theirs = { kid: 'their/key', jwk: third.key.jwk };
    const plan = await importKey(store, theirs, LATER, at(START + 1000));
    if ('refused' in plan) throw new Error(plan.refused);
    t.match(plan.imports, { kid: 'their/key', importedUntil: LATER, activatesAt: null });
    t.strictSame((await store.load(START + 1000)).ring, plan.ring);
    t.strictSame(await place.keyTexts(), halves, 'no private half comes or goes');
    const before = await place.everything();
    t.match(await importKey(store, theirs, LATER, at(START)), { refused: 'known_longer', until: LATER });
    t.match(await importKey(store, first.key, LATER, at(START)), { refused: 'own_key' });
    t.match(await importKey(store, { ...theirs, kid: 'other' }, LATER, at(START)), { refused: 'kid_taken' });
    t.equal(await place.everything(), before);
    t.notMatch(await importKey(store, theirs, LATER + 1000, at(START)), { refused: String });
  },
  isQuick,
);

everywhere(
  'what is over is forgotten with its private half; what is not, stays',
  async (t, place) => {
    const store = await filled(place, await aRotatingRing());
    const early = await pruneKeys(store, at(EARLIEST_REMOVAL - 1));
    t.strictSame(early.forgets, []);
    t.strictSame(await store.read(), await aRotatingRing());
    t.equal(Object.keys(await place.keyTexts()).length, 2);
    const plan = await pruneKeys(store, at(EARLIEST_REMOVAL));
    t.strictSame(
      plan.forgets.map(({ kid }) => kid),
      [first.key.kid],
    );
    t.strictSame(
      (await store.read()).keys.map(({ kid }) => kid),
      [standby.key.kid],
    );
    t.strictSame(Object.keys(await place.keyTexts()), [standby.key.kid]);
  },
  isQuick,
);

everywhere('private halves that have nothing left to do are destroyed, once', async (t, place) => {
  const store = await filled(place, await aRotatingRing());
  t.strictSame(await destroyRetired(store, [], at(EARLIEST_USE - 1)), [], 'not of the key that signs');
  t.equal(Object.keys(await place.keyTexts()).length, 2);
  t.strictSame(await destroyRetired(store, [], at(EARLIEST_USE)), [first.key.kid]);
  t.strictSame(Object.keys(await place.keyTexts()), [standby.key.kid]);
  const { keys } = await store.read();
  t.strictSame(
    keys.map(({ destroyedAt }) => destroyedAt),
    [EARLIEST_USE, null],
    'the ring says so',
  );
  t.strictSame(await destroyRetired(store, [], at(EARLIEST_USE + 1)), []);
  t.equal((await store.read()).keys[0]?.destroyedAt, EARLIEST_USE, 'when it was');
  t.equal((await store.load(EARLIEST_USE)).privateKeys.size, 1);
});

everywhere(
  'a destruction that was killed after the ring said so is finished by the next',
  async (t, place) => {
    const store = await filled(place, await aRotatingRing());
    const { [first.key.kid]: text = '' } = await place.keyTexts();
    await destroyRetired(store, [], at(EARLIEST_USE));
    await place.putKey(first.key.kid, text);
    t.strictSame((await store.load(EARLIEST_USE)).undestroyed, [first.key.kid]);
    await destroyRetired(store, [first.key.kid], at(EARLIEST_USE));
    t.strictSame(Object.keys(await place.keyTexts()), [standby.key.kid]);
  },
  isQuick,
);

/** Names another issuer may give its keys, and nobody may take for paths. */
const STRANGE_KIDS = [
  '../victim',
  'a/../../victim',
  './x',
  'k'.repeat(255),
  '..',
  '__proto__',
  '$(x)',
  '%2e%2e',
  'a/b',
];

everywhere(
  'an imported key of any name is forgotten, and nothing else goes with it',
  async (t, place) => {
    const store = await filled(place);
    for (const kid of STRANGE_KIDS) {
      await importKey(store, { kid, jwk: third.key.jwk }, START + 1000, at(START));
      t.equal((await store.load(START)).ring.keys.at(-1)?.kid, kid);
      const halves = await place.keyTexts();
      const plan = await pruneKeys(store, at(LATER));
      t.strictSame(
        plan.forgets.map((key) => key.kid),
        [kid],
      );
      t.strictSame(await place.keyTexts(), halves);
    }
  },
  isQuick,
);

t.test('the name of an imported key is no path: files outside of the folder stay', async (t) => {
  const { folder, store } = await aKeyFolder(t);
  const outside = dirname(folder);
  mkdirSync(join(outside, 'tls'));
  const victims = ['victim.pem', 'victim.jwe', 'tls/server.pem'];
  for (const name of victims) writeFileSync(join(outside, name), 'precious');
  const ring = await aRing();
  const imported = ['../victim', '../tls/server'].map((kid) => ({
    ...publishedKey({ kid, jwk: third.key.jwk }, START),
    importedUntil: START + 1000,
  }));
  await store.change(() => ({ ring: { ...ring, keys: [...ring.keys, ...imported] }, added: [], value: 1 }));
  await pruneKeys(store, at(LATER));
  t.equal((await store.read()).keys.length, 2, 'they were forgotten');
  t.strictSame(readdirSync(outside).sort(), ['keys', 'tls', 'victim.jwe', 'victim.pem']);
  t.strictSame(readdirSync(join(outside, 'tls')), ['server.pem']);
});
