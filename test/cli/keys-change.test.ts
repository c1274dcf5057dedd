import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { bytesOf, type CommandLine, emptyCommandLine, makeRing, RFC3339 } from './harness.js';

const { publicKey: ALIEN, privateKey: ALIEN_PRIVATE } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const SPKI = ALIEN.export({ type: 'spki', format: 'pem' }).toString();
const KID = /^[\w-]{43}$/;

/** The kids of `keys list`, by the order of the ring. */
async function kidsOf({ json }: CommandLine): Promise<readonly string[]> {
  const listed: unknown = await json('keys list');
  if (!Array.isArray(listed)) throw new Error('not a list');
  return listed.map(({ kid }) => String(kid));
}

async function statesOf({ json }: CommandLine): Promise<readonly string[]> {
  const listed: unknown = await json('keys list');
  if (!Array.isArray(listed)) throw new Error('not a list');
  return listed.map(({ state }) => String(state));
}

t.test('keys revoke asks first, and a no is no', async (t) => {
  const commands = emptyCommandLine(t);
  await makeRing(commands.keysDir);
  const [active = '', standby = ''] = await kidsOf(commands);
  const before = bytesOf(join(commands.keysDir, 'ring.json'));
  t.match(await commands.mintd(`keys revoke ${active}`), {
    code: 1,
    out: '',
    err: /^mintd: Revoke the key that signs now\? .* This cannot be undone: say --yes\n$/,
  });
  t.match(await commands.mintd(`keys revoke ${active}`, { answers: ['no'] }), {
    code: 1,
    out: '',
    err: 'mintd: nothing was done\n',
  });
  await commands.mintd(`keys revoke ${standby}`, { answers: ['no'] });
  t.strictSame(commands.questions, [
    'Revoke the key that signs now? Every token it signed will be refused.',
    `Revoke the key ${standby}? Every token it signed will be refused.`,
  ]);
  t.equal(bytesOf(join(commands.keysDir, 'ring.json')), before);
  t.match(await commands.mintd(`keys revoke ${active}`, { answers: ['yes'] }), { code: 0, err: '' });
});

t.test('keys revoke of the active key: the standby signs, and it says what that breaks', async (t) => {
  const commands = emptyCommandLine(t);
  await makeRing(commands.keysDir);
  const [active = '', standby = ''] = await kidsOf(commands);
  const { code, out, err } = await commands.mintd(`keys revoke ${active} --yes`);
  t.strictSame({ code, err }, { code: 0, err: '' });
  const [, , fresh] = await kidsOf(commands);
  const lines = out.trimEnd().split('\n');
  t.equal(lines[0], `revoked: ${active} is out of the JWKS, and its private key is destroyed`);
  t.equal(lines[1], `signs now: ${standby}`);
  t.equal(lines[2], `published: ${fresh}`);
  t.match(
    lines[3],
    /^verifiers may accept its tokens until \d{4}-.*Z, those that keep no JWKS and \/introspect until 5 s/,
  );
  t.match(lines[4], /^this breaks: until \d{4}-/);
  t.notOk(readdirSync(commands.keysDir).includes(`${active}.pem`), 'destroyed');
  t.strictSame(await statesOf(commands), ['revoked', 'active', 'published']);
  const again = await commands.mintd(`keys revoke ${active} --yes`);
  t.match(again, { code: 1, out: '', err: /^mintd: .{43} was revoked already, at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n$/ });
});

t.test('keys revoke of an active key that every verifier can do without breaks nothing', async (t) => {
  const commands = emptyCommandLine(t);
  await makeRing(commands.keysDir, 7200);
  const [active = ''] = await kidsOf(commands);
  const { out } = await commands.mintd(`keys revoke ${active} --yes`);
  t.notMatch(out, 'this breaks');
});

t.test('keys revoke --json has the plan', async (t) => {
  const commands = emptyCommandLine(t);
  await makeRing(commands.keysDir);
  const [active, standby] = await kidsOf(commands);
  t.match(await commands.json(`keys revoke ${active} --yes`), {
    revoked: { kid: active, state: 'revoked', revoked_at: RFC3339, destroyed_at: RFC3339 },
    signs: { kid: standby, state: 'active' },
    publishes: [{ kid: KID, state: 'published' }],
    accepted_until: RFC3339,
    surprises_until: RFC3339,
  });
});

t.test('keys revoke of a standby and of a retiring key leaves the key that signs', async (t) => {
  const commands = emptyCommandLine(t);
  await makeRing(commands.keysDir, 7200);
  const [, standby = ''] = await kidsOf(commands);
  const { out } = await commands.mintd(`keys revoke ${standby} --yes`);
  t.match(out, /\npublished: .{43}\nverifiers may/, 'another stands by');
  t.notMatch(out, 'this breaks');
  t.strictSame(await statesOf(commands), ['active', 'revoked', 'published']);
  t.match(await commands.mintd('keys rotate --force'), { code: 0 });
  const [retiring = ''] = await kidsOf(commands);
  // Force takes effect with the next whole second.
  while ((await statesOf(commands))[0] !== 'retiring') await new Promise((resolve) => setTimeout(resolve, 50));
  t.match(await commands.json(`keys revoke ${retiring} --yes`), { revoked: { kid: retiring }, publishes: [] });
  t.notOk(readdirSync(commands.keysDir).includes(`${retiring}.pem`));
});

t.test('keys revoke of a key that is not there', async (t) => {
  const { mintd, keysDir } = emptyCommandLine(t);
  await makeRing(keysDir);
  const err = /^mintd: there is no key nobody in the ring: `mintd keys list` shows all\n$/;
  t.match(await mintd('keys revoke nobody --yes'), { code: 1, out: '', err });
  t.match(await mintd('keys revoke nobody --yes --json'), {
    code: 1,
    out: '',
    err: /^\{"error":"there is no key nobody/,
  });
  t.match(await mintd('keys revoke'), { code: 2, out: '', err: /missing required argument 'kid'/ });
});

t.test('keys prune asks, names what it deletes, and deletes nothing else', async (t) => {
  const commands = emptyCommandLine(t);
  await makeRing(commands.keysDir);
  t.match(await commands.mintd('keys prune --yes'), { code: 0, out: 'nothing is over\n', err: '' });
  const stray = join(commands.keysDir, `${'x'.repeat(43)}.pem`);
  writeFileSync(stray, '', { mode: 0o600 });
  writeFileSync(join(commands.keysDir, 'README.md'), '', { mode: 0o600 });
  const before = readdirSync(commands.keysDir).length;
  t.match(await commands.mintd('keys prune'), { code: 1, out: '', err: /say --yes/ });
  t.match(await commands.mintd('keys prune', { answers: ['no'] }), { code: 1, out: '' });
  t.equal(commands.questions.at(-1), `This would delete ${stray}. Go on?`);
  t.equal(readdirSync(commands.keysDir).length, before);
  t.strictSame(await commands.json('keys prune --yes'), { forgot: [], deleted: [stray] });
  t.equal(readdirSync(commands.keysDir).length, before - 1);
  writeFileSync(stray, '', { mode: 0o600 });
  t.match(await commands.mintd('keys prune', { answers: ['yes'] }), { code: 0, out: `deleted ${stray}\n`, err: '' });
});

t.test('keys import of PEM and JWK, from a file and from stdin', async (t) => {
  const commands = emptyCommandLine(t);
  await makeRing(commands.keysDir);
  const file = join(commands.folder, 'old');
  writeFileSync(file, SPKI);
  const { code, out, err } = await commands.mintd(`keys import ${file} --for 1h --kid rsa-2024`);
  t.match({ code, err }, { code: 0, err: '' });
  t.match(out, /^rsa-2024 is in the JWKS until \d{4}-.*Z; it never signs here\n$/);
  const listed = await commands.mintd('keys list');
  t.match(listed.out, /\nrsa-2024 +retiring, imported +/);
  t.match(listed.out, /\[.{6}\* .{6} rsa-20\] ─ in (1h|59m\d+s) ─ \[.{6}\* .{6}\]/);

  const shorter = /^mintd: rsa-2024 stays in the JWKS until \d{4}-.*Z already\n$/;
  t.match(await commands.mintd(`keys import ${file} --for 1m --kid rsa-2024`), { code: 1, out: '', err: shorter });
  t.match(await commands.json(`keys import ${file} --for 2h --kid rsa-2024`), { kid: 'rsa-2024', imported: true });
  const other = /^mintd: the ring has this key under another kid, or another key as other\n$/;
  t.match(await commands.mintd(`keys import ${file} --for 1h --kid other`), { code: 1, out: '', err: other });

  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
  const jwk = JSON.stringify({ ...publicKey.export({ format: 'jwk' }), kid: 'from-stdin', use: 'sig', alg: 'RS256' });
  t.match(await commands.json('keys import - --for 90', { stdin: jwk }), {
    kid: 'from-stdin',
    state: 'retiring',
    activates_at: null,
    removes_at: RFC3339,
    imported: true,
  });
});

t.test(
  'of a private key that is imported, only the public half is taken, and nothing is shown of the rest',
  async (t) => {
    const { mintd, keysDir } = emptyCommandLine(t);
    await makeRing(keysDir);
    const stdin = ALIEN_PRIVATE.export({ type: 'pkcs8', format: 'pem' }).toString();
    const { d = 'd', p = 'p' } = ALIEN_PRIVATE.export({ format: 'jwk' });
    const { out, err } = await mintd('keys import - --for 1h --json', { stdin });
    const ring = bytesOf(join(keysDir, 'ring.json'));
    for (const text of [out, err, ring, (await mintd('keys export')).out]) {
      for (const secret of [d, p, 'PRIVATE']) t.notOk(text.includes(secret));
    }
    t.equal(readdirSync(keysDir).filter((name) => name.endsWith('.pem')).length, 2);
    const own = emptyCommandLine(t);
    await makeRing(own.keysDir);
    const [kid] = await kidsOf(own);
    const pem = bytesOf(join(own.keysDir, `${kid}.pem`));
    const refused = await own.mintd('keys import - --for 1h', { stdin: pem });
    t.match(refused, { code: 1, out: '', err: `mintd: ${kid} is a key of this ring already\n` });
  },
);

t.test('keys import of what is no RSA key for signatures is refused with the reason', async (t) => {
  const { mintd, keysDir, folder } = emptyCommandLine(t);
  await makeRing(keysDir);
  const before = bytesOf(join(keysDir, 'ring.json'));
  const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString();
  const jwk = ALIEN.export({ format: 'jwk' });
  const rows: readonly (readonly [stdin: string, reason: RegExp])[] = [
    ['', /it is neither PEM nor a JWK/],
    ['nonsense', /it is neither PEM nor a JWK/],
    [SPKI.slice(0, 200), /it is PEM, but holds no key that can be read: is it encrypted, or cut\?/],
    [JSON.stringify({ keys: [jwk] }), /it is JSON, but not a JWK: of a JWKS, take the one key/],
    [JSON.stringify({ ...jwk, alg: 'PS256' }), /it is for PS256/],
    [JSON.stringify({ ...jwk, use: 'enc' }), /it is for use "enc"/],
    [JSON.stringify({ ...jwk, n: undefined }), /n or e is missing/],
    [pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey), /it is not an RSA key/],
    [pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey), /it has 1024 bits; at least 2048 are needed/],
    [JSON.stringify({ ...jwk, kid: 'with space' }), /its kid must be 1 to 255 characters/],
  ];
  for (const [stdin, reason] of rows) {
    const { code, out, err } = await mintd('keys import - --for 1h', { stdin });
    t.match({ code, out, err }, { code: 1, out: '', err: reason }, String(reason));
    t.match(err, /^mintd: -: [^\n]*\n$/);
  }
  t.match(await mintd('keys import absent.pem --for 1h'), {
    code: 1,
    err: 'mintd: absent.pem: it cannot be read (ENOENT)\n',
  });
  t.match(await mintd(`keys import ${folder} --for 1h`), {
    code: 1,
    err: `mintd: ${folder}: it cannot be read (EISDIR)\n`,
  });
  t.equal(bytesOf(join(keysDir, 'ring.json')), before);
});

t.test('keys import must be told for how long', async (t) => {
  const { mintd, keysDir } = emptyCommandLine(t);
  await makeRing(keysDir);
  t.match(await mintd('keys import -', { stdin: SPKI }), { code: 2, out: '', err: /--for <duration>/ });
  for (const nonsense of ['soon', '0', '0d', '-1h', '1w', '4000d', '1.5h']) {
    const ended = await mintd(['keys', 'import', '-', `--for=${nonsense}`], { stdin: SPKI });
    t.match(ended, { out: '', err: /must be a duration such as/ }, nonsense);
    t.equal(ended.code, 2, `${nonsense} is wrong usage`);
  }
});
