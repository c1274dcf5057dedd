import t from 'tap';
import { firstRing, type KeyRing, type RingKey } from '../../src/oauth/key-ring.js';
import { clockBehind, planRotation } from '../../src/oauth/key-rotation.js';
import { activeKey } from '../../src/oauth/key-states.js';
import { carriedOut, glance, key, named, ringOf, s, signing, T, TIMING, timingSince } from './key-support.js';

const FIRST = firstRing(named('a'), named('b'), TIMING, T);

const forced = (ring: KeyRing, now: number) => carriedOut(planRotation(ring, named('new'), now, true));

t.test('force lets the standby sign at once, and says until when verifiers may not know it', async (t) => {
  const plan = forced(FIRST, s(100));
  t.match(plan.activates, { kid: 'b', state: 'active', activatesAt: s(100) });
  t.match(plan.retires, { kid: 'a', state: 'retiring', deactivatesAt: s(100), removesAt: s(3765) });
  t.match(plan.publishes, { kid: 'new', state: 'published', publishedAt: s(100) });
  t.equal(plan.surprisesUntil, s(965));
  t.equal(glance(plan.ring, s(100)), 'a:retiring b:active new:published');
});

t.test('force surprises nobody who could know the standby', async (t) => {
  t.equal(forced(FIRST, s(964)).surprisesUntil, s(965));
  t.equal(forced(FIRST, s(965)).surprisesUntil, null);
  t.equal(forced(FIRST, s(965)).activates.activatesAt, s(965));
  t.equal(forced(FIRST, s(964) + 1).activates.activatesAt, s(964) + 1, 'it signs at once, not from a whole second on');
});

t.test('force brings a scheduled rotation forward, and publishes no second standby', async (t) => {
  const { ring } = carriedOut(planRotation(FIRST, named('c'), s(100)));
  const plan = forced(ring, s(200));
  t.equal(plan.publishes, null);
  t.match(plan.activates, { kid: 'b', activatesAt: s(200) });
  t.match(plan.retires, { kid: 'a', deactivatesAt: s(200) });
  t.equal(plan.surprisesUntil, s(965));
  t.equal(glance(plan.ring, s(200)), 'a:retiring b:active c:published');
  const again = forced(plan.ring, s(200));
  t.match(again.activates, { kid: 'c', activatesAt: s(200) + 1 }, 'again: the next one, right after it');
  t.equal(again.publishes?.kid, 'new');
  const alone = forced(ringOf(signing('a', T), signing('b', s(965))), s(200));
  t.equal(alone.publishes?.kid, 'new', 'but one where none would be left');
});

t.test('a ring was changed in the future when a fact in it is further ahead than clocks may differ', async (t) => {
  const facts: readonly [string, KeyRing][] = [
    ['published', ringOf(signing('a', T), key('b', { publishedAt: s(1000) }))],
    ['revoked', ringOf(signing('a', T), key('b', { revokedAt: s(1000) }))],
    ['destroyed', ringOf(signing('a', T, { destroyedAt: s(1000) }), signing('b', T + 1))],
    ['another timing', { ...FIRST, timings: [timingSince(T), timingSince(s(1000), { jwksMaxAgeSeconds: 1 })] }],
  ];
  for (const [what, ring] of facts) {
    t.equal(clockBehind(ring, s(940)), null, `${what}: 60 s are within the skew`);
    const now = s(940) - 1;
    t.strictSame(clockBehind(ring, now), { refused: 'clock_behind', changedAt: s(1000), now }, `${what}: 1 ms more`);
    t.strictSame(planRotation(ring, named('c'), now), clockBehind(ring, now));
  }
});

t.test('what is to come is no change, and the skew is the one in force', async (t) => {
  const scheduled = ringOf(signing('a', T), signing('b', s(9000)), key('x', { importedUntil: s(9000) }));
  t.equal(clockBehind(scheduled, s(0)), null);
  const timings = [timingSince(s(-50), { clockSkewSeconds: 9000 }), timingSince(s(-40), { clockSkewSeconds: 2 })];
  t.equal(clockBehind({ ...FIRST, timings }, s(-2)), null);
  t.not(clockBehind({ ...FIRST, timings }, s(-2) - 1), null);
  t.equal(clockBehind({ keys: FIRST.keys, timings: [] }, s(0)), null);
  t.not(clockBehind({ keys: FIRST.keys, timings: [] }, s(0) - 1), null, 'without a timing there is no skew');
  t.equal(clockBehind({ keys: [], timings: [] }, s(0)), null);
});

t.test('by force, what a ring says of the future happened now', async (t) => {
  const { keys } = FIRST;
  const ring: KeyRing = {
    keys: [...keys, key('x', { publishedAt: s(5), importedUntil: s(7000) }), key('r', { revokedAt: s(8) })],
    timings: [timingSince(s(-3000)), timingSince(s(9), { jwksMaxAgeSeconds: 1 })],
  };
  const now = s(-1000);
  const { ring: mended, surprisesUntil } = forced(ring, now);
  const at = { publishedAt: now };
  t.strictSame(mended.keys, [
    signing('a', now, at),
    signing('b', now + 1, at),
    key('x', { ...at, importedUntil: s(7000) }),
    key('r', { ...at, revokedAt: now, destroyedAt: null }),
    key('new', at),
  ]);
  t.strictSame(mended.timings, [timingSince(s(-3000)), timingSince(now, { jwksMaxAgeSeconds: 1 })]);
  t.equal(surprisesUntil, s(-1000 + 965), 'nobody is thought to know a key any longer than since now');
  t.equal(clockBehind(mended, now), null, 'and from then on it can be planned by this clock');
});

t.test('by force, what lies in the past stays as it is', async (t) => {
  const ring = ringOf(
    signing('a', s(0), { destroyedAt: s(100) }),
    signing('b', s(100)),
    key('c', { publishedAt: s(50) }),
    key('d', { publishedAt: s(5000) }),
  );
  const { ring: mended } = forced(ring, s(200));
  t.strictSame(mended.keys.slice(0, 2), ring.keys.slice(0, 2));
  t.match(mended.keys[2], { publishedAt: s(50), activatesAt: s(200) });
  t.match(mended.keys[3], { publishedAt: s(200), activatesAt: null });
});

/** Rings by a clock that was ahead, each with the key that signs by a clock an hour before. */
const AHEAD: readonly [string, readonly RingKey[], string][] = [
  ['rotated once', [signing('a', s(0), { destroyedAt: s(1000) }), signing('b', s(1000)), key('c')], 'b'],
  [
    'rotated twice',
    [
      signing('a', s(0), { destroyedAt: s(1000) }),
      signing('b', s(1000), { destroyedAt: s(2000) }),
      signing('c', s(2000)),
      key('d'),
    ],
    'c',
  ],
  [
    'the first revoked',
    [signing('a', s(0), { revokedAt: s(1), destroyedAt: s(1) }), signing('b', s(1)), key('c')],
    'b',
  ],
  [
    'rotated twice, the second revoked',
    [
      signing('a', s(0), { destroyedAt: s(1000) }),
      signing('b', s(1000), { revokedAt: s(1500), destroyedAt: s(1500) }),
      signing('c', s(1500)),
      key('d'),
    ],
    'c',
  ],
];

t.test('force mends a ring whose clock was ahead however often it was rotated by it', async (t) => {
  const now = s(-3600);
  for (const [sentence, keys, active] of AHEAD) {
    const ring = ringOf(...keys);
    t.equal(activeKey(ring, now)?.kid, active, sentence);
    const plan = planRotation(ring, named('new'), now, true);
    if ('refused' in plan) {
      t.fail(`${sentence}: refused with ${plan.refused}`);
      continue;
    }
    t.equal(plan.retires.kid, active, sentence);
    t.equal(clockBehind(plan.ring, now), null, sentence);
    for (const moment of [s(-3599), s(-3000), s(0), s(1e6)]) {
      t.equal(activeKey(plan.ring, moment)?.kid, plan.activates.kid, `${sentence}, at ${moment}`);
    }
    t.ok(
      (plan.retires.removesAt ?? 0) <= s(-3599 + 3665),
      `${sentence}: what it retires goes when its tokens are over`,
    );
  }
});
