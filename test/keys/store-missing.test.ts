import { KeyRingFault } from '../../src/keys/faults.js';
import { START } from '../helper.js';
import { rejectionOf } from '../store/support.js';
import { everywhere } from './store-media.js';

everywhere('where there is no ring, one line says so and what to do', async (t, place) => {
  const store = place.open();
  const calls: Record<string, () => Promise<unknown>> = {
    load: () => store.load(START),
    read: () => store.read(),
    readPairs: () => store.readPairs(),
    change: () => store.change(() => null),
    rewrap: () => store.rewrap(),
    fingerprint: () => store.fingerprint(),
  };
  for (const [name, call] of Object.entries(calls)) {
    const error = await rejectionOf(call());
    t.equal(error.message, store.missing, name);
    t.type(error, KeyRingFault, name);
  }
  t.match(
    store.missing,
    place.isFolder ? /restore it from a backup, or point KEYS_DIR at it$/ : /keys copy --to database/,
  );
  t.match(store.missing, place.isFolder ? place.ringName.replace('/ring.json', '') : 'table key_rings');
  t.equal(await store.exists(), false, 'and nothing was made');
});
