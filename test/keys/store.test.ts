import { KeyRingFault } from '../../src/keys/faults.js';
import { formatRing } from '../../src/keys/ring-format.js';
import type { KeyStore } from '../../src/keys/store.js';
import { firstRing, type KeyRing, publishedKey, withKey } from '../../src/oauth/key-ring.js';
import { START } from '../helper.js';
import { rejectionOf } from '../store/support.js';
import { everywhere, filled, type Place } from './store-media.js';
import { aRing, aRotatingRing, EARLIEST_USE, somePairs, TIMING } from './support.js';

const [first, standby, third] = await somePairs();

/** What must never be found where a ring is kept in the open. */
const PRIVATE_MEMBER = /"(d|p|q|dp|dq|qi|k|oth)"/;

/** A change that only gives the third key a place. */
const addThird = (ring: KeyRing) => ({
  ring: { keys: [...ring.keys, publishedKey(third.key, START)], timings: ring.timings },
  added: [third],
  value: 'added',
});

everywhere('what was created is read, and loaded with the private halves that may sign', async (t, place) => {
  const store = place.open();
  t.equal(await store.exists(), false);
  const ring = await aRotatingRing();
  t.equal(await store.create(ring, [first, standby]), true);
  t.equal(await store.exists(), true);
  t.strictSame(await store.read(), ring);
  const loaded = await place.open().load(START);
  t.strictSame(loaded.ring, ring);
  t.strictSame([...loaded.privateKeys.keys()], [first.key.kid, standby.key.kid]);
  t.strictSame(loaded.undestroyed, []);
  t.strictSame([...(await store.load(EARLIEST_USE)).privateKeys.keys()], [standby.key.kid], 'not of a retiring key');
  t.strictSame(await store.readPairs(), [first, standby]);
});

everywhere('the ring has no private member, and only plain files have a private key in the open', async (t, place) => {
  const store = await filled(place);
  await store.change(addThird);
  await store.change((ring) => ({
    ring: withKey(ring, standby.key.kid, { activatesAt: EARLIEST_USE }),
    added: [],
    value: 1,
  }));
  await store.rewrap();
  t.equal(await place.ringText(), formatRing(await store.read()));
  t.notMatch(await place.ringText(), PRIVATE_MEMBER);
  t.notMatch(await place.ringText(), /PRIVATE|-----/);
  const everything = await place.everything();
  t.equal(/-----BEGIN|PRIVATE KEY/.test(everything), place.secret === null);
  for (const { privatePem } of [first, standby, third]) {
    const [, line = ''] = privatePem.split('\n');
    t.equal(everything.includes(line), place.secret === null);
  }
});

everywhere('a ring is made once; of several at once, one makes it', async (t, place) => {
  const store = await filled(place);
  const before = await place.everything();
  t.equal(await place.open().create(firstRing(third.key, first.key, TIMING, START + 1), [third, first]), false);
  t.equal(await place.everything(), before);
  await place.removeRing();
  const rings = Array.from({ length: 4 }, (_, i) => firstRing(first.key, standby.key, TIMING, START + i));
  const made = await Promise.all(rings.map((ring) => place.open().create(ring, [first, standby])));
  t.equal(made.filter(Boolean).length, 1);
  t.strictSame(await store.read(), rings[made.indexOf(true)], 'and it is the one that says so');
  t.equal((await store.load(START)).privateKeys.size, 2);
});

everywhere('a change writes the new ring and the private halves of its new keys', async (t, place) => {
  const store = await filled(place);
  t.equal(await store.change(addThird), 'added');
  t.strictSame(await place.open().read(), addThird(await aRing()).ring);
  t.strictSame(await place.open().readPairs(), [first, standby, third]);
});

everywhere('null, and what is thrown, leave everything as it is', async (t, place) => {
  const store = await filled(place);
  const [before, fingerprint] = [await place.everything(), await store.fingerprint()];
  t.equal(await store.change(() => null), null);
  const fail = () => {
    throw new Error('no');
  };
  await t.rejects(store.change(fail), { message: 'no' });
  t.equal(await place.everything(), before);
  t.equal(await store.fingerprint(), fingerprint);
  t.equal(await store.change(addThird), 'added', 'and nothing stays locked');
});

everywhere('of changes at once none is lost, and each is decided on the ring it replaces', async (t, place) => {
  await filled(place);
  const decided: (readonly number[])[] = [];
  const changes = Array.from({ length: 6 }, (_, i) =>
    place.open().change((ring) => {
      const seen = ring.timings.map(({ since }) => since);
      decided.push(seen);
      const since = Math.max(...seen) + 1;
      const timings = [...ring.timings, { ...TIMING, jwksMaxAgeSeconds: i, since }];
      return { ring: { keys: ring.keys, timings }, added: [], value: seen.length };
    }),
  );
  t.strictSame((await Promise.all(changes)).sort(), [1, 2, 3, 4, 5, 6], 'each saw one more');
  const { timings } = await place.open().read();
  t.strictSame(new Set(timings.map(({ jwksMaxAgeSeconds }) => jwksMaxAgeSeconds)), new Set([300, 0, 1, 2, 3, 4, 5]));
  t.ok(decided.length >= 6);
});

everywhere('who is overtaken decides again, and may then leave it at that', async (t, place) => {
  await filled(place);
  const sawThird: boolean[] = [];
  const addUnlessThere = (ring: KeyRing) => {
    const isThere = ring.keys.some(({ kid }) => kid === third.key.kid);
    sawThird.push(isThere);
    return isThere ? null : addThird(ring);
  };
  const outcomes = await Promise.all([1, 2, 3].map(() => place.open().change(addUnlessThere)));
  t.strictSame(
    outcomes.filter((outcome) => outcome !== null),
    ['added'],
  );
  t.equal(sawThird.filter(Boolean).length, 2, 'the two others saw it');
  t.equal((await place.open().read()).keys.length, 3);
});

/** Whether anything of a private half can be found: in the open or as it was wrapped. */
async function isKept(store: KeyStore, everything: string, kid: string, privatePem: string, kept: string) {
  const lines = privatePem.split('\n').filter((line) => line !== '' && !line.startsWith('-----'));
  const parts = kept.split(/[.\n]/).filter((part) => part.length >= 40 && !part.startsWith('-----'));
  const hasPair = (await store.readPairs()).some(({ key }) => key.kid === kid);
  // A JWE's first part is its header, which other keys may share.
  return hasPair || [...lines, ...parts.slice(1)].some((text) => everything.includes(text));
}

everywhere('private halves of keys that are destroyed or forgotten are gone, byte for byte', async (t, place) => {
  const store = await filled(place);
  await store.change(addThird);
  const kept = await place.keyTexts();
  const look = async ({ key, privatePem }: typeof first) =>
    isKept(store, await place.everything(), key.kid, privatePem, kept[key.kid] ?? '');
  for (const pair of [first, standby, third]) t.equal(await look(pair), true, 'there at first');
  await store.change((ring) => ({ ring: withKey(ring, third.key.kid, { destroyedAt: START }), added: [], value: 1 }));
  t.strictSame(Object.keys(await place.keyTexts()).sort(), [first.key.kid, standby.key.kid].sort());
  t.equal(await look(third), false, 'destroyed');
  await store.change(({ keys: [one], timings }) => ({
    ring: { keys: one ? [one] : [], timings },
    added: [],
    value: 1,
  }));
  t.strictSame(Object.keys(await place.keyTexts()), [first.key.kid]);
  t.equal(await look(standby), false, 'forgotten');
  t.equal(await look(first), true, 'the others are not');
  t.notOk((await place.everything()).includes(standby.key.kid));
});

everywhere('the fingerprint stays while nothing changes, and differs after anything', async (t, place) => {
  const store = await filled(place);
  const seen = [await store.fingerprint()];
  await Promise.all([
    store.load(START),
    store.read(),
    store.readPairs(),
    store.exists(),
    store.leftovers({ remove: true }),
  ]);
  t.equal(await place.open().fingerprint(), seen[0], 'reading changes nothing');
  const { [first.key.kid]: text = '' } = await place.keyTexts();
  const changes: Record<string, () => Promise<unknown>> = {
    'a change': () => store.change(addThird),
    'a change that writes the same ring': () => store.change((ring) => ({ ring, added: [], value: 1 })),
    'a rewrap': () => store.rewrap(),
    'a ring put there by hand': async () => place.putRing(formatRing(await aRing())),
    'a private half taken away': () => place.putKey(first.key.kid, null),
    'a private half put back': () => place.putKey(first.key.kid, text),
  };
  for (const [name, change] of Object.entries(changes)) {
    await change();
    const now = await store.fingerprint();
    t.notOk(seen.includes(now), name);
    t.equal(await place.open().fingerprint(), now);
    seen.push(now);
  }
});

everywhere('another ring in the place of one that was lost has another fingerprint', async (t, place) => {
  const store = await filled(place);
  const before = await store.fingerprint();
  await place.removeRing();
  await store.create(firstRing(third.key, first.key, TIMING, START + 1), [third, first]);
  t.not(await store.fingerprint(), before, 'or servers would never notice');
});

/** A store on which everything takes so long, by a clock that is never set. */
const slowly = (place: Place, tookMs: number) => {
  const times = [1_000_000, 1_000_000 + tookMs];
  return place.open({ steadyMs: () => times.shift() ?? 0 });
};

everywhere('a change that takes longer than 5 s is refused, and the ring is as it was', async (t, place) => {
  await filled(place);
  for (const [tookMs, seconds] of [
    [6_000, 6],
    [3_600_000, 3600],
  ] as const) {
    const error = await rejectionOf(slowly(place, tookMs).change(addThird));
    t.type(error, KeyRingFault);
    t.equal(error.message, `${place.ringName}: writing took ${seconds} s, so nothing was changed: try again`);
    t.strictSame(await place.open().read(), await aRing());
    t.strictSame(await place.open().readPairs(), [first, standby]);
  }
  t.equal(await slowly(place, 5_000).change(addThird), 'added', '5 s are in time');
});

everywhere('so is one that takes a moment longer', async (t, place) => {
  await filled(place);
  for (const tookMs of [5_001, 5_499]) {
    const outcome = await slowly(place, tookMs)
      .change(addThird)
      .catch(() => 'refused');
    t.equal(outcome, 'refused', `${tookMs} ms`);
  }
});

everywhere('a change that is refused for its slowness leaves nothing new behind', async (t, place) => {
  await filled(place);
  const before = await place.everything();
  await t.rejects(slowly(place, 6_000).change(addThird), KeyRingFault);
  t.equal(await place.everything(), before);
});

everywhere('a first ring that takes longer than 5 s is not made', async (t, place) => {
  await t.rejects(slowly(place, 6_000).create(await aRing(), [first, standby]), KeyRingFault);
  t.equal(await place.open().exists(), false);
});
