import t, { type Test } from 'tap';
import { KeyRingFault } from '../../src/keys/faults.js';
import { openKeyStore } from '../../src/keys/store.js';
import { openKeyTable, type RingRow, type RingTable } from '../../src/keys/table.js';
import { wrapWithKey } from '../../src/keys/wrapping.js';
import type { Provider } from '../../src/store/database.js';
import { openKeyRings } from '../../src/store/key-rings.js';
import { PROVIDERS, START } from '../helper.js';
import { rejectionOf } from '../store/support.js';
import { emptiedDatabase, encryptionKey } from './store-media.js';
import { aRing, somePairs } from './support.js';

const [first, standby] = await somePairs();
const wrapping = wrapWithKey({ present: encryptionKey('a'), previous: null });

function onEach(title: string, test: (t: Test, table: RingTable) => Promise<unknown>): void {
  const run = async (t: Test, provider: Provider) => test(t, openKeyRings(await emptiedDatabase(provider)));
  for (const provider of PROVIDERS) t.test(`${provider}: ${title}`, async (t) => void (await run(t, provider)));
}

async function filledTable(table: RingTable) {
  const store = openKeyStore(openKeyTable(table), wrapping);
  await store.create(await aRing(), [first, standby]);
  return store;
}

async function rowOf(table: RingTable): Promise<RingRow> {
  const row = await table.read();
  if (row === null) throw new Error('there is no row');
  return row;
}

onEach('a ring is one row: its text as in a file, and a JWE for each key', async (t, table) => {
  const store = await filledTable(table);
  const { ring, privateKeys } = await rowOf(table);
  t.match(ring, /^\{\n {2}"format": "mintd-key-ring\/1",\n/);
  const halves: unknown = JSON.parse(privateKeys);
  t.match(halves, { [first.key.kid]: /^[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/, [standby.key.kid]: /^[\w-]+\.\./ });
  t.equal(store.place, 'the database');
  t.strictSame(await store.leftovers({ remove: true }), []);
});

onEach('private keys that cannot be read at all are said to be so, and stay', async (t, table) => {
  const store = await filledTable(table);
  for (const privateKeys of ['', 'garbage', '[]', 'null', '{"a": 1}', '{"a": "b"', '"x"']) {
    const { version, ring } = await rowOf(table);
    await table.replace(version, { ring, privateKeys });
    for (const call of [() => store.load(START), () => store.change((now) => ({ ring: now, added: [], value: 1 }))]) {
      const error = await rejectionOf(call());
      t.type(error, KeyRingFault);
      const says = 'table key_rings, row 1, private keys: they cannot be read: they may have been cut or edited';
      t.ok(error.message.startsWith(says), error.message);
    }
    t.strictSame(await rowOf(table), { version: version + 1, ring, privateKeys });
  }
});

onEach('a private key under the name of another is not taken', async (t, table) => {
  const store = await filledTable(table);
  const { version, ring, privateKeys } = await rowOf(table);
  const halves: Record<string, string> = JSON.parse(privateKeys);
  const swapped = { [first.key.kid]: halves[standby.key.kid], [standby.key.kid]: halves[first.key.kid] };
  await table.replace(version, { ring, privateKeys: JSON.stringify(swapped) });
  const error = await rejectionOf(store.load(START));
  const name = `table key_rings, row 1, private key of ${first.key.kid}`;
  t.ok(error.message.startsWith(`${name}: it is not the private half of the key in the ring`), error.message);
});

onEach('private keys of no key of the ring are ignored', async (t, table) => {
  const store = await filledTable(table);
  const { version, ring, privateKeys } = await rowOf(table);
  const halves: Record<string, string> = { ...JSON.parse(privateKeys), stray: 'x', __proto__: 'x' };
  await table.replace(version, { ring, privateKeys: JSON.stringify(halves) });
  t.equal((await store.load(START)).privateKeys.size, 2);
  t.strictSame(await store.readPairs(), [first, standby]);
});

onEach('who is always overtaken gives up in the end, with one line', async (t, table) => {
  await filledTable(table);
  let decisions = 0;
  const busy = {
    ...table,
    async read() {
      const row = await table.read();
      if (row !== null) await table.replace(row.version, row);
      return row;
    },
  };
  const store = openKeyStore(openKeyTable(busy), wrapping);
  const before = (await rowOf(table)).ring;
  const error = await rejectionOf(
    store.change((ring) => {
      decisions++;
      return { ring: { ...ring, keys: ring.keys.slice(0, 1) }, added: [], value: 1 };
    }),
  );
  t.type(error, KeyRingFault);
  t.match(error.message, /^table key_rings, row 1: others keep changing it(: try again)?$/);
  t.equal(decisions, 20, 'asked again each time');
  t.equal((await rowOf(table)).ring, before);
});

onEach('who was overtaken while it took its time starts counting anew', async (t, table) => {
  await filledTable(table);
  // Decided, looked again and too late; that is refused whoever was first.
  const times = [0, 4_000, 100_000, 104_000];
  let isOvertaken = true;
  const racing = {
    ...table,
    async replace(version: number, row: Omit<RingRow, 'version'>) {
      if (isOvertaken) await table.replace(version, await rowOf(table));
      isOvertaken = false;
      return table.replace(version, row);
    },
  };
  const store = openKeyStore(openKeyTable(racing), wrapping, () => times.shift() ?? 0);
  t.equal(await store.change((ring) => ({ ring, added: [], value: 'done' })), 'done');
  t.strictSame(times, []);
});
