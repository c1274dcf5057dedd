import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { bytesOf, type CommandInput, type CommandLine, commandLine, emptyCommandLine, makeRing } from './harness.js';

const KEYS_ENCRYPTION_KEY = Buffer.alloc(32, 1).toString('base64');
const OTHER_KEY = Buffer.alloc(32, 2).toString('base64');
const DATABASE = { environment: { KEY_STORE: 'database', KEYS_ENCRYPTION_KEY } };
const PASSPHRASE = 'the quick brown fox';

/** A ring in files, beside a database that has none. */
async function withFiles(t: Test): Promise<CommandLine> {
  const commands = await commandLine(t);
  await makeRing(commands.keysDir);
  return commands;
}

/** A ring in the database; the files are gone. */
async function inDatabase(t: Test): Promise<CommandLine> {
  const commands = await withFiles(t);
  t.match(await commands.mintd('keys copy --to database', DATABASE), { code: 0, err: '' });
  return commands;
}

async function listed({ mintd }: CommandLine, input?: CommandInput): Promise<readonly Record<string, unknown>[]> {
  return JSON.parse((await mintd('keys list --json', input)).out);
}

const privateFiles = ({ keysDir }: CommandLine) => readdirSync(keysDir).filter((name) => /\.(pem|jwe)$/.test(name));

t.test('keys rewrap encrypts every private key, changes the passphrase, and takes it away again', async (t) => {
  const commands = emptyCommandLine(t);
  await makeRing(commands.keysDir);
  const [one, two] = (await listed(commands)).map(({ kid }) => kid);
  const ring = bytesOf(join(commands.keysDir, 'ring.json'));
  const encrypted = await commands.mintd('keys rewrap', { environment: { KEYS_PASSPHRASE: PASSPHRASE } });
  t.strictSame(encrypted, { code: 0, out: `encrypted anew: ${one}\nencrypted anew: ${two}\n`, err: '' });
  t.strictSame(privateFiles(commands).sort(), [`${one}.jwe`, `${two}.jwe`].sort());
  const changed = { KEYS_PASSPHRASE: 'another one', KEYS_PASSPHRASE_PREVIOUS: PASSPHRASE };
  t.strictSame(await commands.json('keys rewrap', { environment: changed }), { rewrapped: [one, two] });
  const wrong = await commands.mintd('keys rewrap', { environment: { KEYS_PASSPHRASE: PASSPHRASE } });
  t.match(wrong, {
    code: 1,
    out: '',
    err: /^mintd: [^\n]*\.jwe: it cannot be decrypted: is KEYS_PASSPHRASE the one[^\n]*\n$/,
  });

  const plain = { KEYS_PASSPHRASE_PREVIOUS: 'another one' };
  const refused = await commands.mintd('keys rewrap', { environment: plain });
  t.match(refused, { code: 1, out: '', err: /say --yes/ });
  await commands.mintd('keys rewrap', { environment: plain, answers: ['no'] });
  t.strictSame(commands.questions, ['KEYS_PASSPHRASE is not set: write private keys in plain text?']);
  t.ok(privateFiles(commands).every((name) => name.endsWith('.jwe')));
  const back = await commands.mintd('keys rewrap --yes', { environment: plain });
  t.strictSame(back, { code: 0, out: `written in plain text: ${one}\nwritten in plain text: ${two}\n`, err: '' });
  t.strictSame(privateFiles(commands).sort(), [`${one}.pem`, `${two}.pem`].sort());
  t.equal(bytesOf(join(commands.keysDir, 'ring.json')), ring, 'the ring stays as it is');
  for (const { out, err } of [encrypted, wrong, refused, back]) t.notMatch(out + err, /quick|another one|PRIVATE/);
});

t.test('keys rewrap in the database takes the previous key and the present one', async (t) => {
  const commands = await inDatabase(t);
  const kids = (await listed(commands, DATABASE)).map(({ kid }) => kid);
  const wrong = { KEY_STORE: 'database', KEYS_ENCRYPTION_KEY: OTHER_KEY };
  const err = /^mintd: table key_rings, row 1, private key of .{43}: it cannot be decrypted: [^\n]*\n$/;
  const refused = await commands.mintd('keys rewrap', { environment: wrong });
  t.match(refused, { code: 1, out: '', err });
  t.notMatch(refused.err, OTHER_KEY);
  t.match(await commands.mintd('keys list', { environment: wrong }), { code: 0 }, 'the list needs no secret');
  const both = { ...wrong, KEYS_ENCRYPTION_KEY_PREVIOUS: KEYS_ENCRYPTION_KEY };
  t.strictSame(await commands.json('keys rewrap', { environment: both }), { rewrapped: kids });
  t.strictSame(
    await commands.json('keys rewrap', { environment: wrong }),
    { rewrapped: kids },
    'and now the new one will do',
  );
  t.match(await commands.mintd('keys rewrap', DATABASE), { code: 1, out: '', err });
});

t.test('keys copy takes the ring to the database and back, private keys and all', async (t) => {
  const commands = await withFiles(t);
  const before = await listed(commands);
  const pems = privateFiles(commands).map((name) => bytesOf(join(commands.keysDir, name)));
  const copied = await commands.mintd('keys copy --to database', DATABASE);
  t.strictSame(copied, { code: 0, out: 'copied 2 keys\nnow start every server with KEY_STORE=database\n', err: '' });
  t.strictSame(await listed(commands, DATABASE), before);
  t.strictSame(await listed(commands), before, 'the files stay');
  const row = await commands.withDatabase(({ prisma }) => prisma.keyRing.findUniqueOrThrow({ where: { id: 1 } }));
  t.notMatch(row.ring + row.privateKeys, 'PRIVATE');

  const KEYS_DIR = join(commands.folder, 'other');
  const back = { environment: { ...DATABASE.environment, KEYS_DIR } };
  t.strictSame(await commands.json('keys copy --to files', back), {
    copied: before.map(({ kid }) => kid),
    from: 'database',
    to: 'files',
  });
  t.strictSame(await listed(commands, { environment: { KEYS_DIR } }), before);
  const there = readdirSync(KEYS_DIR).filter((name) => name.endsWith('.pem'));
  t.strictSame(
    there.map((name) => bytesOf(join(KEYS_DIR, name))),
    pems,
  );
});

t.test('keys copy replaces a ring only when told to, and asks', async (t) => {
  const commands = await inDatabase(t);
  const kept = await listed(commands, DATABASE);
  const KEYS_DIR = join(commands.folder, 'other');
  await makeRing(KEYS_DIR);
  const environment = { ...DATABASE.environment, KEYS_DIR };
  const other = await listed(commands, { environment: { KEYS_DIR } });

  const err = 'mintd: the database: there is a key ring already; --replace puts this one in its place\n';
  t.strictSame(await commands.mintd('keys copy --to database', { environment }), { code: 1, out: '', err });
  const there = await commands.mintd('keys copy --to files', { environment });
  t.match(there, { code: 1, out: '', err: `mintd: ${KEYS_DIR}: there is a key ring already; --replace puts` });
  t.match(await commands.mintd('keys copy --to files --replace', { environment }), { code: 1, err: /say --yes/ });
  await commands.mintd('keys copy --to files --replace', { environment, answers: ['no'] });
  await commands.mintd('keys copy --to database --replace', { environment, answers: ['no'] });
  t.strictSame(commands.questions, [
    `Replace the ring in ${KEYS_DIR}? Its private keys are deleted.`,
    'Replace the ring in the database? Its private keys are deleted.',
  ]);
  t.strictSame(
    [await listed(commands, DATABASE), await listed(commands, { environment: { KEYS_DIR } })],
    [kept, other],
  );

  t.match(await commands.mintd('keys copy --to files --replace --yes', { environment }), { code: 0, err: '' });
  t.strictSame(await listed(commands, { environment: { KEYS_DIR } }), kept);
  const names = readdirSync(KEYS_DIR).filter((name) => name.endsWith('.pem'));
  t.strictSame(names.sort(), kept.map(({ kid }) => `${kid}.pem`).sort(), 'the private keys of the other ring are gone');
});

t.test('keys copy --replace where no ring is there replaces nothing, and asks nothing', async (t) => {
  const commands = await withFiles(t);
  t.match(await commands.mintd('keys copy --to database --replace', DATABASE), { code: 0, err: '' });
  const KEYS_DIR = join(commands.folder, 'other');
  const environment = { ...DATABASE.environment, KEYS_DIR };
  t.match(await commands.mintd('keys copy --to files --replace', { environment }), { code: 0, err: '' });
  t.strictSame(commands.questions, []);
});

t.test('keys copy where nothing can be copied', async (t) => {
  const commands = await commandLine(t);
  const none = await commands.mintd('keys copy --to database', DATABASE);
  t.match(none, { code: 1, out: '', err: /^mintd: there is no key ring in [^\n]*\n$/ });
  const empty = await commands.mintd('keys copy --to files', DATABASE);
  t.match(empty, { code: 1, out: '', err: /^mintd: there is no key ring in the database: [^\n]*\n$/ });
  t.notOk(readdirSync(commands.folder).includes('keys'), 'and nothing is made');
  t.match(await commands.mintd('keys copy --to nowhere'), {
    code: 2,
    out: '',
    err: /Allowed choices are files, database/,
  });
  t.match(await commands.mintd('keys copy'), { code: 2, out: '', err: /--to/ });
  await makeRing(commands.keysDir);
  const keyless = await commands.mintd('keys copy --to database');
  t.match(
    keyless,
    { code: 1, out: '', err: /^mintd: [^\n]*KEYS_ENCRYPTION_KEY[^\n]*\n$/ },
    'without a key for the database',
  );
});

t.test('every keys command works on a ring in the database', async (t) => {
  const commands = await inDatabase(t);
  const { mintd } = commands;
  t.match(await mintd('keys list', DATABASE), { code: 0, out: /^KID [\s\S]*\nnow \[/, err: '' });
  t.match(await mintd('keys rotate --dry-run', DATABASE), { code: 0, out: /^this would happen:/, err: '' });
  t.equal((await listed(commands, DATABASE)).length, 2);
  t.match(await mintd('keys rotate', DATABASE), { code: 0, out: /^planned:/, err: '' });
  t.match(await mintd('keys rotate', DATABASE), { code: 1, out: '', err: /^mintd: a rotation is under way: / });
  const [active, standby] = await listed(commands, DATABASE);
  t.match(await mintd(`keys revoke ${active?.['kid']} --yes`, DATABASE), {
    code: 0,
    out: `signs now: ${standby?.['kid']}`,
  });
  t.match(await mintd(`keys revoke ${active?.['kid']} --yes`, DATABASE), { code: 1, err: /was revoked already/ });
  const jwk = JSON.parse((await mintd('keys export')).out).keys[0];
  const stdin = JSON.stringify({ ...jwk, kid: 'abroad' });
  const taken = await mintd('keys import - --for 1h', { ...DATABASE, stdin });
  t.match(taken, { code: 1, out: '', err: /the ring has this key under another kid/ });
  t.strictSame(await commands.json('keys prune --yes', DATABASE), { forgot: [], deleted: [] });
  t.match(await mintd('keys export', DATABASE), { code: 0, out: /"keys"/, err: /^A key published after this/ });
  const row = await commands.withDatabase(({ prisma }) => prisma.keyRing.findUniqueOrThrow({ where: { id: 1 } }));
  const kids = (await listed(commands, DATABASE)).filter(({ destroyed_at }) => destroyed_at === null);
  t.strictSame(
    Object.keys(JSON.parse(row.privateKeys)).sort(),
    kids.map(({ kid }) => kid).sort(),
    'destroyed ones are gone',
  );
  t.equal((await listed(commands)).length, 2, 'and the files are as they were');
});

t.test('a ring that is not in the database, and a database that is not there', async (t) => {
  const none = await commandLine(t);
  const missing =
    /^mintd: there is no key ring in the database: restore its table key_rings from a backup, or bring one/;
  const commands = ['list', 'rotate', 'rotate --dry-run', 'export', 'prune --yes', 'rewrap', 'revoke x --yes'];
  for (const args of commands.map((one) => `keys ${one}`)) {
    t.match(await none.mintd(args, DATABASE), { code: 1, out: '', err: missing }, args);
  }
  const nowhere = emptyCommandLine(t);
  t.match(await nowhere.mintd('keys list', DATABASE), { code: 1, out: '', err: /^mintd: there is no database at / });
  const keyless = await none.mintd('keys list', { environment: { KEY_STORE: 'database' } });
  t.match(keyless, { code: 1, out: '', err: /KEYS_ENCRYPTION_KEY is not set, and KEY_STORE=database needs it/ });
});
