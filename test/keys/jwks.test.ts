import { createHash, createPrivateKey } from 'node:crypto';
import t from 'tap';
import { KeyRingFault } from '../../src/keys/faults.js';
import { cachedDocument, jwksDocument, type PublishedJwk, publicKeys } from '../../src/keys/jwks.js';
import { signerOf } from '../../src/keys/signer.js';
import type { KeyRing, PublicJwk, RingKey } from '../../src/oauth/key-ring.js';
import { START } from '../helper.js';
import { somePairs, TIMING } from './support.js';

const DAY_MS = 86_400_000;
const PUBLIC = ['alg', 'e', 'kid', 'kty', 'n', 'use'];
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi'] as const;

const [first, second] = await somePairs();

/** A public half that carries the private one along, as an object that was copied carelessly would. */
function hostile({ key, privatePem }: typeof first): PublicJwk {
  return Object.assign({}, createPrivateKey(privatePem).export({ format: 'jwk' }), key.jwk, {
    oth: [{ r: 'SECRET', d: 'SECRET', t: 'SECRET' }],
    k: 'SECRET',
    privatePem,
  });
}

/** Every private number of a pair, in base64url. */
function secretsOf({ privatePem }: typeof first): readonly string[] {
  const jwk = createPrivateKey(privatePem).export({ format: 'jwk' });
  return PRIVATE.map((member) => jwk[member] ?? '');
}

/** A key in every combination of the facts there can be about it. */
function everyKey(pair: typeof first): readonly RingKey[] {
  const moments = [START - DAY_MS, START + DAY_MS];
  const common = Object.assign({ kid: pair.key.kid, jwk: hostile(pair), publishedAt: START - DAY_MS }, { d: 'SECRET' });
  const variants: RingKey[] = [];
  for (const revokedAt of [null, START - 1]) {
    for (const destroyedAt of [null, START - 1]) {
      for (const activatesAt of [null, ...moments])
        variants.push({ ...common, revokedAt, destroyedAt, activatesAt, importedUntil: null });
      for (const importedUntil of moments)
        variants.push({ ...common, revokedAt, destroyedAt, activatesAt: null, importedUntil });
    }
  }
  return variants;
}

/** Every ring of two such keys. */
function everyRing(): readonly KeyRing[] {
  const timings = [{ ...TIMING, since: START - 2 * DAY_MS }];
  // Of two keys that sign none does so from the same moment as the other.
  const later = everyKey(second).map((key) => ({
    ...key,
    activatesAt: key.activatesAt === null ? null : key.activatesAt + 1000,
  }));
  return everyKey(first).flatMap((one) => later.map((other) => ({ keys: [one, other], timings })));
}

t.test('whatever a ring is like and carries along, the JWKS has public members alone', async (t) => {
  const secrets = [...secretsOf(first), ...secretsOf(second), 'SECRET', 'PRIVATE'];
  let rings = 0;
  const published = new Set<number>();
  for (const ring of everyRing()) {
    for (const now of [START - DAY_MS, START, START + 2 * DAY_MS]) {
      rings++;
      const signer = signerOf({ ring, privateKeys: new Map(), undestroyed: [] });
      const text = signer.jwks(now).text;
      const { keys, ...others } = JSON.parse(text) as { keys: Record<string, unknown>[] };
      published.add(keys.length);
      const isPublic = keys.every((key) => Object.keys(key).sort().join() === PUBLIC.join());
      if (!isPublic || Object.keys(others).length > 0) t.fail(text);
      if (secrets.some((secret) => text.includes(secret))) t.fail('a secret stands in it');
    }
  }
  t.equal(rings, 20 * 20 * 3);
  t.strictSame([...published].sort(), [0, 1, 2], 'none, one and both were published');
});

t.test(
  'each published key is written as RFC 7517 and RFC 7518 want it, imported ones under their own name',
  async (t) => {
    const common = { publishedAt: START, activatesAt: null, revokedAt: null, destroyedAt: null };
    const imported: RingKey = { ...common, kid: 'old issuer/1', jwk: second.key.jwk, importedUntil: START + DAY_MS };
    const own: RingKey = { ...common, ...first.key, activatesAt: START, importedUntil: null };
    const ring = { keys: [own, imported], timings: [{ ...TIMING, since: START }] };
    const written = (kid: string, { n, e }: PublicJwk) => ({ kty: 'RSA', use: 'sig', alg: 'RS256', kid, n, e });
    const [ours, theirs] = [written(own.kid, own.jwk), written('old issuer/1', second.key.jwk)];
    t.strictSame(publicKeys(ring, START), [ours, theirs]);
    t.strictSame(publicKeys(ring, START + DAY_MS - 1), [ours, theirs]);
    t.strictSame(publicKeys(ring, START + DAY_MS), [ours], 'it goes when its time is over');
  },
);

t.test('a document with anything else in it is not made', async (t) => {
  const [good] = publicKeys({ keys: everyKey(first).slice(1, 2), timings: [{ ...TIMING, since: 0 }] }, START);
  if (good === undefined) throw new Error('there is one');
  t.doesNotThrow(() => jwksDocument([good]));
  for (const member of [...PRIVATE, 'oth', 'k', 'x5c', 'x5u', 'key_ops', 'D', 'private', '']) {
    const bad: PublishedJwk = Object.assign({}, good, { [member]: 'x' });
    t.throws(() => jwksDocument([bad]), KeyRingFault, member);
    t.throws(() => jwksDocument([good, bad]), KeyRingFault, `${member} in the second`);
  }
  const late: PublishedJwk = Object.assign(Object.create({ toJSON: () => ({ ...good, d: 'x' }) }), good);
  t.throws(() => jwksDocument([late]), KeyRingFault, 'what counts is what is written');
});

t.test('nor one with a private member inside of a public one', async (t) => {
  const [good] = publicKeys({ keys: everyKey(first).slice(1, 2), timings: [{ ...TIMING, since: 0 }] }, START);
  if (good === undefined) throw new Error('there is one');
  const bad: PublishedJwk = Object.assign({}, good, { n: { d: 'x' } });
  t.throws(() => jwksDocument([bad]), KeyRingFault);
});

t.test('the fault says nothing of what stood there', async (t) => {
  const [good] = publicKeys({ keys: everyKey(first).slice(1, 2), timings: [{ ...TIMING, since: 0 }] }, START);
  if (good === undefined) throw new Error('there is one');
  const bad: PublishedJwk = Object.assign({}, good, { d: 'SECRET' });
  const message = 'the JWKS has a member that is not public: it is not published';
  t.throws(() => jwksDocument([bad]), { name: 'KeyRingFault', message });
});

t.test('the tag of a document is strong, and that of what it says', async (t) => {
  const { text, etag } = cachedDocument('{"a":"é"}');
  t.equal(text, '{"a":"é"}');
  t.equal(etag, `"${createHash('sha256').update('{"a":"é"}').digest('base64url')}"`);
  t.equal(cachedDocument('{"a":"é"}').etag, etag);
  t.not(cachedDocument('{"a":"e"}').etag, etag);
});
