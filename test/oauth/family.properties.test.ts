import fc from 'fast-check';
import t from 'tap';
import { type Family, judge, type Presentation } from '../../src/oauth/family.js';
import { sha256, successorOf } from '../../src/oauth/refresh-token.js';

/** Few values, so that they often coincide. */
const secret = fc.integer({ min: 0, max: 3 }).map((byte) => new Uint8Array(32).fill(byte));
const moment = fc.integer({ min: 0, max: 30_000 });
const client = fc.constantFrom('app', 'other');
const rarely = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null, freq: 6 });

const anyFamily: fc.Arbitrary<Family> = fc.record({
  sid: fc.constant('sid-1'),
  clientId: client,
  absoluteExpiresAt: fc.integer({ min: 10_000, max: 60_000 }),
  idleExpiresAt: fc.integer({ min: 10_000, max: 60_000 }),
  currentHash: secret.map(sha256),
  previousHash: rarely(secret.map(sha256)),
  successorKey: rarely(secret),
  rotatedAt: rarely(moment),
  revokedAt: fc.option(moment, { nil: null, freq: 1 }),
  endedWithUserOrClient: fc.boolean(),
});

const anyPresentation: fc.Arbitrary<Presentation> = fc
  .record({ secret, clientId: client, now: moment, retryWindowSeconds: fc.integer({ min: 0, max: 12 }) })
  .map((presented) => ({ ...presented, secretHash: sha256(presented.secret) }));

const same = (a: Uint8Array | null, b: Uint8Array) => a !== null && Buffer.compare(a, b) === 0;

/** The verdict table, written once more in other words. */
function isAlive(family: Family, presented: Presentation): boolean {
  return (
    family.clientId === presented.clientId &&
    family.revokedAt === null &&
    !family.endedWithUserOrClient &&
    presented.now < Math.min(family.absoluteExpiresAt, family.idleExpiresAt)
  );
}

const RUNS = { numRuns: 3000 };

t.test('a retry is answered to nothing but the previous token inside the window of a living family', async () => {
  fc.assert(
    fc.property(anyFamily, anyPresentation, (family, presented) => {
      const verdict = judge(family, presented);
      if (verdict.verdict !== 'retry') return true;
      return (
        isAlive(family, presented) &&
        same(family.previousHash, presented.secretHash) &&
        !same(family.currentHash, presented.secretHash) &&
        presented.retryWindowSeconds > 0 &&
        family.rotatedAt !== null &&
        presented.now - family.rotatedAt < presented.retryWindowSeconds * 1000 &&
        family.successorKey !== null &&
        same(verdict.successor, successorOf(presented.secret, family.successorKey))
      );
    }),
    RUNS,
  );
});

t.test(
  'a family is revoked only through a token of its own client while it lives, and never by its newest',
  async () => {
    fc.assert(
      fc.property(anyFamily, anyPresentation, (family, presented) => {
        const { verdict } = judge(family, presented);
        return verdict !== 'reuse' || (isAlive(family, presented) && !same(family.currentHash, presented.secretHash));
      }),
      RUNS,
    );
  },
);

t.test('a token is refused if and only if the family is dead or foreign', async () => {
  fc.assert(
    fc.property(anyFamily, anyPresentation, (family, presented) => {
      return (judge(family, presented).verdict === 'refused') === !isAlive(family, presented);
    }),
    RUNS,
  );
});

t.test('the newest token rotates if and only if the family lives', async () => {
  fc.assert(
    fc.property(anyFamily, anyPresentation, (family, presented) => {
      const isNewest = isAlive(family, presented) && same(family.currentHash, presented.secretHash);
      return (judge(family, presented).verdict === 'newest') === isNewest;
    }),
    RUNS,
  );
});
