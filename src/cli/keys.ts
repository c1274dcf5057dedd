import type { Command } from 'commander';
import { openKeyDirectory } from '../keys/directory.js';
import { rotateKeys } from '../keys/rotate.js';
import { type KeyView, type RotationPlan, type RotationRefusal, viewRing } from '../oauth/key-ring.js';
import { type EpochMs, toRfc3339 } from '../oauth/time.js';
import { exclusively } from '../store/lock.js';
import { type CliIo, CommandFailed, type OutputOptions, print, table } from './io.js';
import { examples, type Settings } from './settings.js';

type RotateOptions = OutputOptions & { dryRun?: boolean };

/** `mintd keys …` */
export function keysCommands(program: Command, io: CliIo, settings: () => Settings): void {
  const keys = program.command('keys').description('the keys that sign access tokens');

  keys
    .command('list')
    .description('show every key, its state and its times')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('mintd keys list', 'mintd keys list --json'))
    .action(async (options: OutputOptions) => {
      const ring = await openKeyDirectory(settings().keysDir, exclusively).read();
      const views = viewRing(ring, Date.now());
      print(io, options, views.map(toJson), () => showKeys(views));
    });

  keys
    .command('rotate')
    .description('make the standby key the next one to sign, as soon as every verifier can know it')
    .option('--dry-run', 'only show what would happen')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('mintd keys rotate --dry-run', 'mintd keys rotate'))
    .action(async (options: RotateOptions) => {
      const store = openKeyDirectory(settings().keysDir, exclusively);
      const outcome = await rotateKeys(store, options.dryRun === true);
      if ('refused' in outcome) throw new CommandFailed(whyRefused(outcome));
      print(io, options, planJson(outcome, options.dryRun === true), () => showPlan(outcome, options.dryRun === true));
    });
}

function whyRefused(refusal: RotationRefusal): string {
  switch (refusal.refused) {
    case 'already_scheduled':
      return (
        `a rotation is under way: ${refusal.kid} signs from ${toRfc3339(refusal.allowedFrom)}; ` +
        'another is possible from then on'
      );
    case 'no_standby':
      return 'the ring has no standby key to rotate to';
    case 'no_active_key':
      return 'the ring has no active key: is the clock of this machine right?';
  }
}

function planJson({ retires, activates, publishes }: RotationPlan, isDryRun: boolean): object {
  return { dry_run: isDryRun, activates: toJson(activates), retires: toJson(retires), publishes: toJson(publishes) };
}

function showPlan({ retires, activates, publishes }: RotationPlan, isDryRun: boolean): string {
  return [
    isDryRun ? 'this would happen:' : 'planned:',
    `  ${show(activates.activatesAt)}  ${activates.kid} signs`,
    `  ${show(activates.activatesAt)}  ${retires.kid} stops signing and still verifies`,
    `  ${show(retires.removesAt)}  ${retires.kid} leaves the JWKS`,
    isDryRun ? 'and a new standby key would be published' : `published as the new standby: ${publishes.kid}`,
  ].join('\n');
}

function toJson(key: KeyView): object {
  const rfc3339 = (time: EpochMs | null) => (time === null ? null : toRfc3339(time));
  return {
    kid: key.kid,
    state: key.state,
    published_at: toRfc3339(key.publishedAt),
    activates_at: rfc3339(key.activatesAt),
    deactivates_at: rfc3339(key.deactivatesAt),
    removes_at: rfc3339(key.removesAt),
    revoked_at: rfc3339(key.revokedAt),
  };
}

function showKeys(keys: readonly KeyView[]): string {
  const rows = keys.map((key) => [
    key.kid,
    key.state,
    toRfc3339(key.publishedAt),
    show(key.activatesAt),
    show(key.deactivatesAt),
    show(key.removesAt),
  ]);
  return table(['KID', 'STATE', 'PUBLISHED', 'SIGNS FROM', 'SIGNS UNTIL', 'IN THE JWKS UNTIL'], rows);
}

function show(time: EpochMs | null): string {
  return time === null ? '-' : toRfc3339(time);
}
