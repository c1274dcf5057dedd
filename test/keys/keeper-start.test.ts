import { createPrivateKey } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { KeyRing } from '../../src/oauth/key-ring.js';
import { START } from '../helper.js';
import { aKeeper, eventsOf } from './keeper-support.js';
import { aKeyFolder, aRing, aRotatingRing, EARLIEST_USE, somePairs } from './support.js';

t.test('what lies in the folder and belongs to no key is said at the start, and left alone', async (t) => {
  const { folder, store } = await aKeyFolder(t);
  const [, , stranger] = await somePairs();
  const names = [`${stranger.key.kid}.pem`, 'ring.json.new', 'ring-old.json'];
  for (const name of names) writeFileSync(join(folder, name), 'x', { mode: 0o600 });
  const { atStart, tick } = await aKeeper(store);
  t.strictSame(eventsOf(atStart), ['leftovers']);
  const [, said] = atStart[0] ?? [];
  t.strictSame(new Set(Array.isArray(said) ? said : []), new Set(names.map((name) => join(folder, name))));
  t.strictSame(await tick(), [], 'once');
  for (const name of names) t.ok(readdirSync(folder).includes(name), name);
});

t.test('a clean folder says nothing', async (t) => {
  const { store } = await aKeyFolder(t);
  t.strictSame((await aKeeper(store)).atStart, []);
});

t.test('a clock that is behind the ring by more than clocks may differ does not start', async (t) => {
  const { folder, store } = await aKeyFolder(t);
  await t.resolves(aKeeper(store, { now: START - 60_000 }), 'the skew alone is fine');
  const message =
    `${folder}: the ring was changed at 2026-01-01T00:00:00Z, but this machine's clock says ` +
    '2025-12-31T23:00:00Z: set the clock right; if it is, `mintd keys rotate --force` mends the ring';
  await t.rejects(aKeeper(store, { now: START - 3_600_000 }), { name: 'KeyRingFault', message });
  await t.rejects(aKeeper(store, { now: START - 60_001 }), { name: 'KeyRingFault' });
});

t.test('a rotation that is planned for later is no clock that is behind', async (t) => {
  const { store } = await aKeyFolder(t, await aRotatingRing());
  const { keeper } = await aKeeper(store);
  t.equal(keeper.status(START).nextRotationAt, EARLIEST_USE);
});

t.test('a ring in which no key can sign does not start', async (t) => {
  const { keys, timings } = await aRing();
  const changes: Readonly<Record<string, KeyRing>> = {
    'all revoked': { timings, keys: keys.map((key) => ({ ...key, revokedAt: START })) },
    'all destroyed': { timings, keys: keys.map((key) => ({ ...key, destroyedAt: START })) },
    'none that signs': { timings, keys: keys.map((key) => ({ ...key, activatesAt: null })) },
  };
  for (const [name, ring] of Object.entries(changes)) {
    const { folder, store } = await aKeyFolder(t, ring);
    const message = `${folder}: no key in the ring can sign`;
    await t.rejects(aKeeper(store), { name: 'KeyRingFault', message }, name);
  }
});

t.test('a ring with a private member in it does not start, and the member is not shown', async (t) => {
  const { folder, store } = await aKeyFolder(t);
  const [first] = await somePairs();
  const path = join(folder, 'ring.json');
  const good = readFileSync(path, 'utf8');
  const secrets = createPrivateKey(first.privatePem).export({ format: 'jwk' });
  for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi'] as const) {
    const bad = good.replace('"kty": "RSA"', `"kty": "RSA", "${member}": "${secrets[member]}"`);
    t.not(bad, good);
    writeFileSync(path, bad);
    const error: unknown = await aKeeper(store).catch((reason: unknown) => reason);
    t.match(error, { name: 'KeyRingFault', message: /ring\.json: it is not a key ring: keys\.0\.jwk/ }, member);
    t.notMatch(String(error), secrets[member], member);
  }
  writeFileSync(path, good);
  await t.resolves(aKeeper(store));
});
