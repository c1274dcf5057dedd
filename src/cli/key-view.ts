import type { KeyRing } from '../oauth/key-ring.js';
import type { RotationPlan } from '../oauth/key-rotation.js';
import { type KeyView, nextChange, publishedKeys, viewRing } from '../oauth/key-states.js';
import { type EpochMs, formatDuration, toRfc3339 } from '../oauth/time.js';
import { table } from './io.js';

/** A time for people. */
export function show(time: EpochMs | null): string {
  return time === null ? '-' : toRfc3339(time);
}

/** All keys with their times, and below them what is published and what signs, now and next. */
export function showKeys(ring: KeyRing, nextRotation: EpochMs | null, now: EpochMs): string {
  const rows = viewRing(ring, now).map((key) => [
    key.kid,
    key.importedUntil === null ? key.state : `${key.state}, imported`,
    toRfc3339(key.publishedAt),
    show(key.activatesAt),
    show(key.deactivatesAt),
    show(key.revokedAt ?? key.removesAt),
  ]);
  return [
    table(['KID', 'STATE', 'PUBLISHED', 'SIGNS FROM', 'SIGNS UNTIL', 'IN THE JWKS UNTIL'], rows),
    '',
    timeline(ring, now),
    '(in brackets: the JWKS; *: signs)',
    nextRotation === null ? 'no rotation is planned' : `next rotation: ${toRfc3339(nextRotation)}`,
  ].join('\n');
}

/** As many characters of a kid as tell keys apart at a glance. */
const SHORT_KID = 6;
/** No ring has more changes to come unless somebody revoked and imported a lot; then the rest is left out. */
const MOST_CHANGES = 6;

/**
 * One line of what is published and what signs: `now [AbCdEf* GhIjKl] ─ in 16m5s ─ [AbCdEf GhIjKl* MnOpQr] →`.
 */
export function timeline(ring: KeyRing, now: EpochMs): string {
  const frame = (at: EpochMs) => {
    const names = publishedKeys(ring, at).map(({ kid, state }) => {
      return `${kid.slice(0, SHORT_KID)}${state === 'active' ? '*' : ''}`;
    });
    return `[${names.join(' ')}]`;
  };
  let line = `now ${frame(now)}`;
  let at = nextChange(ring, now);
  for (let changes = 0; at !== null && changes < MOST_CHANGES; changes++) {
    line += ` ─ in ${showSpan(Math.ceil((at - now) / 1000))} ─ ${frame(at)}`;
    at = nextChange(ring, at);
  }
  return `${line} →`;
}

/** A span in at most two units: `1h17m`, `16m5s`, `30d`. */
function showSpan(seconds: number): string {
  for (const unit of [86_400, 3600, 60]) {
    if (seconds < unit) continue;
    const below = unit === 86_400 ? 3600 : unit / 60;
    const rest = Math.floor((seconds % unit) / below) * below;
    return `${formatDuration(seconds - (seconds % unit))}${rest === 0 ? '' : formatDuration(rest)}`;
  }
  return formatDuration(seconds);
}

/** A rotation for people. */
export function showPlan({ retires, activates, publishes, surprisesUntil }: RotationPlan, isDryRun: boolean): string {
  return [
    isDryRun ? 'this would happen:' : 'planned:',
    `  ${show(activates.activatesAt)}  ${activates.kid} signs`,
    `  ${show(activates.activatesAt)}  ${retires.kid} stops signing and still verifies`,
    `  ${show(retires.removesAt)}  ${retires.kid} leaves the JWKS`,
    ...(publishes === null ? [] : [publishesLine(publishes, isDryRun)]),
    ...surpriseLines(surprisesUntil),
  ].join('\n');
}

function publishesLine({ kid }: KeyView, isDryRun: boolean): string {
  return isDryRun ? 'and a new standby key would be published' : `published as the new standby: ${kid}`;
}

/** What a key breaks that signs before verifiers can know it. */
export function surpriseLines(until: EpochMs | null): readonly string[] {
  if (until === null) return [];
  return [
    `this breaks: until ${toRfc3339(until)}, verifiers that keep an older JWKS and do not look again for an unknown`,
    'kid refuse every new token',
  ];
}
