import { type Command, Option } from 'commander';
import { copyRing } from '../keys/changes.js';
import { type CliIo, confirm, type OutputOptions, print } from './io.js';
import { examples, KEY_STORES, type KeyStoreKind, type Settings, type WithKeyStore } from './settings.js';

type RewrapOptions = OutputOptions & { yes?: boolean };
type CopyOptions = OutputOptions & { to: KeyStoreKind; replace?: boolean; yes?: boolean };

const PLAIN_NOTE = 'KEYS_PASSPHRASE is not set: the private keys are in plain text, readable by their owner alone';

/** `mintd keys rewrap|copy` */
export function keyMoveCommands(keys: Command, io: CliIo, settings: () => Settings, withStore: WithKeyStore): void {
  keys
    .command('rewrap')
    .description('encrypt every private key anew, from the secret that *_PREVIOUS names to the present one')
    .option('--yes', 'do not ask before private keys are written in plain text')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('mintd keys rewrap'))
    .action(async (options: RewrapOptions) => {
      const { keyStore, hasPassphrase, audit } = settings();
      const isPlain = keyStore === 'files' && !hasPassphrase;
      if (isPlain) await confirm(io, options, 'KEYS_PASSPHRASE is not set: write private keys in plain text?');
      const kids = await withStore(keyStore, (store) => store.rewrap());
      audit('keys_rewrapped', { kids });
      const how = isPlain ? 'written in plain text' : 'encrypted anew';
      print(io, options, { rewrapped: kids }, () => kids.map((kid) => `${how}: ${kid}`).join('\n'));
    });

  keys
    .command('copy')
    .description('take the ring, private keys and all, from files to the database or back')
    .addOption(new Option('--to <store>', 'where to').choices(KEY_STORES).makeOptionMandatory())
    .option('--replace', 'replace the ring that is there')
    .option('--yes', 'do not ask before a ring is replaced')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('mintd keys copy --to database', 'mintd keys copy --to files --replace'))
    .action(async ({ to, replace = false, ...options }: CopyOptions) => {
      const from = to === 'files' ? 'database' : 'files';
      const isPlain = to === 'files' && !settings().hasPassphrase;
      const kids = await withStore(from, (source) =>
        withStore(to, async (target) => {
          const isReplaced = replace && (await target.exists());
          if (isReplaced)
            await confirm(io, options, `Replace the ring in ${target.place}? Its private keys are deleted.`);
          return copyRing(source, target, isReplaced);
        }),
      );
      settings().audit('keys_copied', { kids, from, to });
      print(io, options, { copied: kids, from, to }, () =>
        [
          `copied ${kids.length} keys`,
          ...(isPlain ? [PLAIN_NOTE] : []),
          `now start every server with KEY_STORE=${to}`,
        ].join('\n'),
      );
    });
}
