import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { type Config, readConfig } from '../src/config.js';
import { databaseStore, fileStore } from '../src/key-store.js';
import type { Keeper } from '../src/keys/keeper.js';
import type { KeyStore } from '../src/keys/store.js';
import { firstRing, withTiming } from '../src/oauth/key-ring.js';
import { openRing } from '../src/ring.js';
import { openInstallation } from '../src/store/installation.js';
import { faultsOfLine } from './event-lines.js';
import { PROVIDERS, temporaryFolder, testDatabase } from './helper.js';
import { somePairs, TIMING } from './keys/support.js';

const DAY_MS = 86_400_000;
const SECRET = randomBytes(32).toString('base64');

type Site = {
  readonly config: Config;
  readonly store: KeyStore;
  readonly log: Record<string, unknown>[];
  open(environment?: Record<string, string>): Promise<Keeper>;
  /** Sets the clock of the process ahead. */
  pass(ms: number): void;
  /** Takes the log's events so far. */
  events(): unknown[];
  readonly madeAt: () => Promise<number | null>;
};

const PLACES = ['files', ...PROVIDERS] as const;

/** A place for rings, in a folder or in a database, as the configuration says. */
async function site(t: Test, place: (typeof PLACES)[number]): Promise<Site> {
  const database = await testDatabase(t, place === 'files' ? 'sqlite' : place);
  const { now } = Date;
  let aheadMs = 0;
  t.intercept(Date, 'now', { value: () => now() + aheadMs });
  const log: Record<string, unknown>[] = [];
  const write = (text: string) => {
    const line = JSON.parse(text);
    t.strictSame(faultsOfLine(line), [], 'as src/oauth/events.ts has it');
    log.push(line);
  };
  const logger = pino({ level: 'info', base: null }, { write });
  const environment = {
    KEYS_DIR: join(temporaryFolder(t), 'keys'),
    KEY_STORE: place === 'files' ? 'files' : 'database',
    KEYS_ENCRYPTION_KEY: SECRET,
  };
  const config = readConfig(environment);
  return {
    config,
    store: place === 'files' ? fileStore(config) : databaseStore(config, database),
    log,
    async open(more = {}) {
      const { keeper } = await openRing(readConfig({ ...environment, ...more }), logger, database);
      // What a timer does otherwise, the test does.
      await keeper.close();
      return keeper;
    },
    pass(ms) {
      aheadMs += ms;
    },
    events: () => log.splice(0).map(({ event }) => event),
    madeAt: openInstallation(database).keyRingMadeAt,
  };
}

/** Puts a ring there that was made some days ago. */
async function makeOld({ store }: Site, days: number): Promise<void> {
  const [first, standby] = await somePairs();
  await store.create(firstRing(first.key, standby.key, TIMING, Date.now() - days * DAY_MS), [first, standby]);
}

for (const place of PLACES) {
  t.test(`${place}: the first start makes the ring, once, and the database remembers it`, async (t) => {
    const { store, open, events, madeAt, log } = await site(t, place);
    t.equal(await madeAt(), null);
    const keeper = await open();
    t.match(log, [{ event: 'key_ring_made', place: store.place }]);
    t.strictSame(events(), ['key_ring_made']);
    t.equal(typeof (await madeAt()), 'number');
    t.equal(keeper.isReady(Date.now()), true);
    const again = await open();
    t.strictSame(events(), []);
    t.equal(again.status(Date.now()).kid, keeper.status(Date.now()).kid);
  });

  t.test(`${place}: a key that is due is rotated, what is over destroyed, and the log says so`, async (t) => {
    const here = await site(t, place);
    await makeOld(here, 31);
    const keeper = await here.open();
    await keeper.tick();
    const [first, standby] = await somePairs();
    t.match(
      here.log.find(({ event }) => event === 'key_rotated'),
      { kid: standby.key.kid, activatesAt: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, published: /^[\w-]{43}$/ },
    );
    t.strictSame(here.events(), ['key_rotated', 'key_ring_reloaded']);
    here.pass(1000); // It signs from the next whole second on.
    await keeper.tick();
    t.match(here.log[0], { event: 'private_keys_destroyed', kids: [first.key.kid] });
    t.equal(keeper.status(Date.now()).kid, standby.key.kid);
  });

  t.test(`${place}: with rotation off it is left alone`, async (t) => {
    const here = await site(t, place);
    await makeOld(here, 400);
    const keeper = await here.open({ KEY_ROTATION_INTERVAL: 'off' });
    await keeper.tick();
    t.strictSame(here.events(), []);
  });

  t.test(
    `${place}: the settings come into force with the start, and an older server says that they differ`,
    async (t) => {
      const here = await site(t, place);
      const old = await here.open();
      const fresh = await here.open({ JWKS_MAX_AGE: '10s', ACCESS_TOKEN_TTL: '1m', ACCESS_TOKEN_MAX_TTL: '2m' });
      t.strictSame([fresh.jwksMaxAgeSeconds(), fresh.longestTtlSeconds()], [10, 120]);
      here.events();
      await old.tick();
      t.match(here.log, [
        { event: 'key_ring_reloaded', level: 30 },
        { event: 'key_timing_differs', level: 40, inForce: { jwksMaxAgeSeconds: 10, accessTokenMaxTtlSeconds: 120 } },
      ]);
      t.strictSame([old.jwksMaxAgeSeconds(), old.longestTtlSeconds()], [10, 120]);
      here.events();
      await fresh.tick();
      t.strictSame(here.events(), []);
    },
  );
}

t.test('a ring that is lost is never made anew', async (t) => {
  const { config, open } = await site(t, 'files');
  await open();
  rmSync(config.KEYS_DIR, { recursive: true });
  await t.rejects(open(), { name: 'KeyRingFault', message: /there is no key ring in/ });
  t.equal(existsSync(config.KEYS_DIR), false);
});

t.test('a ring that was there before the database remembered is kept', async (t) => {
  const here = await site(t, 'files');
  await makeOld(here, 1);
  const keeper = await here.open();
  t.strictSame(here.events(), []);
  t.equal(keeper.status(Date.now()).kid, (await somePairs())[0].key.kid);
  t.not(await here.madeAt(), null);
});

t.test('what the keeper tells is logged under its event, errors as errors, and without a secret', async (t) => {
  const here = await site(t, 'files');
  const folder = here.config.KEYS_DIR;
  await makeOld(here, 31);
  const [, , stranger] = await somePairs();
  writeFileSync(join(folder, `${stranger.key.kid}.pem`), stranger.privatePem, { mode: 0o600 });
  const keeper = await here.open({ KEY_ROTATION_INTERVAL: '30d' });
  const leftovers = { event: 'key_leftovers', level: 40, names: [join(folder, `${stranger.key.kid}.pem`)] };
  t.match(here.log, [leftovers]);
  const good = await here.store.read();
  const ahead = withTiming(good, { ...TIMING, jwksMaxAgeSeconds: 301 }, Date.now() + DAY_MS);
  await here.store.change(() => ({ ring: ahead, added: [], value: true }));
  here.events();
  await keeper.tick();
  t.match(here.log.at(-1), { event: 'key_rotation_refused', level: 50, reason: 'clock_behind' });
  writeFileSync(join(folder, 'ring.json'), '{');
  await keeper.tick();
  t.match(here.log.at(-1), { event: 'key_ring_fault', level: 50, err: { type: 'KeyRingFault' } });
  rmSync(join(folder, 'ring.json'));
  here.pass(DAY_MS);
  await here.store.create(good, []);
  await keeper.tick();
  t.ok(here.log.some(({ event, seconds }) => event === 'clock_jumped' && Number(seconds) > 80_000));
  const text = JSON.stringify(here.log);
  for (const line of stranger.privatePem.split('\n').slice(1, 3)) t.notOk(text.includes(line));
  t.ok(readdirSync(folder).includes(`${stranger.key.kid}.pem`));
});
