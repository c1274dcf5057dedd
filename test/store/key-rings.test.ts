import t, { type Test } from 'tap';
import type { Provider } from '../../src/store/database.js';
import { openKeyRings } from '../../src/store/key-rings.js';
import { PROVIDERS, testDatabase } from '../helper.js';

const ROW = { ring: '{"a": "ü 𝄞"}\n', privateKeys: '{}' };
const OTHER = { ring: 'other', privateKeys: '{"k": "v"}' };

function onEach(title: string, test: (t: Test, provider: Provider) => Promise<unknown>): void {
  for (const provider of PROVIDERS) {
    t.test(`${provider}: ${title}`, async (t) => {
      await test(t, provider);
    });
  }
}

onEach('there is no row at first, and none to replace', async (t, provider) => {
  const table = openKeyRings(await testDatabase(t, provider));
  t.equal(await table.version(), null);
  t.equal(await table.read(), null);
  for (const version of [0, 1]) t.equal(await table.replace(version, ROW), false);
  t.equal(await table.read(), null);
});

onEach('a row is inserted once and read as it was written', async (t, provider) => {
  const table = openKeyRings(await testDatabase(t, provider));
  t.equal(await table.insert(ROW), true);
  const read = await table.read();
  t.match(read, ROW);
  t.equal(await table.version(), read?.version);
  t.equal(await table.insert(OTHER), false);
  t.strictSame(await table.read(), read);
});

onEach('a row is replaced by who knows its version, which then is another', async (t, provider) => {
  const table = openKeyRings(await testDatabase(t, provider));
  await table.insert(ROW);
  const first = await table.version();
  if (first === null) throw new Error('no row');
  for (const wrong of [first - 1, first + 1]) t.equal(await table.replace(wrong, OTHER), false);
  t.match(await table.read(), ROW);
  t.equal(await table.replace(first, OTHER), true);
  t.strictSame(await table.read(), { version: first + 1, ...OTHER });
  t.equal(await table.replace(first, ROW), false, 'whoever is late changes nothing');
  t.strictSame(await table.read(), { version: first + 1, ...OTHER });
});

onEach('of several at once one inserts and one replaces', async (t, provider) => {
  const table = openKeyRings(await testDatabase(t, provider));
  const rows = [0, 1, 2, 3, 4].map((i) => ({ ring: `ring ${i}`, privateKeys: '{}' }));
  const inserted = await Promise.all(rows.map((row) => table.insert(row)));
  t.equal(inserted.filter(Boolean).length, 1);
  t.match(await table.read(), rows[inserted.indexOf(true)] ?? {});
  const version = (await table.version()) ?? 0;
  const replaced = await Promise.all(rows.map((row) => table.replace(version, row)));
  t.equal(replaced.filter(Boolean).length, 1);
  t.strictSame(await table.read(), { version: version + 1, ...rows[replaced.indexOf(true)] });
});

onEach('what looks like SQL is text', async (t, provider) => {
  const table = openKeyRings(await testDatabase(t, provider));
  const odd = { ring: `'; DROP TABLE key_rings; -- \\ " $1 ?`, privateKeys: '{"x": "\u0001\\u0000"}' };
  await table.insert(odd);
  t.match(await table.read(), odd);
  await table.replace((await table.version()) ?? 0, odd);
  t.match(await table.read(), odd);
});

onEach('a large ring fits: a hundred keys and their private halves', async (t, provider) => {
  const table = openKeyRings(await testDatabase(t, provider));
  const large = { ring: 'r'.repeat(100_000), privateKeys: 'k'.repeat(500_000) };
  await table.insert(large);
  t.match(await table.read(), large);
});
