import { keysToDestroy, planImport, planPrune, planRevocation, withDestroyed } from '../../src/oauth/key-removal.js';
import { type KeyRing, type RingTiming, withTiming } from '../../src/oauth/key-ring.js';
import { planRotation } from '../../src/oauth/key-rotation.js';
import { activeKey } from '../../src/oauth/key-states.js';
import { named } from './key-support.js';

/** Something that is done to a ring. Keys are picked by number, whatever their state is. */
export type Act =
  | { readonly kind: 'rotate' | 'rotate and prune' | 'rotate forced' | 'prune' | 'destroy' }
  | { readonly kind: 'revoke'; readonly which: number }
  | { readonly kind: 'import'; readonly which: number; readonly ms: number }
  | { readonly kind: 'change timing'; readonly timing: RingTiming };

/** What came of it. */
export type Outcome =
  | { readonly refused: string }
  | {
      readonly ring: KeyRing;
      /** Keys that have a private half from now on. */
      readonly added: readonly string[];
      /** The key that signs without having been seen for long enough, by force or by a revocation. */
      readonly surprise: string | null;
      readonly revoked: string | null;
      readonly imported: string | null;
      /** The ring as it was before something was forgotten. */
      readonly pruned: KeyRing | null;
    };

const NOTHING = { added: [], surprise: null, revoked: null, imported: null, pruned: null };

/** As long as a thumbprint, so that the ring can be written. */
export const kidOf = (name: string): string => name.padEnd(43, '_');

/** Does it as commands and servers do (src/keys/rotate.ts, src/keys/changes.ts), with two names nobody has yet. */
export function perform(act: Act, ring: KeyRing, now: number, names: readonly [string, string]): Outcome {
  const [one, two] = [named(kidOf(names[0])), named(kidOf(names[1]))];
  switch (act.kind) {
    case 'rotate':
    case 'rotate and prune':
    case 'rotate forced': {
      const isForced = act.kind === 'rotate forced';
      const plan = planRotation(ring, one, now, isForced);
      if ('refused' in plan) return plan;
      const added = plan.publishes === null ? [] : [plan.publishes.kid];
      const done = { ...NOTHING, ring: plan.ring, added, surprise: isForced ? plan.activates.kid : null };
      return act.kind === 'rotate' ? done : { ...done, ring: planPrune(plan.ring, now).ring, pruned: plan.ring };
    }
    case 'revoke': {
      const kid = ring.keys[act.which % ring.keys.length]?.kid ?? '';
      const before = activeKey(ring, now)?.kid;
      const plan = planRevocation(ring, kid, [one, two], now);
      if ('refused' in plan) return plan;
      const added = plan.publishes.map((key) => key.kid);
      const surprise = plan.signs.kid === before ? null : plan.signs.kid;
      return { ...NOTHING, ring: plan.ring, added, revoked: kid, surprise };
    }
    case 'import': {
      const plan = planImport(ring, named(kidOf(`import-${act.which}`)), now + act.ms, now);
      return 'refused' in plan ? plan : { ...NOTHING, ring: plan.ring, imported: plan.imports.kid };
    }
    case 'prune':
      return { ...NOTHING, ring: planPrune(ring, now).ring, pruned: ring };
    case 'destroy': {
      const over = keysToDestroy(ring, now);
      return over.length === 0 ? { refused: 'none' } : { ...NOTHING, ring: withDestroyed(ring, over, now) };
    }
    case 'change timing': {
      const changed = withTiming(ring, act.timing, now);
      return changed === ring ? { refused: 'same' } : { ...NOTHING, ring: changed };
    }
  }
}
