import { join } from 'node:path';
import t from 'tap';
import { bitsOf } from '../../src/keys/rsa.js';
import { filesIn } from '../keys/support.js';
import { bytesOf, emptyCommandLine, makeRing, RFC3339 } from './harness.js';

t.test('keys rotate --force signs at once and says what that breaks', async (t) => {
  const { mintd, json, keysDir } = emptyCommandLine(t);
  await makeRing(keysDir);
  const { code, out, err } = await mintd('keys rotate --force');
  t.match({ code, err }, { code: 0, err: '' });
  t.match(
    out,
    /\npublished as the new standby: .{43}\nthis breaks: until \d{4}-.*Z, verifiers that keep an older JWKS and/,
  );
  const [, forced] = (await filesIn(keysDir).read()).keys;
  t.ok(Math.abs((forced?.activatesAt ?? 0) - Date.now()) < 2000, 'at once');
  const surprised = await json('keys rotate --force --dry-run');
  t.match(surprised, { dry_run: true, surprises_until: RFC3339 });
});

t.test('keys rotate --force where every verifier knows the key breaks nothing, and says nothing of it', async (t) => {
  const { mintd, keysDir } = emptyCommandLine(t);
  await makeRing(keysDir, 7200);
  const { code, out, err } = await mintd('keys rotate --force');
  t.match({ code, err }, { code: 0, err: '' });
  t.notMatch(out, 'this breaks');
  const calm = emptyCommandLine(t);
  await makeRing(calm.keysDir, 7200);
  t.match(await calm.json('keys rotate --force'), { surprises_until: null });
});

t.test('keys rotate --force brings a rotation forward that is under way, and publishes nothing more', async (t) => {
  const { mintd, json, keysDir } = emptyCommandLine(t);
  await makeRing(keysDir);
  const { activates } = await json('keys rotate');
  const { code, out } = await mintd('keys rotate --force');
  t.equal(code, 0);
  t.notMatch(out, 'standby');
  const { keys } = await filesIn(keysDir).read();
  t.equal(keys.length, 3);
  t.match(activates, { kid: keys[1]?.kid });
  t.ok((keys[1]?.activatesAt ?? 0) < Date.now() + 2000);
});

t.test('keys rotate --bits makes the new standby of that size, and the next one keeps it', async (t) => {
  const { mintd, keysDir } = emptyCommandLine(t);
  await makeRing(keysDir, 7200);
  t.match(await mintd('keys rotate --bits 3072'), { code: 0, err: '' });
  t.match(await mintd('keys rotate --force'), { code: 0, err: '' });
  const { keys } = await filesIn(keysDir).read();
  t.strictSame(keys.map(({ jwk }) => bitsOf(jwk)).slice(0, 3), [2048, 2048, 3072]);
  while ((await filesIn(keysDir).read()).keys.length < 4) t.match(await mintd('keys rotate --force'), { code: 0 });
  t.equal(bitsOf((await filesIn(keysDir).read()).keys[3]?.jwk ?? { kty: 'RSA', n: '', e: '' }), 3072);
});

t.test('keys rotate with a size that is none is wrong usage, and changes nothing', async (t) => {
  const { mintd, keysDir } = emptyCommandLine(t);
  await makeRing(keysDir, 7200);
  const before = bytesOf(join(keysDir, 'ring.json'));
  for (const bits of ['1024', '2047', '0', 'many', '']) {
    const { code, out, err } = await mintd(['keys', 'rotate', '--bits', bits]);
    t.strictSame({ code, out }, { code: 2, out: '' }, bits);
    t.match(err, /Allowed choices are 2048, 3072, 4096/);
  }
  t.match(await mintd('keys rotate --sideways'), { code: 2, out: '' });
  t.equal(bytesOf(join(keysDir, 'ring.json')), before);
});

t.test('keys list says when the next rotation is: by itself, as planned, or never', async (t) => {
  const { mintd, keysDir } = emptyCommandLine(t);
  await makeRing(keysDir);
  const [active] = (await filesIn(keysDir).read()).keys;
  const at = (seconds: number) =>
    `${new Date((active?.activatesAt ?? 0) + seconds * 1000).toISOString().slice(0, 19)}Z`;
  const last = async (KEY_ROTATION_INTERVAL: string) =>
    (await mintd('keys list', { environment: { KEY_ROTATION_INTERVAL } })).out.trimEnd().split('\n').at(-1);
  t.equal(await last('30d'), `next rotation: ${at(30 * 86_400)}`);
  t.equal(await last('7d'), `next rotation: ${at(7 * 86_400)}`);
  t.equal(await last('off'), 'no rotation is planned');
  await mintd('keys rotate');
  const planned = (await filesIn(keysDir).read()).keys[1]?.activatesAt ?? 0;
  t.equal(await last('off'), `next rotation: ${new Date(planned).toISOString().slice(0, 19)}Z`);
});

t.test('keys list has a timeline of one line below the table', async (t) => {
  const { mintd, keysDir } = emptyCommandLine(t);
  await makeRing(keysDir);
  await mintd('keys rotate');
  const kids = (await filesIn(keysDir).read()).keys.map(({ kid }) => kid.slice(0, 6));
  const [a = '', b = '', c = ''] = kids;
  const { out } = await mintd('keys list');
  const line = out.split('\n').find((one) => one.startsWith('now '));
  const frames = line?.split(/ ─ in \d+[hms](?:\d+[ms])? ─ /);
  t.strictSame(frames, [`now [${a}* ${b} ${c}]`, `[${a} ${b}* ${c}]`, `[${b}* ${c}] →`]);
});

t.test('keys export prints a JWKS of public members alone, and on stderr what it is not good for', async (t) => {
  const { mintd, keysDir } = emptyCommandLine(t);
  await makeRing(keysDir);
  const { code, out, err } = await mintd('keys export');
  t.equal(code, 0);
  const { keys } = JSON.parse(out);
  t.equal(keys.length, 2);
  for (const key of keys) t.strictSame(Object.keys(key).sort(), ['alg', 'e', 'kid', 'kty', 'n', 'use']);
  t.equal(err, 'A key published after this is not in it: export again after every rotation, before the next.\n');
  t.strictSame(JSON.parse((await mintd('keys export --json')).out), { keys });
  const [active, standby] = (await filesIn(keysDir).read()).keys;
  await mintd(`keys revoke ${active?.kid} --yes`);
  const left: readonly { kid: string }[] = JSON.parse((await mintd('keys export')).out).keys;
  t.equal(
    left.some(({ kid }) => kid === active?.kid),
    false,
    'a revoked key is not in it',
  );
  t.equal(left[0]?.kid, standby?.kid);
});
