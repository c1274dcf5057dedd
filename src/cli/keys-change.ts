import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { importKey, pruneKeys, revokeKey } from '../keys/changes.js';
import { readForeignKey } from '../keys/foreign-key.js';
import { keyJson } from '../oauth/key-json.js';
import { type ImportRefusal, planPrune, type RevocationPlan, type RevocationRefusal } from '../oauth/key-removal.js';
import { activeKey } from '../oauth/key-states.js';
import { parseDurationSeconds, shownTime, toRfc3339 } from '../oauth/time.js';
import { type CliIo, CommandFailed, confirm, type OutputOptions, print } from './io.js';
import { surpriseLines } from './key-view.js';
import { examples, type Settings, type WithKeyStore } from './settings.js';

type YesOptions = OutputOptions & { yes?: boolean };
type ImportOptions = OutputOptions & { kid?: string; for: number };

/** `mintd keys revoke|prune|import` */
export function keyChangeCommands(keys: Command, io: CliIo, settings: () => Settings, withStore: WithKeyStore): void {
  keys
    .command('revoke <kid>')
    .description('take a key out of the JWKS now, for one that may be in wrong hands')
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('mintd keys revoke 2Fh1vXyZ…', 'mintd keys revoke 2Fh1vXyZ… --yes'))
    .action(async (kid: string, options: YesOptions) => {
      const plan = await withStore(settings().keyStore, async (store) => {
        const isActive = activeKey(await store.read(), Date.now())?.kid === kid;
        const what = isActive ? 'the key that signs now' : `the key ${kid}`;
        await confirm(io, options, `Revoke ${what}? Every token it signed will be refused.`);
        return revokeKey(store, kid);
      });
      if ('refused' in plan) throw new CommandFailed(whyNotRevoked(kid, plan));
      settings().audit('key_revoked', { kid: plan.revoked.kid });
      print(io, options, revocationJson(plan), () => showRevocation(plan));
    });

  keys
    .command('prune')
    .description('forget keys that are over, and delete files that belong to no key')
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('mintd keys prune', 'mintd keys prune --yes'))
    .action(async (options: YesOptions) => {
      const { forgets, deleted } = await withStore(settings().keyStore, async (store) => {
        const leftovers = await store.leftovers();
        const over = planPrune(await store.read(), Date.now()).forgets.map(({ kid }) => kid);
        const all = [...over.map((kid) => `forget ${kid}`), ...leftovers.map((name) => `delete ${name}`)];
        if (all.length > 0) await confirm(io, options, `This would ${all.join(', ')}. Go on?`);
        return { forgets: (await pruneKeys(store)).forgets, deleted: await store.leftovers({ remove: true }) };
      });
      const kids = forgets.map(({ kid }) => kid);
      if (kids.length + deleted.length > 0) settings().audit('keys_pruned', { kids, names: deleted });
      print(
        io,
        options,
        { forgot: forgets.map(keyJson), deleted },
        () =>
          [...forgets.map(({ kid }) => `forgot ${kid}`), ...deleted.map((name) => `deleted ${name}`)].join('\n') ||
          'nothing is over',
      );
    });

  importCommand(keys, io, settings, withStore);
}

function importCommand(keys: Command, io: CliIo, settings: () => Settings, withStore: WithKeyStore): void {
  keys
    .command('import <file>')
    .description("publish another issuer's RSA key (PEM or JWK, - for stdin), so that its tokens go on verifying")
    .requiredOption(
      '--for <duration>',
      'how long its tokens may still be out, from now, such as 1h or 30d',
      spanSeconds,
    )
    .option('--kid <kid>', 'what its tokens call it, if the key does not say')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples('mintd keys import old.pem --kid rsa-2024 --for 1h', 'mintd keys import old.jwk.json --for 1d'),
    )
    .action(async (file: string, options: ImportOptions) => {
      const { keyStore, audit } = settings();
      const key = await readKey(io, file, options.kid ?? null);
      const plan = await withStore(keyStore, (store) => importKey(store, key, Date.now() + options.for * 1000));
      if ('refused' in plan) throw new CommandFailed(whyNotImported(key.kid, plan));
      const { imports } = plan;
      audit('key_imported', { kid: imports.kid });
      print(io, options, keyJson(imports), () => {
        return `${imports.kid} is in the JWKS until ${imports.removesAt === null ? '-' : toRfc3339(imports.removesAt)}; it never signs here`;
      });
    });
}

function spanSeconds(text: string): number {
  const seconds = parseDurationSeconds(text);
  if (seconds === null || seconds === 0) throw new InvalidArgumentError('It must be a duration such as 1h or 30d.');
  return seconds;
}

async function readKey(io: CliIo, file: string, kid: string | null) {
  try {
    return await readForeignKey(file === '-' ? await io.readStdin() : await readFile(file, 'utf8'), kid);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const message = error instanceof Error ? error.message : String(error);
    throw new CommandFailed(
      `${file}: ${typeof code === 'string' && code.startsWith('E') ? `it cannot be read (${code})` : message}`,
    );
  }
}

function whyNotRevoked(kid: string, refusal: RevocationRefusal): string {
  switch (refusal.refused) {
    case 'unknown_key':
      return `there is no key ${kid} in the ring: \`mintd keys list\` shows all`;
    case 'already_revoked':
      return `${kid} was revoked already, at ${toRfc3339(refusal.at)}`;
    case 'already_removed':
      return `${kid} left the JWKS already, at ${toRfc3339(refusal.at)}`;
  }
}

function revocationJson({ revoked, signs, publishes, acceptedUntil, surprisesUntil }: RevocationPlan): object {
  return {
    revoked: keyJson(revoked),
    signs: keyJson(signs),
    publishes: publishes.map(keyJson),
    accepted_until: toRfc3339(acceptedUntil),
    surprises_until: shownTime(surprisesUntil),
  };
}

function showRevocation({ revoked, signs, publishes, acceptedUntil, surprisesUntil }: RevocationPlan): string {
  return [
    `revoked: ${revoked.kid} is out of the JWKS${revoked.importedUntil === null ? ', and its private key is destroyed' : ''}`,
    `signs now: ${signs.kid}`,
    ...publishes.map(({ kid }) => `published: ${kid}`),
    `verifiers may accept its tokens until ${toRfc3339(acceptedUntil)}, those that keep no JWKS and /introspect until 5 s from now`,
    ...surpriseLines(surprisesUntil),
  ].join('\n');
}

function whyNotImported(kid: string, refusal: ImportRefusal): string {
  switch (refusal.refused) {
    case 'kid_taken':
      return `the ring has this key under another kid, or another key as ${kid}`;
    case 'own_key':
      return `${kid} is a key of this ring already`;
    case 'key_revoked':
      return `${kid} was revoked at ${toRfc3339(refusal.at)}`;
    case 'known_longer':
      return `${kid} stays in the JWKS until ${toRfc3339(refusal.until)} already`;
  }
}
