import { CompactEncrypt, decodeProtectedHeader } from 'jose';
import t from 'tap';
import { type Wrapping, wrapWithKey, wrapWithPassphrase } from '../../src/keys/wrapping.js';
import { rejectionOf } from '../store/support.js';
import { encryptionKey } from './store-media.js';
import { somePairs } from './support.js';

const [{ privatePem }] = await somePairs();

const locked = (present: string | null, previous: string | null = null) => wrapWithPassphrase({ present, previous });
const keyed = (present: string | null, previous: string | null = null) =>
  wrapWithKey({
    present: present === null ? null : encryptionKey(present),
    previous: previous === null ? null : encryptionKey(previous),
  });
const messageOf = async (wrapping: Wrapping, kept: string) => (await rejectionOf(wrapping.unwrap(kept))).message;

const WRONG_PASSPHRASE = 'it cannot be decrypted: is KEYS_PASSPHRASE the one it was encrypted with?';
const CUT = 'it is neither PKCS #8 nor a JWE: it may have been cut';

t.test('under a passphrase it is a JWE of PBES2-HS512+A256KW with 210,000 rounds and A256GCM', async (t) => {
  const kept = await locked('a').wrap(privatePem);
  t.match(kept, /^[\w-]+(\.[\w-]+){4}$/, 'RFC 7516 §7.1');
  const { p2s, ...header } = decodeProtectedHeader(kept);
  t.strictSame(header, { alg: 'PBES2-HS512+A256KW', enc: 'A256GCM', p2c: 210_000 });
  t.equal(Buffer.from(String(p2s), 'base64url').length >= 16, true, 'a salt of 128 bits');
  t.equal(await locked('a').unwrap(kept), privatePem);
  t.equal(await locked('a').unwrap(`${kept}\n`), privatePem, 'an editor may have ended the line');
  t.not(decodeProtectedHeader(await locked('a').wrap(privatePem))['p2s'], p2s, 'another salt each time');
});

t.test('under a key it is a JWE of A256GCM with that key, which it names without giving it away', async (t) => {
  const kept = await keyed('a').wrap(privatePem);
  const header = decodeProtectedHeader(kept);
  t.strictSame(header, { alg: 'dir', enc: 'A256GCM', kid: header.kid });
  t.match(header.kid, /^[\w-]{8}$/);
  const [, encryptedKey, iv = '', , tag = ''] = kept.split('.');
  t.equal(encryptedKey, '', 'RFC 7518 §4.5: no encrypted key');
  t.strictSame(
    [iv, tag].map((part) => Buffer.from(part, 'base64url').length),
    [12, 16],
  );
  t.notOk(kept.includes(Buffer.from(encryptionKey('a')).toString('base64url').slice(0, 8)));
  t.not(decodeProtectedHeader(await keyed('b').wrap(privatePem)).kid, header.kid);
  t.equal(await keyed('a').unwrap(kept), privatePem);
  t.not((await keyed('a').wrap(privatePem)).split('.')[2], iv, 'another IV each time');
});

t.test('the previous secret reads and does not write', async (t) => {
  for (const open of [locked, keyed]) {
    const old = await open('a').wrap(privatePem);
    t.equal(await open('b', 'a').unwrap(old), privatePem);
    const now = await open('b', 'a').wrap(privatePem);
    t.equal(await open('b').unwrap(now), privatePem);
    await t.rejects(open('a').unwrap(now));
  }
  t.equal(await locked(null, 'a').unwrap(await locked('a').wrap(privatePem)), privatePem, 'on the way to plain text');
});

t.test('files: without a passphrase it is the plain text; plain text is read with one too', async (t) => {
  t.equal(await locked(null).wrap(privatePem), privatePem);
  for (const wrapping of [locked(null), locked('a'), locked(null, 'a')]) {
    t.equal(await wrapping.unwrap(privatePem), privatePem);
    t.equal(await wrapping.unwrap('garbage'), 'garbage', 'for who reads PKCS #8 to judge');
  }
});

t.test('a missing or wrong secret is said, and no secret is in what is said', async (t) => {
  const passphrased = await locked('a').wrap(privatePem);
  t.equal(await messageOf(locked(null), passphrased), 'it is encrypted: set KEYS_PASSPHRASE');
  t.equal(await messageOf(locked('b'), passphrased), WRONG_PASSPHRASE);
  t.equal(await messageOf(locked('b', 'c'), passphrased), WRONG_PASSPHRASE);
  const kept = await keyed('a').wrap(privatePem);
  const [a, b, c] = await Promise.all(
    ['a', 'b', 'c'].map(async (name) => decodeProtectedHeader(await keyed(name).wrap('')).kid),
  );
  t.equal(await messageOf(keyed(null), kept), 'it is encrypted: set KEYS_ENCRYPTION_KEY');
  const wants = `it cannot be decrypted: it wants the key ${a}; is KEYS_ENCRYPTION_KEY right? it has id`;
  t.equal(await messageOf(keyed('b'), kept), `${wants} ${b}`);
  t.equal(await messageOf(keyed('b', 'c'), kept), `${wants} ${b}, before that ${c}`);
  t.equal((await rejectionOf(keyed(null).wrap(privatePem))).message.startsWith('set KEYS_ENCRYPTION_KEY: '), true);
});

t.test('one changed character in any part, and it is not decrypted', async (t) => {
  const kept = await keyed('a').wrap(privatePem);
  for (const part of [0, 2, 3, 4]) {
    const parts = kept.split('.');
    const text = parts[part] ?? '';
    parts[part] = `${text.slice(0, 4)}${text[4] === 'A' ? 'B' : 'A'}${text.slice(5)}`;
    const message = await messageOf(keyed('a'), parts.join('.'));
    t.ok(message.startsWith('it cannot be decrypted: ') || message === CUT, `part ${part}: ${message}`);
  }
  const parts = (await locked('a').wrap(privatePem)).split('.');
  parts[1] = `${parts[1]?.[0] === 'A' ? 'B' : 'A'}${parts[1]?.slice(1)}`;
  t.equal(await messageOf(locked('a'), parts.join('.')), WRONG_PASSPHRASE, 'the encrypted key');
});

t.test('what was cut or is something else is said to be so', async (t) => {
  for (const kept of ['', 'garbage', '....', 'a.b.c', privatePem.slice(0, 100), '{}']) {
    t.equal(await messageOf(keyed('a'), kept), CUT, kept.slice(0, 20));
  }
  const kept = await keyed('a').wrap(privatePem);
  t.equal(await messageOf(keyed('a'), kept.slice(0, kept.lastIndexOf('.'))), CUT, 'without its tag');
  t.equal(await messageOf(locked('a'), 'a.b.c.d.e'), CUT);
});

t.test('no other algorithm is read, even with the right secret', async (t) => {
  const bytes = new TextEncoder().encode(privatePem);
  const [key, passphrase] = [encryptionKey('a'), new TextEncoder().encode('a')];
  const made = (alg: string, enc: string, secret: Uint8Array) =>
    new CompactEncrypt(bytes).setProtectedHeader({ alg, enc }).encrypt(secret);
  for (const kept of [
    await made('A256KW', 'A256GCM', key),
    await made('A256GCMKW', 'A256GCM', key),
    await made('dir', 'A128CBC-HS256', key),
    await made('PBES2-HS512+A256KW', 'A256GCM', passphrase),
  ]) {
    const { alg } = decodeProtectedHeader(kept);
    t.match(
      await messageOf(keyed('a'), kept),
      /^it cannot be decrypted: it wants the key without a name; /,
      String(alg),
    );
  }
  for (const kept of [
    await made('PBES2-HS256+A128KW', 'A256GCM', passphrase),
    await made('PBES2-HS512+A256KW', 'A256CBC-HS512', passphrase),
    await made('dir', 'A256GCM', key),
  ]) {
    t.equal(await messageOf(locked('a'), kept), WRONG_PASSPHRASE);
  }
});

t.test('rounds that would keep a server busy for minutes are refused unread', async (t) => {
  const made = new CompactEncrypt(new Uint8Array(8))
    .setProtectedHeader({ alg: 'PBES2-HS512+A256KW', enc: 'A256GCM' })
    .setKeyManagementParameters({ p2c: 1 });
  const [header = '', ...rest] = (await made.encrypt(new TextEncoder().encode('a'))).split('.');
  const claims: unknown = JSON.parse(Buffer.from(header, 'base64url').toString());
  const heavy = { ...(claims instanceof Object ? claims : {}), p2c: 2_000_000_000 };
  const kept = [Buffer.from(JSON.stringify(heavy)).toString('base64url'), ...rest].join('.');
  await t.rejects(locked('a').unwrap(kept), { message: CUT });
});
