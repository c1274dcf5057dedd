import type { RotationPlan } from './key-rotation.js';
import type { KeyView } from './key-states.js';
import { shownTime, toRfc3339 } from './time.js';

/** A key as JSON shows it. */
export function keyJson(key: KeyView) {
  return {
    kid: key.kid,
    state: key.state,
    published_at: toRfc3339(key.publishedAt),
    activates_at: shownTime(key.activatesAt),
    deactivates_at: shownTime(key.deactivatesAt),
    removes_at: shownTime(key.removesAt),
    revoked_at: shownTime(key.revokedAt),
    destroyed_at: shownTime(key.destroyedAt),
    imported: key.importedUntil !== null,
  };
}

/** A rotation as JSON shows it. */
export function planJson(plan: RotationPlan, isDryRun: boolean) {
  return {
    dry_run: isDryRun,
    activates: keyJson(plan.activates),
    retires: keyJson(plan.retires),
    publishes: plan.publishes === null ? null : keyJson(plan.publishes),
    surprises_until: shownTime(plan.surprisesUntil),
  };
}
