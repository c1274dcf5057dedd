import { appendFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { KEY, ROTATED } from '../../src/http/admin/shapes.js';
import { START } from '../helper.js';
import { kidsIn, signingKid } from '../keys/keeper-support.js';
import { aRing, EARLIEST_USE } from '../keys/support.js';
import { administered, assertFits, assertProblem, pointersIn, type Shown } from './admin-support.js';
import { issuerWithRing } from './ring-support.js';
import { assertNotStored, whileFailing } from './support.js';

const KEYS = '/admin/keys';
const ROTATE = '/admin/keys/rotate';
const DAY_SECONDS = 86_400;
const [FIRST, STANDBY] = (await aRing()).keys.map(({ kid }) => kid);

async function aRingToAdminister(t: Parameters<typeof issuerWithRing>[0]) {
  const issuer = await issuerWithRing(t, { rotationIntervalSeconds: 30 * DAY_SECONDS });
  return { ...(await administered(issuer)), ...issuer };
}

const statesIn = (body: Shown) => (body['keys'] as Shown[]).map(({ kid, state }) => [kid, state]);
const time = (at: number) => new Date(at).toISOString().replace('.000', '');

t.test('every key is listed with its state, and when the next one signs', async (t) => {
  const { ask } = await aRingToAdminister(t);
  const reply = await ask('GET', KEYS);
  t.equal(reply.status, 200);
  assertNotStored(t, reply, 'the list');
  assertFits(
    t,
    z.object({ keys: z.array(z.strictObject(KEY.shape)), next_rotation_at: z.string() }),
    reply.body,
    'keys',
  );
  t.strictSame(
    new Map(statesIn(reply.body) as [string, string][]),
    new Map([
      [FIRST, 'active'],
      [STANDBY, 'published'],
    ]),
  );
  t.equal(reply.body['next_rotation_at'], time(START + 30 * DAY_SECONDS * 1000));
  t.notMatch(reply.text, /"(d|p|q|dp|dq|qi|n|k)"|PRIVATE/, 'and nothing of the keys themselves');
});

t.test('a plan is only told; then it is carried out, once; force brings it forward', async (t) => {
  const { ask, audited, turned, clock, keys } = await aRingToAdminister(t);
  const plan = await ask('POST', ROTATE, { dry_run: true });
  t.equal(plan.status, 200);
  assertNotStored(t, plan, 'the plan');
  const strict = ROTATED.extend({ activates: z.strictObject(KEY.shape), retires: z.strictObject(KEY.shape) });
  assertFits(t, strict, plan.body, 'the plan');
  t.match(plan.body, {
    dry_run: true,
    activates: { kid: STANDBY, activates_at: time(EARLIEST_USE) },
    retires: { kid: FIRST, deactivates_at: time(EARLIEST_USE) },
    surprises_until: null,
  });
  t.strictSame(statesIn((await ask('GET', KEYS)).body).length, 2, 'nothing happened');
  t.strictSame(audited('key_rotated'), []);

  const done = await ask('POST', ROTATE);
  t.equal(done.status, 200, 'nothing has to be said');
  assertFits(t, strict, done.body, 'done');
  t.match(done.body, { dry_run: false, activates: { kid: STANDBY, activates_at: time(EARLIEST_USE) } });
  const added = String((done.body['publishes'] as Shown)['kid']);
  const after = await ask('GET', KEYS);
  t.strictSame(new Set(statesIn(after.body).map(([kid]) => kid)), new Set([FIRST, STANDBY, added]));
  t.equal(after.body['next_rotation_at'], time(EARLIEST_USE));
  t.match(audited('key_rotated'), [{ by: { clientId: 'office' }, kid: STANDBY, forced: false, address: '127.0.0.1' }]);
  await turned.tick();
  t.ok(kidsIn(turned.keeper.jwks(clock.now)).includes(added), 'the new standby is published');
  t.equal(await signingKid(turned.keeper, clock.now), FIRST, 'and the same key signs');

  for (const body of [{}, { dry_run: true }]) {
    const files = readdirSync(keys.folder).sort();
    assertProblem(t, await ask('POST', ROTATE, body), 409, 'already_scheduled');
    t.strictSame(readdirSync(keys.folder).sort(), files, 'no key was left behind');
  }
  t.strictSame(audited('key_rotated'), []);

  const forced = await ask('POST', ROTATE, { force: true });
  t.equal(forced.status, 200);
  assertFits(t, strict, forced.body, 'forced');
  t.match(forced.body, {
    activates: { kid: STANDBY, activates_at: time(clock.now) },
    surprises_until: time(EARLIEST_USE),
  });
  t.match(audited('key_rotated'), [{ kid: STANDBY, forced: true }]);
  await turned.tick();
  t.equal(await signingKid(turned.keeper, clock.now + 1), STANDBY);
});

t.test('what cannot be said, and what is not there to be done from afar', async (t) => {
  const { ask } = await aRingToAdminister(t);
  for (const [body, pointers] of [
    [{ dry_run: 'true' }, ['/dry_run']],
    [{ force: 1 }, ['/force']],
    [{ bits: 1024 }, ['/bits']],
    [{ dryRun: true }, ['/dryRun']],
    [[], ['']],
  ] as const) {
    const reply = await ask('POST', ROTATE, body);
    assertProblem(t, reply, 400, 'invalid_request', JSON.stringify(body));
    t.strictSame(pointersIn(reply), pointers);
  }
  t.strictSame(pointersIn(await ask('GET', `${KEYS}?private=true`)), ['/private']);
  t.equal(statesIn((await ask('GET', KEYS)).body).length, 2, 'nothing was rotated');
  for (const url of [`${KEYS}/${FIRST}`, `${KEYS}/export`, `${KEYS}/revoke`]) {
    for (const method of ['GET', 'POST', 'DELETE'] as const) t.equal((await ask(method, url)).status, 404, url);
  }
});

t.test('a ring that was changed in the future of this clock is not touched', async (t) => {
  const { ask, clock } = await aRingToAdminister(t);
  clock.now = START - 61_001;
  for (const body of [{}, { dry_run: true }]) assertProblem(t, await ask('POST', ROTATE, body), 409, 'clock_behind');
  t.equal(statesIn((await ask('GET', KEYS)).body).length, 2);
});

t.test('a ring that cannot be read is an outage, and the answer says nothing of it', async (t) => {
  const { ask, keys, issuer } = await aRingToAdminister(t);
  appendFileSync(join(keys.folder, 'ring.json'), '}');
  for (const reply of [await ask('GET', KEYS), await ask('POST', ROTATE)]) {
    assertProblem(t, reply, 503, 'temporarily_unavailable');
    t.equal(reply.headers['retry-after'], '1');
    t.notOk(reply.text.includes(keys.folder), 'where it is is nobody’s business');
  }
  const failing = await whileFailing(issuer.users, 'list', new Error('a secret'), () => ask('GET', '/admin/users'));
  assertProblem(t, failing, 500, 'server_error');
  t.notMatch(failing.text, /secret/);
});
