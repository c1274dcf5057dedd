import fc from 'fast-check';
import t from 'tap';
import { activeKey, type KeyState, nextChange, publishedKeys, viewRing } from '../../src/oauth/key-states.js';
import { frames, histories, jwksLifeMs, lastRing, type Snapshot, spansOf, tokenLifeMs } from './key-ring.history.js';

/** Whether something holds of every history that random rotations, timing changes and moments make. */
function always(holds: (history: readonly Snapshot[]) => boolean): void {
  fc.assert(fc.property(histories, holds), { numRuns: 500 });
}

t.test('at every moment exactly one key signs', async () => {
  always((history) =>
    frames(history).every(({ now, ring, keys }) => {
      const active = keys.filter(({ state }) => state === 'active');
      return active.length === 1 && active[0]?.kid === activeKey(ring, now)?.kid;
    }),
  );
});

t.test('at every moment a key stands by that is not yet scheduled, unlike the next signer', async () => {
  always((history) =>
    frames(history).every(({ keys }) => keys.some((key) => key.state === 'published' && key.activatesAt === null)),
  );
});

t.test('no key signs while anyone may hold a JWKS from before its publication, under any timing', async () => {
  always((history) => {
    const ring = lastRing(history);
    return ring.keys.slice(1).every(({ publishedAt, activatesAt }) => {
      const unaware = spansOf(ring).filter(({ from }) => from <= publishedAt);
      return unaware.every(({ timing, to }) => {
        return activatesAt === null || activatesAt >= Math.min(to, publishedAt) + jwksLifeMs(timing);
      });
    });
  });
});

t.test('a rotation keeps the wait of the timing in force when it is planned', async () => {
  always((history) =>
    history.every(({ at, ring, plan }) => {
      if (plan === null) return true;
      const { publishedAt, activatesAt } = plan.activates;
      const timing = ring.timings.at(-1);
      if (timing === undefined || activatesAt === null) return false;
      return activatesAt >= at && activatesAt % 1000 === 0 && activatesAt >= publishedAt + jwksLifeMs(timing);
    }),
  );
});

t.test('no key leaves the JWKS before every token it signed has run out, under any timing', async () => {
  always((history) => {
    const spans = spansOf(lastRing(history));
    return frames(history).every(({ now, keys }) =>
      keys.every(({ state, activatesAt, deactivatesAt }) => {
        if (state !== 'removed') return true;
        if (activatesAt === null || deactivatesAt === null) return false;
        const signedUnder = spans.filter(({ from, to }) => from < deactivatesAt && to > activatesAt);
        return signedUnder.every(({ timing, to }) => now >= Math.min(to, deactivatesAt) + tokenLifeMs(timing));
      }),
    );
  });
});

const ORDER: Readonly<Record<KeyState, number>> = { published: 0, active: 1, retiring: 2, removed: 3, revoked: 4 };

t.test('the state of a key only moves forward, and no key is forgotten', async () => {
  always((history) => {
    const reached = new Map<string, number>();
    return frames(history).every(({ keys }) => {
      const forward = keys.every(({ kid, state }) => ORDER[state] >= (reached.get(kid) ?? 0));
      for (const { kid, state } of keys) reached.set(kid, ORDER[state]);
      return forward && keys.length === reached.size;
    });
  });
});

t.test('a key that signs, or signed a token that may still live, is always in the JWKS', async () => {
  always((history) =>
    frames(history).every(({ now, ring, keys }) => {
      const shown = new Set(publishedKeys(ring, now).map(({ kid }) => kid));
      return keys.every(({ kid, state }) => shown.has(kid) === (state !== 'removed'));
    }),
  );
});

t.test('nothing changes before the next change, and something does then', async () => {
  always((history) =>
    frames(history).every(({ now, ring, keys }) => {
      const next = nextChange(ring, now);
      const states = (moment: number) =>
        viewRing(ring, moment)
          .map(({ state }) => state)
          .join();
      const before = keys.map(({ state }) => state).join();
      if (next === null) return states(now + 10 ** 9) === before;
      return next > now && states(next - 1) === before && states(next) !== before;
    }),
  );
});
