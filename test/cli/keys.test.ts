import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { bytesOf, emptyCommandLine, makeRing, RFC3339 } from './harness.js';

type Key = {
  readonly kid: string;
  readonly state: string;
  readonly published_at: string;
  readonly activates_at: string | null;
  readonly deactivates_at: string | null;
  readonly removes_at: string | null;
  readonly revoked_at: string | null;
};

/** `keys list --json`, by state. */
function keysIn(listed: unknown): readonly Key[] {
  return listed as readonly Key[];
}

t.test('keys list shows one key that signs and one that stands by', async (t) => {
  const { mintd, json, keysDir } = emptyCommandLine(t);
  await makeRing(keysDir);
  const keys = keysIn(await json('keys list'));
  t.match(keys, [
    { kid: /^[\w-]{43}$/, state: 'active', published_at: RFC3339, activates_at: RFC3339, deactivates_at: null },
    { kid: /^[\w-]{43}$/, state: 'published', published_at: RFC3339, activates_at: null, revoked_at: null },
  ]);
  t.notMatch(JSON.stringify(keys), /PRIVATE|"d"|"p"|"q"/, 'and nothing private');
  const { out } = await mintd('keys list');
  t.match(
    out,
    /^KID +STATE +PUBLISHED +SIGNS FROM +SIGNS UNTIL +IN THE JWKS UNTIL\n.{43} +active .*\n.{43} +published /,
  );
});

t.test('keys rotate --dry-run shows the plan with its times and changes nothing', async (t) => {
  const { mintd, json, keysDir } = emptyCommandLine(t);
  await makeRing(keysDir);
  const [active, standby] = keysIn(await json('keys list'));
  const before = [readdirSync(keysDir), bytesOf(join(keysDir, 'ring.json'))];
  const plan = await json('keys rotate --dry-run');
  t.match(plan, {
    dry_run: true,
    retires: { kid: active?.kid, deactivates_at: RFC3339, removes_at: RFC3339 },
    activates: { kid: standby?.kid, activates_at: RFC3339 },
    publishes: { state: 'published', activates_at: null },
  });
  t.match(await mintd('keys rotate --dry-run'), { code: 0, out: /^this would happen:\n/, err: '' });
  t.strictSame([readdirSync(keysDir), bytesOf(join(keysDir, 'ring.json'))], before);
});

t.test('keys rotate waits until every verifier can know the next key', async (t) => {
  const { json, keysDir } = emptyCommandLine(t);
  const made = Date.now();
  await makeRing(keysDir);
  const plan = await json('keys rotate');
  t.equal(plan['dry_run'], false);
  const activates = plan['activates'] as Key;
  const retires = plan['retires'] as Key;
  const waits = (Date.parse(activates.activates_at ?? '') - made) / 1000;
  t.ok(waits >= 300 + 600 + 60 + 5, 'max-age, what verifiers cache, skew, poll');
  t.ok(waits < 300 + 600 + 60 + 5 + 60, 'and no longer');
  t.equal(retires.deactivates_at, activates.activates_at, 'the old one signs until then');
  const verifies = (Date.parse(retires.removes_at ?? '') - Date.parse(retires.deactivates_at ?? '')) / 1000;
  t.ok(verifies >= 3600 + 60 + 5, 'and verifies until its last token has run out');

  const keys = keysIn(await json('keys list'));
  t.strictSame(
    keys.map(({ state }) => state),
    ['active', 'published', 'published'],
    'nothing has moved yet, and there is a new standby',
  );
  t.strictSame(keys[1], activates, 'the plan is what the ring says');
});

t.test('keys rotate of a ring every verifier has long known happens at once', async (t) => {
  const { mintd, json, keysDir } = emptyCommandLine(t);
  await makeRing(keysDir, 7200);
  t.match(await mintd('keys rotate'), {
    code: 0,
    out: /^planned:\n.* signs\n.* stops signing .*\n.* leaves the JWKS\n/,
  });
  const moment = keysIn(await json('keys list'))[1]?.activates_at ?? '';
  t.ok(Math.abs(Date.parse(moment) - Date.now()) <= 2000, 'at the next whole second');
});

t.test('a second keys rotate is refused with the time from which it is possible', async (t) => {
  const { mintd, json, keysDir } = emptyCommandLine(t);
  await makeRing(keysDir);
  const activates = (await json('keys rotate'))['activates'] as Key;
  const before = bytesOf(join(keysDir, 'ring.json'));
  for (const args of ['keys rotate', 'keys rotate --dry-run', 'keys rotate --json']) {
    const { code, out, err } = await mintd(args);
    t.strictSame({ code, out }, { code: 1, out: '' }, args);
    t.match(err, activates.kid);
    t.match(err, activates.activates_at ?? 'a time');
  }
  t.equal(bytesOf(join(keysDir, 'ring.json')), before);
});

t.test('private keys are files that only their owner can read', async (t) => {
  const { mintd, keysDir } = emptyCommandLine(t);
  await makeRing(keysDir);
  await mintd('keys rotate');
  t.equal(statSync(keysDir).mode & 0o777, 0o700);
  const names = readdirSync(keysDir).sort();
  t.equal(names.filter((name) => name.endsWith('.pem')).length, 3);
  t.equal(names.length, 5, 'and the ring, the lock, and no leftovers');
  for (const name of names) t.equal(statSync(join(keysDir, name)).mode & 0o777, 0o600, name);
});

t.test('a ring that is lost or broken is never replaced by a new one', async (t) => {
  const { mintd, keysDir } = emptyCommandLine(t);
  await makeRing(keysDir);
  const path = join(keysDir, 'ring.json');
  writeFileSync(path, bytesOf(path).slice(0, 100));
  for (const args of ['keys list', 'keys rotate', 'keys rotate --dry-run']) {
    t.match(await mintd(args), { code: 1, out: '', err: /^mintd: .*ring.json: it is not JSON.*\n$/ }, args);
  }
  rmSync(path);
  for (const args of ['keys list', 'keys rotate', 'keys rotate --dry-run']) {
    t.match(await mintd(args), { code: 1, out: '', err: /^mintd: there is no key ring in .*\n$/ }, args);
  }
  const left = readdirSync(keysDir).filter((name) => name !== '.lock');
  t.ok(left.length === 2 && left.every((name) => name.endsWith('.pem')), 'the private keys are all there is');
});

t.test('a ring from a clock that was ahead is not rotated, until somebody says that this clock is right', async (t) => {
  const { mintd, json, keysDir } = emptyCommandLine(t);
  await makeRing(keysDir, -3600);
  t.match(await json('keys list'), [{ state: 'active' }, { state: 'published' }]);
  const err = /the ring was changed at .*, but this machine's clock says .*: set the clock right; if it is, --force/;
  t.match(await mintd('keys rotate'), { code: 1, out: '', err });
  t.match(await mintd('keys rotate --force'), { code: 0, out: /this breaks: until / });
  for (const key of keysIn(await json('keys list'))) t.ok(Date.parse(key.published_at) <= Date.now(), key.state);
});
