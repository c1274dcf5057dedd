import { pino } from 'pino';
import type { Test } from 'tap';
import { buildApp } from '../../src/app.js';
import type { KeyAdmin } from '../../src/http/admin/keys.js';
import { rotateKeys } from '../../src/keys/rotate.js';
import type { KeyStore } from '../../src/keys/store.js';
import type { KeyRing } from '../../src/oauth/key-ring.js';
import { nextRotation } from '../../src/oauth/key-rotation.js';
import { aClient, type TestIssuer } from '../helper.js';
import { aKeeper, type KeeperSetup, type TurnedKeeper } from '../keys/keeper-support.js';
import { aKeyFolder, type KeyFolder } from '../keys/support.js';
import { aService, issuerWithClients } from '../rfc/setup.js';
import { anOffice } from './admin-support.js';
import { postForm } from './support.js';

/** An issuer that signs by a ring in a folder, looked after by a real keeper. */
export type RingIssuer = TestIssuer & { readonly keys: KeyFolder; readonly turned: TurnedKeeper };

export async function issuerWithRing(
  t: Test,
  { ring, ...setup }: KeeperSetup & { ring?: KeyRing } = {},
): Promise<RingIssuer> {
  const issuer = await issuerWithClients(t, { clients: [aClient(), aService(), anOffice()] });
  const keys = await aKeyFolder(t, ring);
  const turned = await aKeeper(keys.store, setup);
  const { keeper, clock } = turned;
  const log: string[] = [];
  const app = await buildApp({
    ...issuer.deps,
    grants: { ...issuer.grants, signer: keeper },
    keeper,
    keyAdmin: keyAdminOf(keys.store, () => clock.now, setup.rotationIntervalSeconds),
    readiness: async () => ({ database: true, schema: true, keys: keeper.isReady(clock.now) }),
    clock: () => clock.now,
    logger: pino({ level: 'trace', base: null }, { write: (line: string) => log.push(line) }),
    apiDocs: null,
  });
  t.teardown(() => app.close());
  const made = { ...issuer, app, log, clock, keys, turned };
  return { ...made, post: (path, body, headers) => postForm(made, path, body, headers) };
}

/** What src/ring.ts makes for the administration, by a clock that the test turns. */
export function keyAdminOf(store: KeyStore, clock: () => number, intervalSeconds: number | null = null): KeyAdmin {
  return {
    read: () => store.read(),
    rotate: (options) => rotateKeys(store, options, clock),
    nextRotationAt: (ring, now) => nextRotation(ring, intervalSeconds, now),
  };
}
