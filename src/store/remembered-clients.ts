import type { Client } from '../oauth/client.js';
import type { ClientStore } from './clients.js';

/** A client that another process changed is seen as it was for no longer than this. */
export const REMEMBERED_FOR_MS = 1_000;

/** So many at most, the oldest go first: what is remembered must not grow with what is asked for. */
const MOST = 10_000;

type Remembered = { readonly client: Promise<Client | null>; readonly until: number };

/**
 * The same store, with what `find` finds remembered for a second, so that a client that asks for many tokens costs no
 * statement each. What this process itself changes is seen at once; what is not there is always asked for again. Logins
 * that end with a client end at once all the same: the statement that rotates looks for itself (src/store/rotations.ts).
 *
 * @param nowMs any clock that is never set back
 */
export function rememberClients(store: ClientStore, nowMs: () => number): ClientStore {
  const remembered = new Map<string, Remembered>();

  function ask(id: string): Promise<Client | null> {
    const client = store.find(id);
    const entry = { client, until: nowMs() + REMEMBERED_FOR_MS };
    if (remembered.size >= MOST) remembered.delete(remembered.keys().next().value ?? id);
    remembered.set(id, entry);
    const forget = () => {
      if (remembered.get(id) === entry) remembered.delete(id);
    };
    client.then((found) => found === null && forget(), forget);
    return client;
  }

  /** Before and after: what is asked for in between may have been read either way. */
  async function changing<T>(id: string, change: () => Promise<T>): Promise<T> {
    remembered.delete(id);
    try {
      return await change();
    } finally {
      remembered.delete(id);
    }
  }

  return {
    ...store,
    find(id) {
      const known = remembered.get(id);
      return known !== undefined && nowMs() < known.until ? known.client : ask(id);
    },
    replace: (client, endsLogins) => changing(client.id, () => store.replace(client, endsLogins)),
    disable: (id, now) => changing(id, () => store.disable(id, now)),
    enable: (id) => changing(id, () => store.enable(id)),
    endLogins: (id) => changing(id, () => store.endLogins(id)),
    async endAllLogins() {
      await store.endAllLogins().finally(() => remembered.clear());
    },
    remove: (id) => changing(id, () => store.remove(id)),
  };
}
