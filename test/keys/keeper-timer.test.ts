import t, { type Test } from 'tap';
import { type Keeper, openKeeper } from '../../src/keys/keeper.js';
import type { KeyRing } from '../../src/oauth/key-ring.js';
import { START } from '../helper.js';
import { logInto, type Report } from './keeper-support.js';
import { aKeyFolder, aRotatingRing, EARLIEST_USE, TIMING } from './support.js';

type Timed = {
  readonly keeper: Keeper;
  readonly clock: { now: number };
  /** What the keeper asked a timer for, in ms, in turn. */
  readonly pauses: number[];
  /** Whether each would keep the process alive. */
  readonly isHolding: () => readonly boolean[];
  /** Lets the last timer run out. */
  fire(): void;
  /** How many looks at the ring have begun. */
  readonly looks: () => number;
  /** Holds up the looks that begin from now on; returns what lets them go. */
  hold(): () => void;
  /** Lets the looks that begin from now on fail. */
  fail(error: Error): void;
  readonly reports: Report[];
};

/** A keeper whose timers run out when the test says so. */
async function timed(t: Test, ring?: KeyRing): Promise<Timed> {
  const { store } = await aKeyFolder(t, ring);
  const clock = { now: START };
  const pauses: number[] = [];
  const timers: NodeJS.Timeout[] = [];
  const reports: Report[] = [];
  let held = Promise.resolve();
  let looks = 0;
  let fire = () => {};
  const never = globalThis.setTimeout;
  const watched = {
    ...store,
    async fingerprint() {
      looks++;
      await held;
      return store.fingerprint();
    },
  };
  t.intercept(globalThis, 'setTimeout', {
    value: (work: () => void, ms: number) => {
      pauses.push(ms);
      fire = work;
      const timer = never(() => undefined, 1_000_000);
      timers.push(timer);
      return timer;
    },
  });
  const options = { log: logInto(reports), rotationIntervalSeconds: null, timing: TIMING };
  const keeper = await openKeeper(watched, { ...options, clock: () => clock.now, steadyMs: () => clock.now });
  t.teardown(() => {
    for (const timer of timers) clearTimeout(timer);
  });
  looks = 0;
  return {
    keeper,
    clock,
    pauses,
    reports,
    isHolding: () => timers.map((timer) => timer.hasRef()),
    fire: () => fire(),
    looks: () => looks,
    hold() {
      let letGo = () => {};
      held = new Promise((resolve) => {
        letGo = resolve;
      });
      return () => {
        held = Promise.resolve();
        letGo();
      };
    },
    fail(error) {
      held = Promise.reject(error);
      held.catch(() => undefined);
    },
  };
}

/** Waits until something is so; it takes a few turns of the event loop. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

t.test('it looks every five seconds, and keeps no process alive by it', async (t) => {
  const { keeper, pauses, fire, looks, isHolding } = await timed(t);
  t.strictSame([pauses, looks()], [[5000], 0]);
  for (let i = 2; i < 5; i++) {
    fire();
    await until(() => pauses.length === i);
    t.equal(looks(), i - 1);
  }
  t.strictSame(pauses, [5000, 5000, 5000, 5000]);
  t.strictSame(new Set(isHolding()), new Set([false]));
  await keeper.close();
});

t.test('right after the next change it looks as well', async (t) => {
  const { keeper, clock, pauses, fire, reports } = await timed(t, await aRotatingRing());
  t.strictSame(pauses, [5000], 'the change is far away');
  clock.now = EARLIEST_USE - 2000;
  fire();
  await until(() => pauses.length === 2);
  t.equal(pauses[1], 2001);
  t.strictSame(reports, []);
  clock.now += 2001;
  fire();
  await until(() => pauses.length === 3);
  t.match(reports, [['destroyed'], ['ringReloaded']]);
  t.equal(pauses[2], 5000);
  await keeper.close();
});

t.test('a look that takes long is not joined by another', async (t) => {
  const { keeper, pauses, fire, looks, hold } = await timed(t);
  const letGo = hold();
  fire();
  await until(() => looks() === 1);
  t.equal(pauses.length, 1, 'nothing is planned meanwhile');
  letGo();
  await until(() => pauses.length === 2);
  t.equal(looks(), 1);
  await keeper.close();
});

t.test('a look that fails is followed by the next', async (t) => {
  const { keeper, pauses, fire, reports, fail } = await timed(t);
  fail(new Error('out'));
  fire();
  await until(() => pauses.length === 2);
  fire();
  await until(() => pauses.length === 3);
  t.match(reports, [
    ['ringFault', { message: 'out' }],
    ['ringFault', { message: 'out' }],
  ]);
  await keeper.close();
});

t.test('closing waits for the look that is under way, and plans no other', async (t) => {
  const { keeper, pauses, fire, looks, hold } = await timed(t);
  const letGo = hold();
  fire();
  await until(() => looks() === 1);
  let isClosed = false;
  const closing = keeper.close().then(() => {
    isClosed = true;
  });
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
  t.equal(isClosed, false);
  letGo();
  await closing;
  t.equal(pauses.length, 1);
});

t.test('closing between two looks takes the timer away, and may be asked twice', async (t) => {
  const { keeper, pauses, looks } = await timed(t);
  const cleared = t.capture(globalThis, 'clearTimeout', clearTimeout);
  await keeper.close();
  await keeper.close();
  t.ok(cleared().length >= 1);
  t.strictSame([pauses.length, looks()], [1, 0]);
});
