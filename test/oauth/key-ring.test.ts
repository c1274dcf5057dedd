import t from 'tap';
import { firstRing, type KeyRing, publishedKey, type RingKey, type RingTiming } from '../../src/oauth/key-ring.js';
import { activeKey, type KeyState, nextChange, publishedKeys, viewRing } from '../../src/oauth/key-states.js';

const T = Date.UTC(2026, 0, 1);
const s = (seconds: number) => T + seconds * 1000;

/** The defaults: a key waits 300 + 600 + 60 + 5 = 965 s, and stays 3600 + 60 + 5 = 3665 s. */
const TIMING: RingTiming = {
  jwksMaxAgeSeconds: 300,
  verifierCacheSeconds: 600,
  accessTokenMaxTtlSeconds: 3600,
  clockSkewSeconds: 60,
};

const named = (kid: string) => ({ kid, jwk: { kty: 'RSA', n: `n-${kid}`, e: 'AQAB' } }) as const;

function key(kid: string, publishedAt: number, activatesAt: number | null, revokedAt: number | null = null): RingKey {
  return { ...publishedKey(named(kid), publishedAt), activatesAt, revokedAt };
}

function ringOf(...keys: RingKey[]): KeyRing {
  return { keys, timings: [{ ...TIMING, since: T }] };
}

const states = (ring: KeyRing, now: number) => viewRing(ring, now).map(({ state }) => state);

t.test('in the first ring one key signs at once and one stands by', async (t) => {
  const ring = firstRing(named('a'), named('b'), TIMING, T);
  t.strictSame(ring, ringOf(key('a', T, T), key('b', T, null)));
  t.strictSame(states(ring, T), ['active', 'published']);
  t.equal(activeKey(ring, T)?.kid, 'a');
  t.equal(nextChange(ring, T), null, 'and that stays so until somebody rotates');
});

/** a signed from 0, b from 10,000 on, c is scheduled for 20,000, d stands by. */
const ROTATED = ringOf(
  key('a', s(0), s(0)),
  key('b', s(0), s(10_000)),
  key('c', s(9000), s(20_000)),
  key('d', s(0), null),
);

const MOMENTS: readonly [sentence: string, now: number, a: KeyState, b: KeyState, c: KeyState][] = [
  ['at the beginning', s(0), 'active', 'published', 'published'],
  ['just before the change', s(10_000) - 1, 'active', 'published', 'published'],
  ['at the change: exactly one signs', s(10_000), 'retiring', 'active', 'published'],
  ['the last moment of the first', s(13_665) - 1, 'retiring', 'active', 'published'],
  ['deactivation + 3600 + 60 + 5: out of the JWKS', s(13_665), 'removed', 'active', 'published'],
  ['the second change', s(20_000), 'removed', 'retiring', 'active'],
  ['and its end', s(23_665), 'removed', 'removed', 'active'],
];

t.test('the state of a key follows from its times and now', async (t) => {
  for (const [sentence, now, a, b, c] of MOMENTS) {
    t.strictSame(states(ROTATED, now), [a, b, c, 'published'], sentence);
  }
});

t.test('a key is shown with the times that follow from the ring', async (t) => {
  const times = viewRing(ROTATED, s(0)).map(({ deactivatesAt, removesAt }) => [deactivatesAt, removesAt]);
  t.strictSame(times, [
    [s(10_000), s(13_665)],
    [s(20_000), s(23_665)],
    [null, null],
    [null, null],
  ]);
});

t.test('the order of the keys in the ring means nothing', async (t) => {
  const reversed = { ...ROTATED, keys: ROTATED.keys.toReversed() };
  for (const [sentence, now] of MOMENTS) {
    t.strictSame(viewRing(reversed, now).toReversed(), viewRing(ROTATED, now), sentence);
    t.strictSame(activeKey(reversed, now), activeKey(ROTATED, now), sentence);
  }
});

t.test('verifiers are shown all that are published, sign, or signed tokens that may still live', async (t) => {
  const kids = (now: number) => publishedKeys(ROTATED, now).map(({ kid }) => kid);
  t.strictSame(kids(s(0)), ['a', 'b', 'c', 'd']);
  t.strictSame(kids(s(13_665) - 1), ['a', 'b', 'c', 'd']);
  t.strictSame(kids(s(13_665)), ['b', 'c', 'd']);
});

t.test('the next change is the next moment at which any state changes', async (t) => {
  const rows = [
    [s(0), s(10_000)],
    [s(10_000) - 1, s(10_000)],
    [s(10_000), s(13_665)],
    [s(13_665), s(20_000)],
    [s(20_000), s(23_665)],
    [s(23_665), null],
  ] as const;
  for (const [now, next] of rows) t.equal(nextChange(ROTATED, now), next);
});

t.test('no key signs in a ring that is broken', async (t) => {
  t.equal(activeKey(ringOf(), s(0)), null, 'no key at all');
  t.equal(nextChange(ringOf(), s(0)), null);
  t.equal(activeKey(ringOf(key('a', s(0), null)), s(0)), null, 'only one that stands by');
  t.equal(
    activeKey(ringOf(key('a', s(0), s(0), s(1)), key('b', s(0), null)), s(2)),
    null,
    'the one that signed is revoked',
  );
});

t.test('a clock that is behind the ring has a key that signs all the same: the first that can', async (t) => {
  const ring = ringOf(key('a', s(10), s(10)), key('b', s(10), s(20)), key('c', s(10), null));
  t.strictSame(states(ring, s(10) - 1), ['active', 'published', 'published']);
  const [a, ...others] = ring.keys;
  if (a === undefined) throw new Error('no key');
  const destroyed = ringOf({ ...a, destroyedAt: s(20) }, ...others);
  t.strictSame(states(destroyed, s(15)), ['retiring', 'active', 'published'], 'whose private half is there');
});

t.test('a revoked key is out at once, whatever it was', async (t) => {
  const standby = ringOf(key('a', s(0), s(0)), key('b', s(0), null, s(50)));
  t.strictSame(states(standby, s(50)), ['active', 'revoked'], 'a standby');
  t.strictSame(states(standby, s(40)), ['active', 'revoked'], 'also where the clock is behind');
  const scheduled = ringOf(key('a', s(0), s(0)), key('b', s(0), s(1000), s(50)), key('c', s(50), null));
  t.strictSame(states(scheduled, s(1000)), ['active', 'revoked', 'published'], 'a scheduled one never signs');
  t.equal(viewRing(scheduled, s(50))[0]?.deactivatesAt, null, 'and the active one goes on');
  t.equal(nextChange(scheduled, s(50)), null, 'its times no longer matter');
  const active = ringOf(key('a', s(0), s(0), s(50)), key('b', s(0), s(50)), key('c', s(50), null));
  t.strictSame(states(active, s(50)), ['revoked', 'active', 'published'], 'the active one: the standby signs from now');
  t.strictSame(
    publishedKeys(active, s(50)).map(({ kid }) => kid),
    ['b', 'c'],
  );
  const retiring = ringOf(key('a', s(0), s(0), s(1500)), key('b', s(0), s(1000)));
  t.strictSame(states(retiring, s(1500)), ['revoked', 'active'], 'a retiring one');
});

t.test('a key that stopped signing never signs again, though its successor is revoked', async (t) => {
  const ring = ringOf(key('a', s(0), s(0)), key('b', s(0), s(1000), s(9000)), key('c', s(1000), s(9000)));
  const [a] = viewRing(ring, s(9000));
  t.equal(a?.deactivatesAt, s(1000), 'it stopped when its successor began, not when that was revoked');
  t.equal(a?.removesAt, s(4665));
  t.equal(a?.state, 'removed', 'its tokens have run out long ago: it does not come back');
  const waiting = ringOf(key('a', s(0), s(0)), key('b', s(0), s(1000), s(2000)), key('c', s(1000), null));
  t.not(activeKey(waiting, s(2000))?.kid, 'a', 'its private half is destroyed: it cannot sign');
});

t.test('a later timing does not bring a removed key back, nor keep one that had stopped signing before', async (t) => {
  const longer = { ...TIMING, accessTokenMaxTtlSeconds: 86_400 };
  const timings = (since: number) => [
    { ...TIMING, since: T },
    { ...longer, since },
  ];
  const at = (since: number) => viewRing({ keys: ROTATED.keys, timings: timings(since) }, s(0))[0]?.removesAt;
  t.equal(at(s(13_665)), s(13_665), 'after the removal');
  t.equal(at(s(10_001)), s(13_665), 'after it stopped signing');
  t.equal(at(s(10_000)), s(10_000 + 86_400 + 60 + 5), 'at the very moment');
  t.equal(at(s(9000)), s(10_000 + 86_400 + 60 + 5), 'before: tokens of the longer lifetime may be out');
});

t.test('a longer lifetime that was replaced counts until its last token has run out, and no longer', async (t) => {
  const timings = (replacedAt: number) => [
    { ...TIMING, accessTokenMaxTtlSeconds: 20_000, since: T },
    { ...TIMING, accessTokenMaxTtlSeconds: 60, since: replacedAt },
  ];
  const at = (replacedAt: number) => viewRing({ keys: ROTATED.keys, timings: timings(replacedAt) }, s(0))[0]?.removesAt;
  t.equal(at(s(9000)), s(10_000 + 20_000 + 60 + 5), 'replaced shortly before: its tokens may be out');
  t.equal(at(s(11_000)), s(10_000 + 20_000 + 60 + 5), 'replaced after the key stopped');
  const ring = { keys: [key('a', s(0), s(0)), key('b', s(0), s(90_000))], timings: timings(s(100)) };
  t.equal(viewRing(ring, s(0))[0]?.removesAt, s(90_000 + 60 + 60 + 5), 'replaced long before: run out');
});
