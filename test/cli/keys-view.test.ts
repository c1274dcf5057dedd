import t from 'tap';
import { showKeys, showPlan, surpriseLines, timeline } from '../../src/cli/key-view.js';
import { keyJson, planJson } from '../../src/oauth/key-json.js';
import { planImport, planRevocation, withDestroyed } from '../../src/oauth/key-removal.js';
import { firstRing, type KeyRing, type NewKey } from '../../src/oauth/key-ring.js';
import { planRotation, type RotationPlan } from '../../src/oauth/key-rotation.js';
import { viewRing } from '../../src/oauth/key-states.js';
import { START } from '../helper.js';
import { EARLIEST_REMOVAL, EARLIEST_USE, TIMING } from '../keys/support.js';

const named = (kid: string): NewKey => ({ kid, jwk: { kty: 'RSA', n: kid, e: 'AQAB' } });
const [ANNE, BEA, CLEO, DORA, ALIEN] = ['anne-0123', 'bea-01234', 'cleo-0123', 'dora-0123', 'alien-012'].map(named) as [
  NewKey,
  NewKey,
  NewKey,
  NewKey,
  NewKey,
];
const FIRST = firstRing(ANNE, BEA, TIMING, START);

/** A plan that was not refused. */
function granted<P extends { readonly ring: KeyRing }>(plan: P | { readonly refused: string }): P {
  if ('refused' in plan) throw new Error(plan.refused);
  return plan;
}

const rotated = (ring: KeyRing, now: number, forced = false): RotationPlan =>
  granted<RotationPlan>(planRotation(ring, now === START ? CLEO : DORA, now, forced));

t.test('the timeline of a ring at rest is what is published, and a star at what signs', async (t) => {
  t.equal(timeline(FIRST, START), 'now [anne-0* bea-01] →');
  t.equal(timeline(FIRST, START - 60_000), 'now [anne-0* bea-01] ─ in 1m ─ [anne-0* bea-01] →', 'a clock behind');
});

t.test('the timeline of a rotation: who signs next and when, and when the old key goes', async (t) => {
  const { ring } = rotated(FIRST, START);
  const later = '[anne-0 bea-01* cleo-0] ─ in 1h17m ─ [bea-01* cleo-0] →';
  t.equal(timeline(ring, START), `now [anne-0* bea-01 cleo-0] ─ in 16m5s ─ ${later}`);
  t.equal(timeline(ring, START + 1), `now [anne-0* bea-01 cleo-0] ─ in 16m5s ─ ${later}`, 'up to the next second');
  t.equal(timeline(ring, EARLIEST_USE - 1), `now [anne-0* bea-01 cleo-0] ─ in 1s ─ ${later.replace('1h17m', '1h1m')}`);
  t.equal(timeline(ring, EARLIEST_USE), 'now [anne-0 bea-01* cleo-0] ─ in 1h1m ─ [bea-01* cleo-0] →');
  t.equal(timeline(ring, EARLIEST_REMOVAL), 'now [bea-01* cleo-0] →');
});

t.test('a span has at most two units, whatever its size', async (t) => {
  const importedFor = (seconds: number) => {
    const { ring } = granted(planImport(FIRST, ALIEN, START + seconds * 1000, START));
    return / in (.*?) ─/.exec(timeline(ring, START))?.[1];
  };
  const spans: readonly (readonly [seconds: number, shown: string])[] = [
    [1, '1s'],
    [59, '59s'],
    [60, '1m'],
    [965, '16m5s'],
    [3599, '59m59s'],
    [3600, '1h'],
    [3659, '1h'],
    [4630, '1h17m'],
    [86_399, '23h59m'],
    [86_400, '1d'],
    [86_400 + 3599, '1d'],
    [30 * 86_400 + 7200 + 59, '30d2h'],
  ];
  for (const [seconds, shown] of spans) t.equal(importedFor(seconds), shown, `${seconds} s`);
});

t.test('a revoked key is in no frame', async (t) => {
  const { ring } = granted(planRevocation(FIRST, ANNE.kid, [CLEO, DORA], START + 60_000));
  t.equal(timeline(ring, START + 60_000), 'now [bea-01* cleo-0] →');
  const waiting = rotated(FIRST, START).ring;
  const without = granted(planRevocation(waiting, BEA.kid, [DORA, ALIEN], START + 60_000)).ring;
  t.equal(timeline(without, START + 60_000), 'now [anne-0* cleo-0] →', 'what it would have started does not happen');
});

t.test('an imported key is published, never signs, and leaves on time', async (t) => {
  const { ring } = granted(planImport(FIRST, ALIEN, START + 7200_000, START));
  t.equal(timeline(ring, START), 'now [anne-0* bea-01 alien-] ─ in 2h ─ [anne-0* bea-01] →');
});

t.test('more changes than anybody has at once are left out', async (t) => {
  let ring = FIRST;
  for (let i = 1; i <= 8; i++) ring = granted(planImport(ring, named(`alien${i}`), START + i * 60_000, START)).ring;
  const line = timeline(ring, START);
  t.equal(line.split(' ─ in ').length - 1, 6);
  t.match(line, /─ \[anne-0\* bea-01 alien7 alien8\] →$/);
  t.notMatch(line, '\n');
});

t.test('the table has a line a key, with every time it has', async (t) => {
  const { ring } = granted(planImport(rotated(FIRST, START).ring, ALIEN, START + 7200_000, START));
  const [head, ...lines] = showKeys(ring, EARLIEST_USE, START).split('\n');
  t.match(head, /^KID +STATE +PUBLISHED +SIGNS FROM +SIGNS UNTIL +IN THE JWKS UNTIL$/);
  const cells = lines.slice(0, 4).map((line) => line.split(/ {2,}/));
  t.strictSame(cells, [
    [
      'anne-0123',
      'active',
      ...['2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', '2026-01-01T00:16:05Z'],
      '2026-01-01T01:17:10Z',
    ],
    ['bea-01234', 'published', '2026-01-01T00:00:00Z', '2026-01-01T00:16:05Z', '-', '-'],
    ['cleo-0123', 'published', '2026-01-01T00:00:00Z', '-', '-', '-'],
    ['alien-012', 'retiring, imported', '2026-01-01T00:00:00Z', '-', '-', '2026-01-01T02:00:00Z'],
  ]);
  t.strictSame(lines.slice(4), [
    '',
    timeline(ring, START),
    '(in brackets: the JWKS; *: signs)',
    'next rotation: 2026-01-01T00:16:05Z',
  ]);
  t.match(showKeys(ring, null, START), /\nno rotation is planned$/);
});

t.test('of a revoked key, the table says since when it is out of the JWKS', async (t) => {
  const { ring } = granted(planRevocation(FIRST, ANNE.kid, [CLEO, DORA], START + 60_000));
  const [, line] = showKeys(ring, null, START + 60_000).split('\n');
  t.match(line, /^anne-0123 +revoked .* 2026-01-01T00:01:00Z$/);
});

t.test('a key as JSON has every time and whether it is imported, and nothing else', async (t) => {
  const destroyed = withDestroyed(rotated(FIRST, START).ring, [ANNE.kid], EARLIEST_USE + 1000);
  const [anne, bea] = viewRing(destroyed, EARLIEST_USE + 1000);
  if (anne === undefined || bea === undefined) throw new Error('keys are missing');
  t.strictSame(keyJson(anne), {
    kid: 'anne-0123',
    state: 'retiring',
    published_at: '2026-01-01T00:00:00Z',
    activates_at: '2026-01-01T00:00:00Z',
    deactivates_at: '2026-01-01T00:16:05Z',
    removes_at: '2026-01-01T01:17:10Z',
    revoked_at: null,
    destroyed_at: '2026-01-01T00:16:06Z',
    imported: false,
  });
  t.match(keyJson(bea), { state: 'active', deactivates_at: null, removes_at: null, destroyed_at: null });
});

t.test('a plan for people says what happens when, and what it breaks', async (t) => {
  const calm = rotated(FIRST, START);
  t.equal(
    showPlan(calm, false),
    [
      'planned:',
      '  2026-01-01T00:16:05Z  bea-01234 signs',
      '  2026-01-01T00:16:05Z  anne-0123 stops signing and still verifies',
      '  2026-01-01T01:17:10Z  anne-0123 leaves the JWKS',
      'published as the new standby: cleo-0123',
    ].join('\n'),
  );
  t.match(showPlan(calm, true), /^this would happen:\n(.*\n){3}and a new standby key would be published$/);
  const sudden = rotated(FIRST, START, true);
  t.match(
    showPlan(sudden, false),
    /\nthis breaks: until 2026-01-01T00:16:05Z, verifiers .*\nkid refuse every new token$/,
  );
  const forward = rotated(calm.ring, START + 60_000, true);
  t.notMatch(showPlan(forward, false), 'standby', 'a rotation brought forward publishes nothing more');
  t.strictSame(surpriseLines(null), []);
});

t.test('a plan as JSON has the same', async (t) => {
  const calm = rotated(FIRST, START);
  t.match(planJson(calm, true), {
    dry_run: true,
    activates: { kid: BEA.kid, activates_at: '2026-01-01T00:16:05Z' },
    retires: { kid: ANNE.kid, removes_at: '2026-01-01T01:17:10Z' },
    publishes: { kid: CLEO.kid, state: 'published' },
    surprises_until: null,
  });
  const forward = rotated(calm.ring, START + 60_000, true);
  t.match(planJson(forward, false), { dry_run: false, publishes: null, surprises_until: '2026-01-01T00:16:05Z' });
});
