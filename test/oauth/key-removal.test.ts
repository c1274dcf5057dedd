import t from 'tap';
import { keysToDestroy, planImport, planPrune, planRevocation, withDestroyed } from '../../src/oauth/key-removal.js';
import { firstRing, type KeyRing, withKey } from '../../src/oauth/key-ring.js';
import { planRotation } from '../../src/oauth/key-rotation.js';
import {
  carriedOut,
  FRESH,
  glance,
  key,
  kidsOf,
  named,
  ringOf,
  s,
  signing,
  T,
  TIMING,
  timingSince,
} from './key-support.js';

/** Which keys a prune forgets, and the ring it leaves. */
function pruned(ring: KeyRing, now: number): [forgets: string, leaves: string] {
  const plan = planPrune(ring, now);
  return [kidsOf(plan.forgets).join(' '), kidsOf(plan.ring.keys).join(' ')];
}

t.test('a prune forgets keys whose tokens have run out, and no others', async (t) => {
  const ring = ringOf(signing('a', s(0)), signing('b', s(100)), signing('c', s(200)), key('d'));
  t.strictSame(pruned(ring, s(0)), ['', 'a b c d']);
  t.strictSame(pruned(ring, s(3765) - 1), ['', 'a b c d'], 'to the millisecond');
  t.strictSame(pruned(ring, s(3765)), ['a', 'b c d']);
  t.strictSame(pruned(ring, s(3865)), ['a b', 'c d']);
  t.strictSame(pruned(ring, s(1e6)), ['a b', 'c d'], 'never one that signs or stands by');
  t.match(planPrune(ring, s(3765)).forgets, [{ kid: 'a', state: 'removed' }]);
  t.equal(planPrune(ring, s(3765)).ring.keys[0], ring.keys[1], 'and leaves the others as they are');
});

t.test('a prune forgets a revoked key when its last token has run out by itself', async (t) => {
  const active = ringOf(signing('a', s(0), { revokedAt: s(100) }), signing('b', s(100)), key('c'));
  t.strictSame(pruned(active, s(3765) - 1), ['', 'a b c']);
  t.strictSame(pruned(active, s(3765)), ['a', 'b c']);
  const standby = ringOf(signing('a', s(0)), key('b', { revokedAt: s(100) }), key('c'));
  t.strictSame(pruned(standby, s(3765) - 1), ['', 'a b c']);
  t.strictSame(pruned(standby, s(3765)), ['b', 'a c'], 'one that stood by though an earlier one signs');
});

t.test('a prune forgets an imported key when its time is over', async (t) => {
  const ring = ringOf(signing('a', s(0)), key('x', { importedUntil: s(50) }), key('c'));
  t.strictSame(pruned(ring, s(50) - 1), ['', 'a x c']);
  t.strictSame(pruned(ring, s(50)), ['x', 'a c']);
});

t.test('a key that signed is kept as long as one before it, whose end it marks', async (t) => {
  // z, the first that signed, was revoked last.
  const timings = [timingSince(T, { accessTokenMaxTtlSeconds: 20_000 }), timingSince(s(150))];
  const keys = [signing('a', s(0)), signing('b', s(100), { revokedAt: s(30_000) }), signing('c', s(30_000)), key('d')];
  t.strictSame(pruned({ keys, timings }, s(33_665) - 1), ['a', 'b c d']);
  const late = { keys: [signing('z', s(-10), { revokedAt: s(33_000) }), ...keys], timings };
  t.strictSame(pruned(late, s(34_000)), ['', 'z a b c d'], 'also one before it that was revoked later');
  t.strictSame(pruned(late, s(36_665) - 1), ['', 'z a b c d']);
  t.strictSame(pruned(late, s(36_665)), ['z a b', 'c d']);
});

t.test('a key that was revoked before its turn marks no end, so it is forgotten like any other', async (t) => {
  let ring = firstRing(named('a'), named('s0'), TIMING, T);
  for (let i = 1; i <= 20; i++) {
    const now = s(i * 10_000);
    const seen = withKey(ring, `s${i - 1}`, { publishedAt: now });
    const { ring: rotated } = carriedOut(planRotation(seen, named(`s${i}`), now));
    const { ring: revoked } = carriedOut(planRevocation(rotated, `s${i - 1}`, FRESH, now + 1000));
    ring = planPrune(revoked, now + 1000).ring;
  }
  t.equal(glance(planPrune(ring, s(300_000)).ring, s(300_000)), 'a:active s20:published');
});

t.test('a prune drops timings that decide nothing any more', async (t) => {
  const timings = [timingSince(T, { accessTokenMaxTtlSeconds: 9000 }), timingSince(s(100))];
  const since = (keys: KeyRing['keys'], now: number) =>
    planPrune({ keys, timings }, now).ring.timings.map((timing) => (timing.since - T) / 1000);
  const signs = signing('a', s(0));
  t.strictSame(since([signs, key('b')], s(9160) - 1), [0, 100], 'while a token may be out');
  t.strictSame(since([signs, key('b')], s(9160)), [100]);
  const retiring = [signs, signing('b', s(9000)), key('c')];
  t.strictSame(since(retiring, s(12_000)), [0, 100], 'while a key is in the JWKS because of it');
  t.strictSame(since(retiring, s(18_065)), [100], 'and not when that is gone');
  t.strictSame(since([signs, key('b', { publishedAt: s(9000) })], s(9161)), [0, 100], 'while a standby is new');
  t.strictSame(since([signs, key('b', { publishedAt: s(9000) })], s(9965) - 1), [0, 100]);
  t.strictSame(since([signs, key('b', { publishedAt: s(9000) })], s(9965)), [100], 'and everybody knows it');
  const revoked = key('b', { publishedAt: s(9000), revokedAt: s(9100) });
  t.strictSame(since([signs, revoked, key('c')], s(9500)), [0, 100], 'while it says when a revoked key is over');
});

t.test('a prune changes no time of the keys that stay', async (t) => {
  const timings = [
    timingSince(T, { accessTokenMaxTtlSeconds: 90_000 }),
    timingSince(s(100), { jwksMaxAgeSeconds: 0, verifierCacheSeconds: 0, accessTokenMaxTtlSeconds: 1 }),
    timingSince(s(200)),
  ];
  // a signs until b does, at a moment when the first timing has just run out.
  const ring = { keys: [signing('a', s(0)), signing('b', s(90_200)), key('c')], timings };
  const plan = planPrune(ring, s(50_000));
  for (const now of [s(50_000), s(90_200), s(95_000), s(150_000)]) {
    t.equal(glance(plan.ring, now), glance(ring, now), `at ${(now - T) / 1000} s`);
  }
});

t.test('private halves of keys that will not sign any more are to be destroyed', async (t) => {
  const ring = ringOf(
    signing('o', s(-9000)),
    signing('a', s(0)),
    signing('b', s(1000)),
    key('c'),
    key('r', { revokedAt: s(5) }),
    key('x', { importedUntil: s(4000) }),
    key('y', { importedUntil: s(5), revokedAt: s(5) }),
  );
  t.strictSame(keysToDestroy(ring, s(10)), ['o', 'r']);
  t.strictSame(keysToDestroy(ring, s(1000) - 1), ['o', 'r']);
  t.strictSame(keysToDestroy(ring, s(1000)), ['o', 'a', 'r'], 'as soon as the next one signs');
  t.strictSame(keysToDestroy(ring, s(1e6)), ['o', 'a', 'r'], 'removed ones too');
  t.strictSame(keysToDestroy(ring, s(-9999)), ['r'], 'by a clock that is behind, none that may have to sign');
  t.strictSame(keysToDestroy(withDestroyed(ring, ['o', 'r'], s(11)), s(1000)), ['a'], 'and none twice');
});

t.test('the ring says when private halves were destroyed', async (t) => {
  const ring = ringOf(signing('a', s(0)), signing('b', s(10)), key('c'));
  const after = withDestroyed(ring, ['a'], s(11));
  t.strictSame(after, ringOf(signing('a', s(0), { destroyedAt: s(11) }), signing('b', s(10)), key('c')));
  t.strictSame(withDestroyed(ring, [], s(11)), ring);
  t.equal(withDestroyed(ring, ['a', 'b'], s(11)).keys[1]?.destroyedAt, s(11), 'of several at once');
});

const FIRST = firstRing(named('a'), named('b'), TIMING, T);

t.test('an imported key is published until its time, and is none of the ring’s own', async (t) => {
  const plan = carriedOut(planImport(FIRST, named('x'), s(500), s(10)));
  t.match(plan.imports, { kid: 'x', state: 'retiring', removesAt: s(500), activatesAt: null, destroyedAt: null });
  t.strictSame(plan.ring, {
    keys: [...FIRST.keys, key('x', { publishedAt: s(10), importedUntil: s(500) })],
    timings: FIRST.timings,
  });
  t.equal(glance(plan.ring, s(10)), 'a:active b:published x:retiring');
});

t.test('a key that was imported before stays longer, never shorter', async (t) => {
  const { ring } = carriedOut(planImport(FIRST, named('x'), s(500), s(10)));
  const again = (until: number, now = s(20)) => planImport(ring, named('x'), until, now);
  t.strictSame(again(s(500)), { refused: 'known_longer', until: s(500) });
  t.strictSame(again(s(400)), { refused: 'known_longer', until: s(500) });
  const longer = carriedOut(again(s(500) + 1));
  t.match(longer.imports, { publishedAt: s(10), removesAt: s(500) + 1 });
  t.equal(longer.ring.keys.length, 3);
  t.match(carriedOut(again(s(900), s(600))).imports, { state: 'retiring', removesAt: s(900) }, 'also after its time');
});

t.test('a key cannot be imported that the ring has under another name, or as its own, or revoked', async (t) => {
  const imported = carriedOut(planImport(FIRST, named('x'), s(500), s(10))).ring;
  const taken = { refused: 'kid_taken' };
  t.strictSame(planImport(imported, { ...named('x'), jwk: named('y').jwk }, s(900), s(20)), taken, 'another key');
  t.strictSame(planImport(imported, { ...named('y'), jwk: named('x').jwk }, s(900), s(20)), taken, 'another name');
  const exponent = { kid: 'x', jwk: { ...named('x').jwk, e: 'Aw' } };
  t.strictSame(planImport(imported, exponent, s(900), s(20)), taken, 'another exponent');
  t.strictSame(planImport(imported, { ...named('y'), jwk: named('a').jwk }, s(900), s(20)), taken, 'one of our own');
  t.strictSame(planImport(imported, named('a'), s(900), s(20)), { refused: 'own_key' });
  t.strictSame(planImport(imported, named('b'), s(900), s(20)), { refused: 'own_key' });
  const { ring } = carriedOut(planRevocation(imported, 'x', FRESH, s(30)));
  t.strictSame(planImport(ring, named('x'), s(900), s(40)), { refused: 'key_revoked', at: s(30) });
});
