import t from 'tap';
import {
  blindSeconds,
  firstRing,
  isSameTiming,
  jwksHeldUntil,
  type KeyRing,
  RING_POLL_SECONDS,
  type RingTiming,
  timingsSince,
  tokensOutUntil,
  withKey,
  withTiming,
} from '../../src/oauth/key-ring.js';
import { key, named, ringOf, s, signing, T, TIMING, timingSince } from './key-support.js';

const FIRST = firstRing(named('a'), named('b'), TIMING, T);

/** A change of each duration. */
const CHANGES: readonly Partial<RingTiming>[] = [
  { jwksMaxAgeSeconds: 301 },
  { verifierCacheSeconds: 601 },
  { accessTokenMaxTtlSeconds: 3601 },
  { clockSkewSeconds: 61 },
];

/** A ring of no keys whose timings differ from the default as said, each since a moment in seconds. */
function timed(...timings: readonly (readonly [since: number, change: Partial<RingTiming>])[]): KeyRing {
  return { keys: [], timings: timings.map(([since, change]) => timingSince(s(since), change)) };
}

t.test('in the first ring one key signs at once and one stands by', async (t) => {
  t.strictSame(FIRST, ringOf(signing('a', T), key('b')));
});

t.test('a change of one key leaves the others and the timings alone', async (t) => {
  const ring = withKey(FIRST, 'b', { activatesAt: s(1), revokedAt: s(2) });
  t.strictSame(ring, ringOf(signing('a', T), signing('b', s(1), { revokedAt: s(2) })));
  t.equal(ring.keys[0], FIRST.keys[0]);
  t.equal(ring.timings, FIRST.timings);
  t.strictSame(withKey(FIRST, 'c', { activatesAt: s(1) }), FIRST, 'a key that is not there changes nothing');
  t.strictSame(FIRST, ringOf(signing('a', T), key('b')), 'and the ring from before is as it was');
});

t.test('timings are the same when every duration is', async (t) => {
  t.ok(isSameTiming(TIMING, { ...TIMING }));
  t.ok(isSameTiming(timingSince(s(1)), timingSince(s(2))), 'since when does not matter');
  for (const change of CHANGES) {
    t.notOk(isSameTiming(TIMING, { ...TIMING, ...change }), JSON.stringify(change));
    t.notOk(isSameTiming({ ...TIMING, ...change }, TIMING), `${JSON.stringify(change)}, the other way round`);
  }
});

t.test('a timing that is in force already changes nothing', async (t) => {
  t.equal(withTiming(FIRST, { ...TIMING }, s(10)), FIRST);
});

t.test('a change of any duration is kept beside those before it', async (t) => {
  for (const change of CHANGES) {
    const timing = { ...TIMING, ...change };
    const ring = withTiming(FIRST, timing, s(10));
    t.strictSame(ring.timings, [...FIRST.timings, { ...timing, since: s(10) }]);
    t.equal(ring.keys, FIRST.keys);
    t.equal(withTiming(ring, timing, s(20)), ring);
    t.equal(withTiming(ring, TIMING, s(20)).timings.length, 3, 'and so is the way back');
  }
});

t.test('times of timings never run backwards, though a clock may', async (t) => {
  const ring = withTiming(FIRST, { ...TIMING, clockSkewSeconds: 1 }, s(-100));
  t.strictSame(
    ring.timings.map(({ since }) => since),
    [T, T],
  );
});

t.test('a ring without any timing gets its first one', async (t) => {
  t.strictSame(withTiming({ keys: [], timings: [] }, TIMING, s(7)).timings, [timingSince(s(7))]);
});

/** [sentence, timings, moment, how long a JWKS is held, how long a token is out], all in seconds. */
const ENDS: readonly [string, KeyRing, number, number, number][] = [
  ['one timing: 300 + 600 + 60 + 5 and 3600 + 60 + 5', timed([0, {}]), 100, 965, 3665],
  ['every duration nothing: one poll is left', timed([0, { ...zero() }]), 100, 5, 5],
  ['no timing at all', timed(), 100, 5, 5],
  ['a timing that is not yet in force binds a JWKS, and no token', timed([500, {}]), 100, 965, 5],
  ['a timing since this very moment binds both', timed([100, {}]), 100, 965, 3665],
  [
    'a longer one replaced before everything it bound ran out: it counts in full',
    timed([0, { jwksMaxAgeSeconds: 1000, accessTokenMaxTtlSeconds: 9000 }], [500, {}]),
    500 + 1659,
    1665,
    9065,
  ],
  [
    'its last JWKS has run out, not its last token',
    timed([0, { jwksMaxAgeSeconds: 1000, accessTokenMaxTtlSeconds: 9000 }], [500, {}]),
    500 + 1660,
    965,
    9065,
  ],
  [
    'and at last its last token',
    timed([0, { jwksMaxAgeSeconds: 1000, accessTokenMaxTtlSeconds: 9000 }], [500, {}]),
    500 + 9060,
    965,
    3665,
  ],
  [
    'a shorter one that came before the default makes nothing shorter',
    timed([0, { jwksMaxAgeSeconds: 1, accessTokenMaxTtlSeconds: 1 }], [500, {}]),
    501,
    965,
    3665,
  ],
  [
    'a longer one that comes later: JWKS from then on may be held longer, tokens of before are not',
    timed([0, {}], [500, { jwksMaxAgeSeconds: 1000, accessTokenMaxTtlSeconds: 9000 }]),
    434,
    1665,
    3665,
  ],
  [
    'the skew of each timing counts with that timing',
    timed([0, { clockSkewSeconds: 600, accessTokenMaxTtlSeconds: 3000 }], [500, {}]),
    600,
    1505,
    3665,
  ],
];

function zero(): RingTiming {
  return { jwksMaxAgeSeconds: 0, verifierCacheSeconds: 0, accessTokenMaxTtlSeconds: 0, clockSkewSeconds: 0 };
}

t.test('what was handed out up to a moment lasts as long as the longest timing it may have been under', async (t) => {
  for (const [sentence, ring, at, held, out] of ENDS) {
    t.equal((jwksHeldUntil(ring, s(at)) - s(at)) / 1000, held, `JWKS: ${sentence}`);
    t.equal((tokensOutUntil(ring, s(at)) - s(at)) / 1000, out, `tokens: ${sentence}`);
  }
});

t.test('a server may go on blindly for as long as the key it signs with stays in the JWKS', async (t) => {
  t.equal(RING_POLL_SECONDS, 5);
  t.equal(blindSeconds(FIRST), 3665);
  t.equal(blindSeconds(timed([0, {}], [9, { accessTokenMaxTtlSeconds: 60, clockSkewSeconds: 7 }])), 72, 'the last');
  t.equal(blindSeconds({ keys: [], timings: [] }), 0, 'and not at all by a ring that says nothing of it');
});

t.test('a timing is dropped once nothing that was handed out under it lived on then', async (t) => {
  const { timings } = timed([0, {}], [100, { jwksMaxAgeSeconds: 9000 }], [200, {}]);
  const left = (earliest: number) => timingsSince(timings, earliest).map(({ since }) => (since - T) / 1000);
  t.strictSame(left(s(0)), [0, 100, 200]);
  t.strictSame(left(s(100 + 3660) - 1), [0, 100, 200], 'the last token of the first');
  t.strictSame(left(s(100 + 3660)), [100, 200], 'has run out');
  t.strictSame(left(s(200 + 9660) - 1), [100, 200], 'the last JWKS of the second');
  t.strictSame(left(s(200 + 9660)), [200], 'has run out');
  t.strictSame(left(s(10 ** 9)), [200], 'the last timing always stays');
  t.strictSame(timingsSince([], s(0)), []);
});

t.test('dropping a timing does not lengthen the life of one that stays', async (t) => {
  const long = { accessTokenMaxTtlSeconds: 90_000 };
  const brief = { jwksMaxAgeSeconds: 0, verifierCacheSeconds: 0, accessTokenMaxTtlSeconds: 1 };
  const ring = timed([0, long], [100, brief], [200, {}]);
  const kept = { keys: [], timings: timingsSince(ring.timings, s(50_000)) };
  for (const at of [50_000, 100 + 90_060, 150 + 90_060, 200 + 90_060]) {
    t.equal(tokensOutUntil(kept, s(at)), tokensOutUntil(ring, s(at)), `tokens of ${at} s`);
    t.equal(jwksHeldUntil(kept, s(at)), jwksHeldUntil(ring, s(at)), `a JWKS of ${at} s`);
  }
});
