// Every command there is, found by asking for help as a person would: a new one cannot be forgotten here.
import t, { type Test } from 'tap';
import { commandLine, emptyCommandLine } from './harness.js';

/** What `mintd` and each of its families list under "Commands:"; `users add` and the like. */
async function allCommands(t: Test): Promise<readonly string[]> {
  const { mintd } = emptyCommandLine(t);
  const listed = async (path: string) => {
    const { out } = await mintd(`${path} --help`);
    const names = [...(out.split('\nCommands:\n')[1] ?? '').matchAll(/^ {2}([a-z-]+)\b/gm)].map(
      ([, name = '']) => name,
    );
    return names.filter((name) => name !== 'help').map((name) => `${path} ${name}`.trim());
  };
  const commands: string[] = [];
  for (const command of await listed('')) {
    const below = await listed(command);
    commands.push(...(below.length === 0 ? [command] : below));
  }
  return commands;
}

t.test('the commands are found', async (t) => {
  const commands = await allCommands(t);
  for (const known of ['serve', 'migrate', 'keys rotate', 'users remove', 'clients disable', 'sessions revoke']) {
    t.ok(commands.includes(known), known);
  }
  t.equal(new Set(commands).size, commands.length);
});

t.test('every command has help with worked examples of itself, whatever the configuration is', async (t) => {
  const { mintd } = emptyCommandLine(t);
  for (const command of await allCommands(t)) {
    const { code, out, err } = await mintd(`${command} --help`, { environment: { PORT: 'broken' } });
    t.strictSame({ code, err }, { code: 0, err: '' }, `mintd ${command} --help`);
    t.match(out, new RegExp(`^Usage: mintd ${command}`));
    t.match(out, /\nExamples:\n( {2}\$ [^\n]+\n?)+$/);
    t.match(out, new RegExp(`\\$ (PORT=8080 )?mintd ${command}`));
  }
});

t.test('the examples of the help are no wrong usage', async (t) => {
  const { mintd } = await commandLine(t);
  for (const command of await allCommands(t)) {
    const { out } = await mintd(`${command} --help`);
    for (const [, line = ''] of out.matchAll(/^ {2}\$ mintd ([^<\n]+)/gm)) {
      const { code } = await mintd(line.trim(), { stdin: 'correct horse battery' });
      t.not(code, 2, `mintd ${line}`);
    }
  }
});

t.test('no option takes a secret: other users of the machine can read arguments', async (t) => {
  const { mintd } = emptyCommandLine(t);
  for (const command of await allCommands(t)) {
    const { out } = await mintd(`${command} --help`);
    t.notMatch(out, /^ +--[a-z-]*(password|secret|passphrase|token(?!-rate))[a-z-]* [<[]/m, command);
  }
});

t.test('everything that speaks of users, clients or sessions needs a database that is there', async (t) => {
  const { mintd, folder } = emptyCommandLine(t);
  const commands = (await allCommands(t)).filter((command) => /^(users|clients|sessions) /.test(command));
  t.ok(commands.length > 10, 'they were found');
  for (const command of commands) {
    const { out } = await mintd(`${command} --help`);
    const [, line = ''] = /^ {2}\$ mintd ([^<\n]+)/m.exec(out) ?? [];
    const refused = await mintd(line.trim());
    t.strictSame({ code: refused.code, out: refused.out }, { code: 1, out: '' }, `mintd ${line}`);
    t.equal(
      refused.err,
      `mintd: there is no database at ${folder}/mintd.db: run \`mintd migrate\` or \`mintd serve\`\n`,
    );
  }
});
