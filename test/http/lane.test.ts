import t from 'tap';
import { openLane } from '../../src/http/lane.js';

const LIMITS = { atOnce: 2, maxWaiting: 2, maxWaitMs: 60_000 };
const wanted = () => true;

/** Lets everything that can go on go on. */
const tick = () => new Promise(setImmediate);

/** Enters, and says so. */
async function enterAs(name: string, lane: ReturnType<typeof openLane>, came: string[], isWanted = wanted) {
  const leave = await lane.enter(isWanted);
  came.push(leave === null ? `not ${name}` : name);
  return leave;
}

t.test(
  'so much runs at once, so much waits in the order it came, and what is beyond is sent away at once',
  async (t) => {
    const lane = openLane(LIMITS);
    const came: string[] = [];
    const turns = ['a', 'b', 'c', 'd', 'e'].map((name) => enterAs(name, lane, came));
    await tick();
    t.strictSame(came, ['a', 'b', 'not e']);
    t.strictSame(lane.status(), { running: 2, waiting: 2, turns: 2, refused: 1 });
    (await turns[1])?.();
    await tick();
    (await turns[0])?.();
    await tick();
    t.strictSame(came, ['a', 'b', 'not e', 'c', 'd']);
    for (const turn of turns.slice(2, 4)) (await turn)?.();
    t.strictSame(lane.status(), { running: 0, waiting: 0, turns: 4, refused: 1 });
    t.ok(await lane.enter(wanted), 'and there is room again');
  },
);

t.test('who hung up meanwhile is passed over, and costs nobody a turn', async (t) => {
  const lane = openLane({ ...LIMITS, atOnce: 1 });
  const came: string[] = [];
  const first = await enterAs('first', lane, came);
  const gone = enterAs('gone', lane, came, () => false);
  const next = enterAs('next', lane, came);
  first?.();
  await Promise.all([gone, next]);
  t.strictSame(came, ['first', 'not gone', 'next']);
  (await next)?.();
  t.match(lane.status(), { running: 0, turns: 2, refused: 1 });
});

t.test('who waits too long is sent away, and never gets a turn', async (t) => {
  const lane = openLane({ atOnce: 1, maxWaiting: 2, maxWaitMs: 5 });
  const leave = await lane.enter(wanted);
  t.strictSame(await Promise.all([lane.enter(wanted), lane.enter(wanted)]), [null, null]);
  t.match(lane.status(), { running: 1, waiting: 0, refused: 2 });
  leave?.();
  t.match(lane.status(), { running: 0, turns: 1 });
});
