import t from 'tap';
import { seenNames } from '../../src/accounts/seen-names.js';

t.test('names are found with their first line, however many there are', async (t) => {
  const seen = seenNames();
  t.equal(seen.lineOf('ada'), null);
  const count = 20_000;
  for (let i = 1; i <= count; i++) seen.add(`name user${i}`, i);
  seen.add('name user7', count + 1);
  const wrong = Array.from({ length: count }, (_, i) => i + 1).filter((i) => seen.lineOf(`name user${i}`) !== i);
  t.strictSame(wrong, []);
  const strangers = Array.from({ length: count }, (_, i) => `mail user${i}`).filter(
    (name) => seen.lineOf(name) !== null,
  );
  t.strictSame(strangers, []);
});
