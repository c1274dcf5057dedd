import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import t from 'tap';
import { KeyRingFault } from '../../src/keys/faults.js';
import type { CachedDocument } from '../../src/keys/jwks.js';
import { signerOf } from '../../src/keys/signer.js';
import { START } from '../helper.js';
import { kidsIn } from './keeper-support.js';
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
const setOf = ({ text }: CachedDocument) => JSON.parse(text) as { keys: { kid: string }[] };

/** The signer of a ring as it was loaded at START. */
async function signerAt({ store }: KeyFolder) {
  return signerOf(await store.load(START));
}

t.test('a token is RS256, of the type of RFC 9068, under the kid of the active key', async (t) => {
  const signer = await signerAt(await aKeyFolder(t));
  const [first] = await somePairs();
  const token = await signer.sign({ sub: 'ada', roles: ['x'], iat: 1 }, START);
  t.strictSame(decodeProtectedHeader(token), { alg: 'RS256', typ: 'at+jwt', kid: first.key.kid });
  const verified = await jwtVerify(token, createLocalJWKSet(setOf(signer.jwks(START))), { typ: 'at+jwt' });
  t.strictSame({ ...verified.payload }, { sub: 'ada', roles: ['x'], iat: 1 }, 'the claims, and nothing added');
});

t.test('the JWKS has exactly the public members', async (t) => {
  const signer = await signerAt(await aKeyFolder(t));
  const [first, standby] = await somePairs();
  t.strictSame(setOf(signer.jwks(START)), {
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
  const before = createLocalJWKSet(setOf(signer.jwks(START)));
  for (const now of [START, EARLIEST_USE - 1, EARLIEST_USE, EARLIEST_REMOVAL]) {
    const token = await signer.sign({ sub: 'ada' }, now);
    await t.resolves(jwtVerify(token, before));
    await t.resolves(jwtVerify(token, createLocalJWKSet(setOf(signer.jwks(now)))));
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
  const signer = await signerAt(await aKeyFolder(t, revoked));
  t.equal(signer.isReady(START), false);
  await t.rejects(signer.sign({}, START), KeyRingFault);
});

t.test('a clock that is behind the one that made the ring signs with its first key', async (t) => {
  const signer = await signerAt(await aKeyFolder(t));
  const [first] = await somePairs();
  t.equal(signer.isReady(START - 3_600_000), true);
  t.equal(kidOf(await signer.sign({}, START - 3_600_000)), first.key.kid);
});

t.test('it is ready while a key is active whose private half is there', async (t) => {
  const { store } = await aKeyFolder(t);
  const loaded = await store.load(START);
  t.equal(signerOf(loaded).isReady(START), true);
  t.equal(signerOf({ ...loaded, privateKeys: new Map() }).isReady(START), false);
});

t.test('what is published is written once, until it changes', async (t) => {
  const loaded = await (await aKeyFolder(t, await aRotatingRing())).store.load(START);
  const signer = signerOf(loaded);
  const atFirst = signer.jwks(START);
  t.equal(signer.jwks(START + 1), atFirst, 'the very same');
  t.equal(signer.jwks(EARLIEST_USE - 1), atFirst);
  t.strictSame(signer.jwks(EARLIEST_USE), atFirst, 'another key signs; the same are published, under the same tag');
  const after = signer.jwks(EARLIEST_REMOVAL);
  t.not(after.etag, atFirst.etag);
  t.equal(signer.jwks(EARLIEST_REMOVAL * 2), after);
  t.strictSame(signer.jwks(START), atFirst, 'a clock that is set back: the same as then');
});

t.test('a ring that is replaced counts from that moment, with all that is kept of the one before', async (t) => {
  const { store } = await aKeyFolder(t);
  const [first, standby] = await somePairs();
  const signer = signerOf(await store.load(START));
  const token = await signer.sign({ sub: 'ada' }, START);
  const before = signer.jwks(START);
  const shorter = { ...(await aRing()).timings[0], since: START + 1, jwksMaxAgeSeconds: 30, verifierCacheSeconds: 0 };
  const timing = { ...shorter, accessTokenMaxTtlSeconds: 120, clockSkewSeconds: 0 };
  await store.change(({ keys, timings }) => ({
    ring: {
      keys: keys.map((key) =>
        key.kid === first.key.kid ? { ...key, revokedAt: START } : { ...key, activatesAt: START + 1 },
      ),
      timings: [...timings, timing],
    },
    added: [],
    value: true,
  }));
  t.strictSame([signer.jwksMaxAgeSeconds(), signer.longestTtlSeconds()], [300, 3600]);
  const next = await store.load(START + 1);
  signer.replace(next);
  t.equal(signer.ring(), next.ring);
  t.strictSame([signer.jwksMaxAgeSeconds(), signer.longestTtlSeconds()], [30, 120]);
  t.strictSame(kidsIn(signer.jwks(START)), [standby.key.kid]);
  t.not(signer.jwks(START).etag, before.etag);
  t.equal(await signer.verify(token, START), null);
  t.equal(kidOf(await signer.sign({}, START)), standby.key.kid);
});
