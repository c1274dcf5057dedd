import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import t, { type Test } from 'tap';
import { KeyRingFault } from '../../src/keys/directory.js';
import { openSigner, type Signer, type SignerLog, signerOf } from '../../src/keys/signer.js';
import { START } from '../helper.js';
import {
  aKeyFolder,
  aRing,
  aRotatingRing,
  EARLIEST_REMOVAL,
  EARLIEST_USE,
  type KeyFolder,
  somePairs,
} from './support.js';

const kidOf = (token: string) => decodeProtectedHeader(token).kid;
const kidsIn = (jwks: string) => (JSON.parse(jwks) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);

/** The signer of a ring as it was loaded at START. */
async function signerAt({ store }: KeyFolder) {
  return signerOf(await store.load(START));
}

t.test('a token is RS256, of the type of RFC 9068, under the kid of the active key', async (t) => {
  const signer = await signerAt(await aKeyFolder(t));
  const [first] = await somePairs();
  const token = await signer.sign({ sub: 'ada', roles: ['x'], iat: 1 }, START);
  t.strictSame(decodeProtectedHeader(token), { alg: 'RS256', typ: 'at+jwt', kid: first.key.kid });
  const verified = await jwtVerify(token, createLocalJWKSet(JSON.parse(signer.jwks(START))), { typ: 'at+jwt' });
  t.strictSame({ ...verified.payload }, { sub: 'ada', roles: ['x'], iat: 1 }, 'the claims, and nothing added');
});

t.test('the JWKS has exactly the public members', async (t) => {
  const signer = await signerAt(await aKeyFolder(t));
  const [first, standby] = await somePairs();
  t.strictSame(JSON.parse(signer.jwks(START)), {
    keys: [first, standby].map(({ key: { kid, jwk } }) => ({
      kty: 'RSA',
      use: 'sig',
      alg: 'RS256',
      kid,
      n: jwk.n,
      e: jwk.e,
    })),
  });
});

t.test('the next key signs from its activation, to the millisecond, and the last one is published on', async (t) => {
  const signer = await signerAt(await aKeyFolder(t, await aRotatingRing()));
  const [first, standby] = await somePairs();
  t.equal(kidOf(await signer.sign({}, EARLIEST_USE - 1)), first.key.kid);
  t.equal(kidOf(await signer.sign({}, EARLIEST_USE)), standby.key.kid);
  t.equal(kidOf(await signer.sign({}, EARLIEST_REMOVAL * 2)), standby.key.kid);
  const both = [first.key.kid, standby.key.kid];
  t.strictSame(kidsIn(signer.jwks(START)), both);
  t.strictSame(kidsIn(signer.jwks(EARLIEST_USE)), both);
  t.strictSame(kidsIn(signer.jwks(EARLIEST_REMOVAL - 1)), both);
  t.strictSame(kidsIn(signer.jwks(EARLIEST_REMOVAL)), [standby.key.kid]);
});

t.test('whatever is signed verifies with the JWKS of the same moment and of the poll before', async (t) => {
  const signer = await signerAt(await aKeyFolder(t, await aRotatingRing()));
  const before = createLocalJWKSet(JSON.parse(signer.jwks(START)));
  for (const now of [START, EARLIEST_USE - 1, EARLIEST_USE, EARLIEST_REMOVAL]) {
    const token = await signer.sign({ sub: 'ada' }, now);
    await t.resolves(jwtVerify(token, before));
    await t.resolves(jwtVerify(token, createLocalJWKSet(JSON.parse(signer.jwks(now)))));
  }
});

t.test('a clock that is set back gets the JWKS of its time', async (t) => {
  const signer = await signerAt(await aKeyFolder(t, await aRotatingRing()));
  t.equal(kidsIn(signer.jwks(EARLIEST_REMOVAL)).length, 1);
  t.equal(kidsIn(signer.jwks(EARLIEST_REMOVAL - 60_000)).length, 2);
});

t.test('without an active key nothing is signed, and it says so', async (t) => {
  const ring = await aRing();
  const revoked = { ...ring, keys: ring.keys.map((key) => ({ ...key, revokedAt: START })) };
  for (const [name, bad, now] of [
    ['revoked', revoked, START],
    ['a ring of the future', ring, START - 1],
  ] as const) {
    const signer = await signerAt(await aKeyFolder(t, bad));
    t.equal(signer.isReady(now), false, name);
    await t.rejects(signer.sign({}, now), KeyRingFault, name);
  }
});

t.test('it is ready while a key is active whose private half is there', async (t) => {
  const { store } = await aKeyFolder(t);
  const loaded = await store.load(START);
  t.equal(signerOf(loaded).isReady(START), true);
  t.equal(signerOf({ ...loaded, privateKeys: new Map() }).isReady(START), false);
});

type Following = KeyFolder & {
  readonly signer: Signer;
  /** What the timer does, at once. */
  readonly poll: () => Promise<void>;
  readonly reloads: (readonly string[])[];
  readonly faults: unknown[];
};

/** An open signer whose timer the test turns by hand. */
async function following(t: Test): Promise<Following> {
  const keys = await aKeyFolder(t);
  const reloads: (readonly string[])[] = [];
  const faults: unknown[] = [];
  const log: SignerLog = {
    ringReloaded: (kids) => void reloads.push(kids),
    ringFault: (error) => void faults.push(error),
  };
  const timers = t.capture(globalThis, 'setInterval', () => setTimeout(() => undefined, 0));
  const signer = await openSigner(keys.store, log, () => START);
  t.teardown(() => signer.close());
  const [call, ...others] = timers();
  timers.restore();
  t.equal(others.length, 0);
  const [poll, everyMs] = call?.args ?? [];
  t.equal(everyMs, 5000, 'it looks every 5 s');
  return { ...keys, signer, poll: async () => poll?.(), reloads, faults };
}

t.test('a ring that does not change is not read again', async (t) => {
  const { poll, reloads, faults } = await following(t);
  await poll();
  await poll();
  t.strictSame([reloads, faults], [[], []]);
});

t.test('a changed ring is followed', async (t) => {
  const { store, signer, poll, reloads, faults } = await following(t);
  const [first, standby, third] = await somePairs();
  const published = { ...third.key, publishedAt: START, activatesAt: null, revokedAt: null };
  t.equal(kidsIn(signer.jwks(START)).length, 2);
  const { keys, timings } = await aRotatingRing();
  await store.change(() => ({ ring: { keys: [...keys, published], timings }, added: [third], value: 1 }));
  t.equal(kidsIn(signer.jwks(START)).length, 2, 'not before it looked');
  await poll();
  const kids = [first.key.kid, standby.key.kid, third.key.kid];
  t.strictSame(reloads, [kids]);
  t.strictSame(kidsIn(signer.jwks(START)), kids);
  t.equal(kidOf(await signer.sign({}, EARLIEST_USE)), standby.key.kid);
  await poll();
  t.equal(reloads.length, 1, 'once');
  t.strictSame(faults, []);
});

t.test('a ring that turns bad leaves the last good one, and is reported each time until it is good', async (t) => {
  const { folder, signer, poll, reloads, faults } = await following(t);
  const [first] = await somePairs();
  const ringPath = join(folder, 'ring.json');
  const pemPath = join(folder, `${first.key.kid}.pem`);
  const [good, pem] = [readFileSync(ringPath), readFileSync(pemPath)];
  const spoils: readonly (() => void)[] = [
    () => writeFileSync(ringPath, good.subarray(0, 300)),
    () => chmodSync(ringPath, 0o644),
    () => rmSync(pemPath),
    () => rmSync(folder, { recursive: true }),
  ];
  for (const [i, spoil] of spoils.entries()) {
    spoil();
    await poll();
    await poll();
    t.equal(faults.length, 2 * (i + 1), `fault ${i}, twice`);
    t.equal(signer.isReady(START), true);
    t.equal(kidOf(await signer.sign({}, START)), first.key.kid);
    t.equal(kidsIn(signer.jwks(START)).length, 2);
    if (i === spoils.length - 1) break;
    writeFileSync(ringPath, good);
    chmodSync(ringPath, 0o600);
    writeFileSync(pemPath, pem, { mode: 0o600 });
    await poll();
    t.equal(reloads.length, i + 1, 'the good one is back');
  }
});

t.test('a bad ring does not open', async (t) => {
  const { folder, store } = await aKeyFolder(t);
  chmodSync(folder, 0o755);
  const log: SignerLog = { ringReloaded: () => undefined, ringFault: () => undefined };
  await t.rejects(
    openSigner(store, log, () => START),
    KeyRingFault,
  );
});
