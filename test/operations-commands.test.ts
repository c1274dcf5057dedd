// What docs/operations tells people to type is typed here, on a real installation: at three in the morning nobody wants to find
// out that an option has another name.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { EVENTS } from '../src/oauth/events.js';
import { openInstallation } from '../src/store/installation.js';
import { SILENT } from './cli/doctor-support.js';
import { type CommandLine, commandLine, makeRing } from './cli/harness.js';
import { commandBlocks } from './documents.js';

const FOLDER = 'docs/operations';
const documents = readdirSync(FOLDER).filter((name) => name.endsWith('.md'));
const textOf = (name: string) => readFileSync(join(FOLDER, name), 'utf8');

/** Every `mintd …` in blocks and in the text, as people would type it. */
function commandsOf(markdown: string): readonly string[] {
  const inText = [...markdown.replace(/```[\s\S]*?```/g, '').matchAll(/`mintd ([a-z][^`]*)`/g)].map(
    ([, one = '']) => one,
  );
  const inBlocks = commandBlocks(markdown).flatMap((line) => /^(?:npx )?mintd ([a-z].*)$/.exec(line)?.[1] ?? []);
  // `mintd` of a container or a service with more around it, and what must not be run to its end here.
  return [...new Set([...inBlocks, ...inText])].filter((one) => !/[|<>$]|^serve/.test(one));
}

/** A user, clients and a ring, for the names the documents use. */
async function installation(t: Test): Promise<CommandLine> {
  const line = await commandLine(t);
  await makeRing(line.keysDir, 7200);
  await line.withDatabase((database) => openInstallation(database).rememberKeyRing(Date.now()));
  await line.mintd('users add ada');
  await line.mintd('clients add worker --kind confidential --grant client_credentials');
  // The doctor asks the issuer, and on its default port another mintd may listen on this machine.
  return { ...line, mintd: (args, input) => line.mintd(args, { environment: { ISSUER: SILENT }, ...input }) };
}

const NAMES: Readonly<Record<string, string>> = { NAME: 'ada', CLIENT: 'worker' };

t.test('every command of the documents does what it says there', async (t) => {
  const line = await installation(t);
  const tried = new Set<string>();
  for (const document of documents) {
    for (const command of commandsOf(textOf(document))) {
      if (tried.has(command)) continue;
      tried.add(command);
      const keys: readonly { kid: string; state: string }[] = JSON.parse((await line.mintd('keys list --json')).out);
      const named = { ...NAMES, KID: keys.find(({ state }) => state === 'active')?.kid ?? '' };
      const typed = command.replace(/\b[A-Z]{3,}\b/g, (name) => named[name as keyof typeof named] ?? name);
      // A second rotation is refused while the first is under way, whichever document comes first.
      const { code, err } = await line.mintd(typed.replace(/keys rotate$/, 'keys rotate --force'));
      // In the text a command may be named without what it is for.
      if (!/missing required argument/.test(err)) t.equal(code, 0, `${document}: mintd ${typed}: ${err}`);
    }
  }
  t.ok(tried.size > 15, `${tried.size} commands were found`);
});

t.test('every event a document names is one', async (t) => {
  const text = textOf('runbooks.md');
  const named = [...text.matchAll(/`([a-z]+(?:_[a-z]+)+)`/g)].map(([, name = '']) => name);
  const strangers = named.filter((name) => !Object.hasOwn(EVENTS, name));
  t.strictSame(strangers, []);
  t.ok(named.length > 8, 'they were found');
});

t.test('every document a document names is there', async (t) => {
  for (const document of ['backup.md', 'runbooks.md']) {
    for (const [, path = ''] of textOf(document).matchAll(/\]\(([^)#:]+)[^)]*\)/g)) {
      t.ok(existsSync(join(FOLDER, path)), `${document}: ${path}`);
    }
  }
});

t.test('a ring that is lost for good: a new one is made only after the statement of the runbook', async (t) => {
  const line = await installation(t);
  const [, sql = ''] = /```sql\n(.*)\n```/.exec(textOf('runbooks.md')) ?? [];
  rmSync(line.keysDir, { recursive: true });
  const ringOf = async () => {
    const { out } = await line.mintd('doctor --json');
    return JSON.parse(out).checks.find(({ name }: { name: string }) => name === 'key ring').status;
  };
  t.equal(await ringOf(), 'failed');
  await line.withDatabase(({ prisma }) => prisma.$executeRawUnsafe(sql));
  t.equal(await ringOf(), 'warning', 'the next start makes one');
});
