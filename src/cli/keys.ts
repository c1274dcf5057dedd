import { type Command, Option } from 'commander';
import { publicKeys } from '../keys/jwks.js';
import { rotateKeys } from '../keys/rotate.js';
import { KEY_SIZES_BITS } from '../keys/rsa.js';
import { keyJson, planJson } from '../oauth/key-json.js';
import { nextRotation, type RotationRefusal } from '../oauth/key-rotation.js';
import { viewRing } from '../oauth/key-states.js';
import { toRfc3339 } from '../oauth/time.js';
import { type CliIo, CommandFailed, type OutputOptions, print } from './io.js';
import { showKeys, showPlan } from './key-view.js';
import { keyChangeCommands } from './keys-change.js';
import { keyMoveCommands } from './keys-move.js';
import { examples, type Settings, type WithKeyStore } from './settings.js';

type RotateOptions = OutputOptions & { dryRun?: boolean; force?: boolean; bits?: string };

/** `mintd keys …` */
export function keysCommands(program: Command, io: CliIo, settings: () => Settings, withStore: WithKeyStore): void {
  const keys = program.command('keys').description('the keys that sign access tokens');

  keys
    .command('list')
    .description('show every key, its state and its times, and what happens next')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('mintd keys list', 'mintd keys list --json'))
    .action(async (options: OutputOptions) => {
      const { keyStore, rotationIntervalSeconds } = settings();
      const ring = await withStore(keyStore, (store) => store.read());
      const now = Date.now();
      const next = nextRotation(ring, rotationIntervalSeconds, now);
      print(io, options, viewRing(ring, now).map(keyJson), () => showKeys(ring, next, now));
    });

  keys
    .command('rotate')
    .description('make the standby key the next one to sign, as soon as every verifier can know it')
    .option('--dry-run', 'only show what would happen')
    .option('--force', 'sign with it at once, even if that breaks verifiers; says which')
    .addOption(new Option('--bits <bits>', 'size of the new standby key').choices(KEY_SIZES_BITS.map(String)))
    .option('--json', 'print JSON')
    .addHelpText('after', examples('mintd keys rotate --dry-run', 'mintd keys rotate', 'mintd keys rotate --bits 3072'))
    .action(async ({ dryRun = false, force = false, bits, ...options }: RotateOptions) => {
      const size = KEY_SIZES_BITS.find((one) => String(one) === bits);
      const wanted = { dryRun, forced: force, ...(size !== undefined && { bits: size }) };
      const outcome = await withStore(settings().keyStore, (store) => rotateKeys(store, wanted));
      if ('refused' in outcome) throw new CommandFailed(whyNotRotated(outcome));
      if (!dryRun) settings().audit('key_rotated', { kid: outcome.activates.kid, forced: force });
      print(io, options, planJson(outcome, dryRun), () => showPlan(outcome, dryRun));
      if (bits !== undefined && outcome.publishes === null) io.err('No key was published, so --bits had no effect.\n');
    });

  keys
    .command('export')
    .description('print the public keys (a JWKS) for verifiers that cannot fetch them')
    .option('--json', 'print JSON; it always is')
    .addHelpText('after', examples('mintd keys export'))
    .action(async () => {
      const ring = await withStore(settings().keyStore, (store) => store.read());
      io.out(`${JSON.stringify({ keys: publicKeys(ring, Date.now()) }, null, 2)}\n`);
      io.err('A key published after this is not in it: export again after every rotation, before the next.\n');
    });

  keyChangeCommands(keys, io, settings, withStore);
  keyMoveCommands(keys, io, settings, withStore);
}

function whyNotRotated(refusal: RotationRefusal): string {
  switch (refusal.refused) {
    case 'already_scheduled':
      return (
        `a rotation is under way: ${refusal.kid} signs from ${toRfc3339(refusal.allowedFrom)}; ` +
        'another is possible from then on (--force brings it forward)'
      );
    case 'clock_behind':
      return (
        `the ring was changed at ${toRfc3339(refusal.changedAt)}, but this machine's clock says ` +
        `${toRfc3339(refusal.now)}: set the clock right; if it is, --force mends the ring`
      );
    case 'no_standby':
      return 'the ring has no standby key to rotate to';
    case 'no_active_key':
      return 'the ring has no key that can sign: restore it from a backup';
  }
}
