import t from 'tap';
import { endOf, expiryOf, type Family, judge, type Presentation, type Verdict } from '../../src/oauth/family.js';
import { sha256, successorOf } from '../../src/oauth/refresh-token.js';

const T = Date.UTC(2026, 0, 1);
const secretOf = (byte: number) => new Uint8Array(32).fill(byte);
const KEY = secretOf(200);
const OLDER = secretOf(1);
const PREVIOUS = secretOf(2);
const NEWEST = successorOf(PREVIOUS, KEY);

/** A living family that was rotated at T. */
function family(overrides: Partial<Family> = {}): Family {
  return {
    sid: 'sid-1',
    clientId: 'app',
    absoluteExpiresAt: T + 90 * 86_400_000,
    idleExpiresAt: T + 14 * 86_400_000,
    currentHash: sha256(NEWEST),
    previousHash: sha256(PREVIOUS),
    successorKey: KEY,
    rotatedAt: T,
    revokedAt: null,
    endedWithUserOrClient: false,
    ...overrides,
  };
}

function present(secret: Uint8Array, overrides: Partial<Presentation> = {}): Presentation {
  return { secret, secretHash: sha256(secret), clientId: 'app', now: T + 5000, retryWindowSeconds: 10, ...overrides };
}

const NEVER_ROTATED = { previousHash: null, successorKey: null, rotatedAt: null };
const newest: Verdict = { verdict: 'newest' };
const retry: Verdict = { verdict: 'retry', successor: NEWEST };
const reuse: Verdict = { verdict: 'reuse' };
const at = (now: number, retryWindowSeconds = 10) => ({ now, retryWindowSeconds });

const LIVING: readonly [sentence: string, family: Family, presented: Presentation, verdict: Verdict][] = [
  ['the newest token of a family rotates it', family(), present(NEWEST), newest],
  ['so does the first one', family({ currentHash: sha256(OLDER), ...NEVER_ROTATED }), present(OLDER), newest],
  ['however long after the last rotation', family(), present(NEWEST, at(T + 13 * 86_400_000)), newest],
  ['the previous token inside the window gets the same successor again', family(), present(PREVIOUS), retry],
  ['as often as it is presented', family(), present(PREVIOUS, at(T + 6000)), retry],
  ['at the moment of the rotation', family(), present(PREVIOUS, at(T)), retry],
  ['at the last moment of the window', family(), present(PREVIOUS, at(T + 9999)), retry],
  ['at the end of the window', family(), present(PREVIOUS, at(T + 10_000)), reuse],
  ['after the window', family(), present(PREVIOUS, at(T + 10_001)), reuse],
  ['the window is in seconds', family(), present(PREVIOUS, at(T + 59_999, 60)), retry],
  ['a window of 0 is strict, even at the same moment', family(), present(PREVIOUS, at(T, 0)), reuse],
  ['a clock that is behind the one that rotated', family(), present(PREVIOUS, at(T - 3000)), retry],
  ['a clock that is behind, with a window of 0', family(), present(PREVIOUS, at(T - 3000, 0)), reuse],
  ['a token from before the previous one', family(), present(OLDER), reuse],
  ['a secret that never was', family(), present(secretOf(9)), reuse],
  ['a secret that never was, before the first rotation', family(NEVER_ROTATED), present(secretOf(9)), reuse],
  ['no successor key: nothing can be derived again', family({ successorKey: null }), present(PREVIOUS), reuse],
  ['no time of rotation', family({ rotatedAt: null }), present(PREVIOUS), reuse],
  ['no previous token', family({ previousHash: null }), present(PREVIOUS), reuse],
];

t.test('a token of a living family is the newest, a retry, or reuse (RFC 9700 §4.14.2)', async (t) => {
  for (const [sentence, row, presented, verdict] of LIVING) t.strictSame(judge(row, presented), verdict, sentence);
});

type Refused =
  | 'refresh_token_of_another_client'
  | 'family_revoked'
  | 'family_ended_with_user_or_client'
  | 'family_expired';

const DEAD: readonly [sentence: string, family: Family, overrides: Partial<Presentation>, reason: Refused][] = [
  ['another client (RFC 6749 §6)', family(), { clientId: 'other' }, 'refresh_token_of_another_client'],
  ['a client whose id differs in case', family(), { clientId: 'App' }, 'refresh_token_of_another_client'],
  ['a revoked family', family({ revokedAt: T }), {}, 'family_revoked'],
  ['revoked by a clock that is ahead', family({ revokedAt: T + 60_000 }), {}, 'family_revoked'],
  ['ended with its user', family({ endedWithUserOrClient: true }), {}, 'family_ended_with_user_or_client'],
  ['at its absolute expiry', family({ absoluteExpiresAt: T + 5000 }), {}, 'family_expired'],
  ['after its absolute expiry', family({ absoluteExpiresAt: T }), {}, 'family_expired'],
  ['at its idle expiry', family({ idleExpiresAt: T + 5000 }), {}, 'family_expired'],
  ['after its idle expiry', family({ idleExpiresAt: T }), {}, 'family_expired'],
];

t.test('whatever is presented to a dead or foreign family harms nobody: refused, never reuse', async (t) => {
  for (const [sentence, row, overrides, reason] of DEAD) {
    for (const secret of [NEWEST, PREVIOUS, OLDER, secretOf(9)]) {
      const verdict = judge(row, present(secret, overrides));
      t.strictSame(verdict, { verdict: 'refused', refusal: { reason, sid: 'sid-1' } }, sentence);
    }
  }
});

t.test('a family lives up to the last moment before its expiry', async (t) => {
  t.strictSame(judge(family({ absoluteExpiresAt: T + 5001 }), present(NEWEST)), newest);
  t.strictSame(judge(family({ idleExpiresAt: T + 5001 }), present(PREVIOUS)), retry);
});

t.test('that the client is another one is said before anything else: it learns nothing of the family', async (t) => {
  const dead = family({ revokedAt: T, endedWithUserOrClient: true, absoluteExpiresAt: T, idleExpiresAt: T });
  const verdict = judge(dead, present(NEWEST, { clientId: 'other' }));
  t.strictSame(verdict, { verdict: 'refused', refusal: { reason: 'refresh_token_of_another_client', sid: 'sid-1' } });
});

t.test('a retry is given the very token that the rotation stored', async (t) => {
  const verdict = judge(family(), present(PREVIOUS));
  t.equal(verdict.verdict, 'retry');
  if (verdict.verdict === 'retry') t.strictSame(sha256(verdict.successor), family().currentHash);
});

t.test('hashes that are cut short match nothing', async (t) => {
  const cut = family({ currentHash: new Uint8Array(0), previousHash: sha256(PREVIOUS).subarray(0, 31) });
  t.strictSame(judge(cut, present(NEWEST)), reuse);
  t.strictSame(judge(cut, present(PREVIOUS)), reuse);
});

t.test('a login ends at the nearer of its two expiries', async (t) => {
  t.equal(expiryOf(family({ idleExpiresAt: T + 1, absoluteExpiresAt: T + 2 })), T + 1);
  t.equal(expiryOf(family({ idleExpiresAt: T + 2, absoluteExpiresAt: T + 1 })), T + 1);
});

const ENDS: readonly [sentence: string, overrides: Partial<Family>, reason: Refused | null][] = [
  ['a living one', {}, null],
  ['up to the last moment', { idleExpiresAt: T + 5001 }, null],
  ['revoked', { revokedAt: T }, 'family_revoked'],
  ['revoked by a clock that is ahead', { revokedAt: T + 60_000 }, 'family_revoked'],
  ['revoked in 1970', { revokedAt: 0 }, 'family_revoked'],
  ['ended with its user or client', { endedWithUserOrClient: true }, 'family_ended_with_user_or_client'],
  ['at its idle expiry', { idleExpiresAt: T + 5000 }, 'family_expired'],
  ['at its absolute expiry', { absoluteExpiresAt: T + 5000 }, 'family_expired'],
  [
    'revoked is said before all else',
    { revokedAt: T, endedWithUserOrClient: true, idleExpiresAt: T },
    'family_revoked',
  ],
];

t.test('why a login is over does not depend on who asks', async (t) => {
  for (const [sentence, overrides, reason] of ENDS) {
    t.strictSame(endOf(family(overrides), T + 5000), reason === null ? null : { reason, sid: 'sid-1' }, sentence);
  }
});
