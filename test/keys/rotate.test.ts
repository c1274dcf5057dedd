import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { KeyRingFault } from '../../src/keys/faults.js';
import { prepareRing, rotateKeys } from '../../src/keys/rotate.js';
import { viewRing } from '../../src/oauth/key-states.js';
import { START, temporaryFolder } from '../helper.js';
import { aKeyFolder, EARLIEST_REMOVAL, EARLIEST_USE, filesIn, type KeyFolder, somePairs, TIMING } from './support.js';

const at = (now: number) => () => now;

/** Every file of a folder. */
const contentsOf = ({ folder }: KeyFolder) =>
  Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));

/** Where no ring is yet. */
function noRing(folder: string): KeyFolder {
  return { folder: join(folder, 'keys'), store: filesIn(join(folder, 'keys')) };
}

t.test('a rotation lets the standby sign at the earliest safe time and publishes a new standby', async (t) => {
  const keys = await aKeyFolder(t);
  const [first, standby] = await somePairs();
  const plan = await rotateKeys(keys.store, {}, at(START));
  if ('refused' in plan) throw new Error(plan.refused);
  t.match(plan.retires, { kid: first.key.kid, deactivatesAt: EARLIEST_USE, removesAt: EARLIEST_REMOVAL });
  t.match(plan.activates, { kid: standby.key.kid, activatesAt: EARLIEST_USE });
  t.match(plan.publishes, { publishedAt: START, activatesAt: null, state: 'published' });
  const loaded = await keys.store.load(START);
  t.strictSame(loaded.ring, plan.ring);
  t.equal(loaded.privateKeys.size, 3, 'the new private key is on the disk');
  const later = viewRing(loaded.ring, EARLIEST_USE).map(({ state }) => state);
  t.strictSame(later, ['retiring', 'active', 'published']);
});

t.test('a dry run says the same and changes nothing', async (t) => {
  const keys = await aKeyFolder(t);
  const before = contentsOf(keys);
  const plan = await rotateKeys(keys.store, { dryRun: true }, at(START));
  if ('refused' in plan) throw new Error(plan.refused);
  t.equal(plan.activates.activatesAt, EARLIEST_USE);
  t.strictSame(contentsOf(keys), before);
});

t.test('while a rotation is scheduled another is refused, with the time from which it is allowed', async (t) => {
  const keys = await aKeyFolder(t);
  const [, standby] = await somePairs();
  const refusal = { refused: 'already_scheduled', kid: standby.key.kid, allowedFrom: EARLIEST_USE };
  await rotateKeys(keys.store, {}, at(START));
  const before = contentsOf(keys);
  t.strictSame(await rotateKeys(keys.store, {}, at(START + 1)), refusal);
  t.strictSame(await rotateKeys(keys.store, { dryRun: true }, at(EARLIEST_USE - 1)), refusal);
  t.strictSame(contentsOf(keys), before);
  t.notMatch(await rotateKeys(keys.store, {}, at(EARLIEST_USE)), { refused: String });
});

t.test('of four rotations at once, one wins', async (t) => {
  const keys = await aKeyFolder(t);
  const plans = await Promise.all(Array.from({ length: 4 }, () => rotateKeys(keys.store, {}, at(START))));
  t.equal(plans.filter((plan) => !('refused' in plan)).length, 1);
  t.equal(plans.filter((plan) => 'refused' in plan && plan.refused === 'already_scheduled').length, 3);
  t.equal((await keys.store.read()).keys.length, 3);
  const keyFiles = readdirSync(keys.folder).filter((name) => name.endsWith('.pem'));
  t.equal(keyFiles.length, 3, 'the losers left no key behind');
});

t.test('with a clock far behind the ring, or without a ring, nothing is rotated', async (t) => {
  const keys = await aKeyFolder(t);
  const now = START - 60_001;
  t.strictSame(await rotateKeys(keys.store, {}, at(now)), { refused: 'clock_behind', changedAt: START, now });
  const { store } = noRing(temporaryFolder(t));
  for (const dryRun of [true, false]) await t.rejects(rotateKeys(store, { dryRun }, at(START)), KeyRingFault);
});

t.test('the first ring is made where none ever was', async (t) => {
  const { store } = noRing(temporaryFolder(t));
  t.equal(await prepareRing(store, false, TIMING, at(START)), true);
  const { ring } = await store.load(START);
  t.strictSame(
    viewRing(ring, START).map(({ state }) => state),
    ['active', 'published'],
  );
  t.strictSame(ring.timings, [{ ...TIMING, since: START }]);
  t.equal(await prepareRing(store, true, TIMING, at(START + 1)), false);
  t.strictSame(await store.read(), ring);
});

t.test('of three that make the first ring at once, one does', async (t) => {
  const { store } = noRing(temporaryFolder(t));
  const made = await Promise.all(Array.from({ length: 3 }, () => prepareRing(store, false, TIMING, at(START))));
  t.equal(made.filter(Boolean).length, 1);
  t.equal((await store.load(START)).privateKeys.size, 2);
});

t.test('a lost folder is an error, never a new ring', async (t) => {
  const { folder, store } = noRing(temporaryFolder(t));
  const error = {
    name: 'KeyRingFault',
    message: `there is no key ring in ${folder}: restore it from a backup, or point KEYS_DIR at it`,
  };
  await t.rejects(prepareRing(store, true, TIMING, at(START)), error);
  t.equal(await store.exists(), false);
});

t.test('a lost ring file is an error, and the key files are left alone', async (t) => {
  const keys = await aKeyFolder(t);
  rmSync(join(keys.folder, 'ring.json'));
  const before = contentsOf(keys);
  await t.rejects(prepareRing(keys.store, true, TIMING, at(START)), KeyRingFault);
  t.strictSame(contentsOf(keys), before);
});

t.test('a crash while the first ring was being made is healed by the next start', async (t) => {
  const keys = await aKeyFolder(t);
  rmSync(join(keys.folder, 'ring.json'));
  t.equal(await prepareRing(keys.store, false, TIMING, at(START)), true);
  t.equal((await keys.store.load(START)).privateKeys.size, 2);
});

t.test('a changed timing is recorded once', async (t) => {
  const keys = await aKeyFolder(t);
  const longer = { ...TIMING, accessTokenMaxTtlSeconds: 7200 };
  const prepare = () => prepareRing(keys.store, true, longer, at(START + 1000));
  t.strictSame(await Promise.all([prepare(), prepare(), prepare()]), [false, false, false]);
  t.equal(await prepare(), false);
  t.strictSame((await keys.store.read()).timings, [
    { ...TIMING, since: START },
    { ...longer, since: START + 1000 },
  ]);
});
