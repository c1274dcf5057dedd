import t from 'tap';
import {
  activeKey,
  byActivation,
  type KeyState,
  nextChange,
  publishedKeys,
  viewRing,
} from '../../src/oauth/key-states.js';
import { glance, key, kidsOf, ringOf, s, signing, statesOf, T, timingSince } from './key-support.js';

/** a signed from 0, b from 10,000 on, c is scheduled for 20,000, d stands by. */
const ROTATED = ringOf(
  signing('a', s(0)),
  signing('b', s(10_000)),
  signing('c', s(20_000), { publishedAt: s(9000) }),
  key('d'),
);

const MOMENTS: readonly [sentence: string, now: number, a: KeyState, b: KeyState, c: KeyState][] = [
  ['a year before the beginning', s(-31_536_000), 'active', 'published', 'published'],
  ['just before the beginning', s(0) - 1, 'active', 'published', 'published'],
  ['at the beginning', s(0), 'active', 'published', 'published'],
  ['just before the change', s(10_000) - 1, 'active', 'published', 'published'],
  ['at the change: exactly one signs', s(10_000), 'retiring', 'active', 'published'],
  ['the last moment of the first', s(13_665) - 1, 'retiring', 'active', 'published'],
  ['deactivation + 3600 + 60 + 5: out of the JWKS', s(13_665), 'removed', 'active', 'published'],
  ['just before the second change', s(20_000) - 1, 'removed', 'active', 'published'],
  ['the second change', s(20_000), 'removed', 'retiring', 'active'],
  ['just before its end', s(23_665) - 1, 'removed', 'retiring', 'active'],
  ['and its end', s(23_665), 'removed', 'removed', 'active'],
  ['a year later', s(31_536_000), 'removed', 'removed', 'active'],
];

t.test('the state of a key follows from its times and now', async (t) => {
  for (const [sentence, now, a, b, c] of MOMENTS) {
    t.strictSame(statesOf(ROTATED, now), [a, b, c, 'published'], sentence);
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
  const [view] = viewRing(ROTATED, s(0));
  t.strictSame(view, { ...ROTATED.keys[0], state: 'active', deactivatesAt: s(10_000), removesAt: s(13_665) });
});

t.test('the order of the keys in the ring means nothing', async (t) => {
  const reversed = { ...ROTATED, keys: ROTATED.keys.toReversed() };
  for (const [sentence, now] of MOMENTS) {
    t.strictSame(viewRing(reversed, now).toReversed(), viewRing(ROTATED, now), sentence);
    t.strictSame(activeKey(reversed, now), activeKey(ROTATED, now), sentence);
  }
});

t.test('verifiers are shown all that are published, sign, or signed tokens that may still live', async (t) => {
  const kids = (now: number) => kidsOf(publishedKeys(ROTATED, now));
  t.strictSame(kids(s(0)), ['a', 'b', 'c', 'd']);
  t.strictSame(kids(s(13_665) - 1), ['a', 'b', 'c', 'd']);
  t.strictSame(kids(s(13_665)), ['b', 'c', 'd']);
  const imported = ringOf(signing('a', T), key('b'), key('x', { importedUntil: s(9) }));
  t.strictSame(kidsOf(publishedKeys(imported, s(9) - 1)), ['a', 'b', 'x'], 'and those of another issuer');
  t.strictSame(kidsOf(publishedKeys(imported, s(9))), ['a', 'b']);
});

t.test('the next change is the next moment at which any state changes', async (t) => {
  const rows = [
    [s(-5), s(0)],
    [s(0), s(10_000)],
    [s(10_000) - 1, s(10_000)],
    [s(10_000), s(13_665)],
    [s(13_665), s(20_000)],
    [s(20_000), s(23_665)],
    [s(23_665) - 1, s(23_665)],
    [s(23_665), null],
  ] as const;
  for (const [now, next] of rows) t.equal(nextChange(ROTATED, now), next);
  const imported = ringOf(signing('a', T), key('b'), key('x', { importedUntil: s(9) }));
  t.equal(nextChange(imported, s(1)), s(9), 'an imported key goes');
  const revoked = ringOf(signing('a', T), signing('b', s(900), { revokedAt: s(2) }), key('c'));
  t.equal(nextChange(revoked, s(3)), null, 'the times of a revoked key no longer matter');
});

t.test('no key signs in a ring that is broken', async (t) => {
  t.equal(activeKey(ringOf(), s(0)), null, 'no key at all');
  t.equal(nextChange(ringOf(), s(0)), null);
  t.equal(activeKey(ringOf(key('a')), s(0)), null, 'only one that stands by');
  t.equal(glance(ringOf(key('a')), s(0)), 'a:published');
  t.equal(glance(ringOf(signing('a', T, { revokedAt: s(1) }), key('b')), s(2)), 'a:revoked b:published');
  t.equal(glance(ringOf(signing('a', T, { destroyedAt: s(1) }), key('b')), s(2)), 'a:retiring b:published');
});

t.test('a clock that is behind the ring has a key that signs all the same: the first that can', async (t) => {
  const later = [signing('b', s(20)), signing('c', s(30)), key('d')];
  t.equal(glance(ringOf(signing('a', s(10)), ...later), s(9)), 'a:active b:published c:published d:published');
  const destroyed = ringOf(signing('a', s(10), { destroyedAt: s(20) }), ...later);
  for (const now of [s(-1e9), s(9), s(15), s(29)]) {
    t.equal(glance(destroyed, now), 'a:retiring b:active c:published d:published', 'whose private half is there');
  }
  const revoked = ringOf(signing('a', s(10), { revokedAt: s(20) }), ...later);
  t.equal(glance(revoked, s(9)), 'a:revoked b:active c:published d:published', 'and that is not revoked');
});

t.test('where a private half was destroyed, neither that key nor any before it signs again', async (t) => {
  const ring = ringOf(
    signing('a', s(0)),
    signing('b', s(10), { destroyedAt: s(20) }),
    signing('c', s(20)),
    signing('d', s(30)),
    key('e'),
  );
  for (const now of [s(-1e6), s(0), s(5), s(10), s(20), s(30) - 1]) t.equal(activeKey(ring, now)?.kid, 'c');
  t.equal(activeKey(ring, s(30))?.kid, 'd');
  t.equal(glance(ring, s(5)), 'a:retiring b:retiring c:active d:published e:published');
  const atOnce = ringOf(signing('a', s(10)), signing('b', s(10), { destroyedAt: s(11) }), key('c'));
  t.equal(activeKey(atOnce, s(12)), null, 'nor one that signs from the same moment');
});

t.test('a key whose private half was destroyed goes its way otherwise', async (t) => {
  const ring = ringOf(signing('a', s(0), { destroyedAt: s(100) }), signing('b', s(100)), key('c'));
  t.equal(glance(ring, s(100 + 3665) - 1), 'a:retiring b:active c:published');
  t.equal(glance(ring, s(100 + 3665)), 'a:removed b:active c:published');
  const standby = ringOf(signing('a', s(0)), key('b', { destroyedAt: s(1) }));
  t.equal(glance(standby, s(2)), 'a:active b:retiring', 'one that stood by does so no more');
});

t.test('an imported key is in the JWKS until its time, and does nothing else', async (t) => {
  const ring = ringOf(key('x', { importedUntil: s(50) }), signing('a', s(0)), signing('b', s(10)), key('c'));
  t.equal(glance(ring, s(-100)), 'x:retiring a:active b:published c:published');
  t.equal(glance(ring, s(50) - 1), 'x:retiring a:retiring b:active c:published');
  t.equal(glance(ring, s(50)), 'x:removed a:retiring b:active c:published');
  const [x, a] = viewRing(ring, s(1));
  t.match(x, { deactivatesAt: null, removesAt: s(50) });
  t.match(a, { deactivatesAt: s(10) }, 'it ends no other key');
  const revoked = ringOf(key('x', { importedUntil: s(50), revokedAt: s(5) }), signing('a', s(0)));
  t.equal(glance(revoked, s(6)), 'x:revoked a:active');
});

t.test('a revoked key is out at once, whatever it was', async (t) => {
  const standby = ringOf(signing('a', s(0)), key('b', { revokedAt: s(50) }));
  t.equal(glance(standby, s(50)), 'a:active b:revoked', 'a standby');
  t.equal(glance(standby, s(40)), 'a:active b:revoked', 'also where the clock is behind');
  const scheduled = ringOf(signing('a', s(0)), signing('b', s(1000), { revokedAt: s(50) }), key('c'));
  t.equal(glance(scheduled, s(1000)), 'a:active b:revoked c:published', 'a scheduled one never signs');
  t.equal(viewRing(scheduled, s(50))[0]?.deactivatesAt, null, 'and the active one goes on');
  const active = ringOf(signing('a', s(0), { revokedAt: s(50) }), signing('b', s(50)), key('c'));
  t.equal(glance(active, s(50)), 'a:revoked b:active c:published', 'the active one: the standby signs from now');
  t.strictSame(kidsOf(publishedKeys(active, s(50))), ['b', 'c']);
  const retiring = ringOf(signing('a', s(0), { revokedAt: s(1500) }), signing('b', s(1000)));
  t.equal(glance(retiring, s(1500)), 'a:revoked b:active', 'a retiring one');
});

t.test('a key that stopped signing never signs again, though its successor is revoked', async (t) => {
  const b = signing('b', s(1000), { revokedAt: s(9000) });
  const [a] = viewRing(ringOf(signing('a', s(0)), b, signing('c', s(9000))), s(9000));
  t.equal(a?.deactivatesAt, s(1000), 'it stopped when its successor began, not when that was revoked');
  t.equal(a?.removesAt, s(4665));
  t.equal(a?.state, 'removed', 'its tokens have run out long ago: it does not come back');
  const waiting = ringOf(signing('a', s(0)), { ...b, revokedAt: s(2000) }, key('c'));
  t.equal(activeKey(waiting, s(2000)), null, 'its private half is destroyed: it cannot sign');
});

t.test('keys are ordered by the time from which they sign, and those that stand by come last', async (t) => {
  const keys = [key('x'), signing('b', s(2)), key('y'), signing('a', s(1)), signing('c', s(3))];
  t.strictSame(kidsOf(keys.toSorted(byActivation)), ['a', 'b', 'c', 'x', 'y']);
  t.equal(byActivation(key('x'), key('y')), 0);
  t.ok(byActivation(key('x'), signing('a', s(1))) > 0);
  t.ok(byActivation(signing('a', s(1)), key('x')) < 0);
});

t.test('a later timing does not bring a removed key back', async (t) => {
  const at = (since: number) => {
    const timings = [timingSince(T), timingSince(since, { accessTokenMaxTtlSeconds: 86_400 })];
    return viewRing({ keys: ROTATED.keys, timings }, s(0))[0]?.removesAt;
  };
  t.equal(at(s(13_665)), s(13_665), 'after the removal');
  t.equal(at(s(10_066)), s(13_665), 'after every server had seen that it stopped signing');
  t.equal(at(s(10_000)), s(10_000 + 86_400 + 60 + 5), 'at the very moment it stopped');
  t.equal(at(s(9000)), s(10_000 + 86_400 + 60 + 5), 'before: tokens of the longer lifetime may be out');
});

t.test('a longer lifetime counts as soon as some server may sign with the key and by that timing', async (t) => {
  // b signs from 10,000 s on. A server whose clock is 60 s behind signs with a until its clock says so, and by the
  // longer lifetime as soon as it has seen the new timing, whenever that says it began.
  const longer = timingSince(s(10_001), { accessTokenMaxTtlSeconds: 86_400 });
  const [a] = viewRing({ keys: ROTATED.keys, timings: [timingSince(T), longer] }, s(0));
  t.ok((a?.removesAt ?? 0) >= s(9999 + 60 + 86_400), 'a token of 86,400 s may have been signed by a until then');
});

t.test('a longer lifetime that was replaced counts until its last token has run out, and no longer', async (t) => {
  const at = (replacedAt: number, secondKeyAt = s(10_000)) => {
    const short = timingSince(replacedAt, { accessTokenMaxTtlSeconds: 60 });
    const timings = [timingSince(T, { accessTokenMaxTtlSeconds: 20_000 }), short];
    return viewRing({ keys: [signing('a', s(0)), signing('b', secondKeyAt)], timings }, s(0))[0]?.removesAt;
  };
  t.equal(at(s(9000)), s(10_000 + 20_000 + 60 + 5), 'replaced shortly before: its tokens may be out');
  t.equal(at(s(11_000)), s(10_000 + 20_000 + 60 + 5), 'replaced after the key stopped');
  t.equal(at(s(100), s(90_000)), s(90_000 + 60 + 60 + 5), 'replaced long before: run out');
});
