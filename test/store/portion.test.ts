import t from 'tap';
import { FIRST_PORTION, learnt, type Portion } from '../../src/store/portion.js';

const MOST = 10;

type Case = {
  readonly name: string;
  readonly before: Portion;
  readonly count: number;
  readonly ms: number;
  readonly after: Portion;
};

const CASES: readonly Case[] = [
  { name: 'the first alone', before: FIRST_PORTION, count: 1, ms: 4, after: { size: 2, aloneMs: 4 } },
  {
    name: 'several, as fast as one: one more',
    before: { size: 4, aloneMs: 4 },
    count: 4,
    ms: 6,
    after: { size: 5, aloneMs: 4 },
  },
  {
    name: 'fewer than might have been tell nothing of more',
    before: { size: 4, aloneMs: 4 },
    count: 3,
    ms: 4,
    after: { size: 4, aloneMs: 4 },
  },
  {
    name: 'never more than so many',
    before: { size: 10, aloneMs: 4 },
    count: 10,
    ms: 4,
    after: { size: 10, aloneMs: 4 },
  },
  {
    name: 'several that are slow: one by one again',
    before: { size: 5, aloneMs: 4 },
    count: 5,
    ms: 6.1,
    after: { size: 1, aloneMs: 4 },
  },
  {
    name: 'also two',
    before: { size: 1, aloneMs: 4 },
    count: 2,
    ms: 1_000,
    after: { size: 1, aloneMs: 4 },
  },
  {
    name: 'one alone that is slow says nothing of several',
    before: { size: 4, aloneMs: 4 },
    count: 1,
    ms: 104,
    after: { size: 4, aloneMs: 24 },
  },
  {
    name: 'one alone counts for a fifth of what is usual',
    before: { size: 3, aloneMs: 4 },
    count: 1,
    ms: 5,
    after: { size: 3, aloneMs: 4.2 },
  },
  {
    name: 'one takes no longer than several',
    before: { size: 4, aloneMs: 104 },
    count: 4,
    ms: 4,
    after: { size: 5, aloneMs: 84 },
  },
  {
    name: 'several before one was alone: nothing to hold them against',
    before: { size: 2, aloneMs: null },
    count: 2,
    ms: 1_000,
    after: { size: 3, aloneMs: null },
  },
];

for (const { name, before, count, ms, after } of CASES) {
  t.test(name, async (t) => t.strictSame(learnt(before, count, ms, MOST), after));
}

/** Where a statement with so many rows takes so long, what is learnt by always having as many as may be. */
function settled(ms: (count: number) => number, before: Portion = FIRST_PORTION): Portion {
  let portion = before;
  for (let i = 0; i < 200; i++) portion = learnt(portion, portion.size, ms(portion.size), MOST);
  return portion;
}

t.test('what is slow once is shared by as many as may be, what is slow for each by none', async (t) => {
  const slowCommit = (count: number) => 5 + 0.05 * count;
  const slowRows = (count: number) => 0.5 + 2 * count;
  t.equal(settled(slowCommit).size, MOST);
  t.ok(settled(slowRows).size <= 2);
  t.ok(settled(slowRows, settled(slowCommit)).size <= 2, 'also when it becomes slow later');
  t.equal(settled(slowCommit, settled(slowRows)).size, MOST, 'and the other way round');
});
