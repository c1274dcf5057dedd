import { pino } from 'pino';
import type { Test } from 'tap';
import { buildApp } from '../../src/app.js';
import type { KeyRing } from '../../src/oauth/key-ring.js';
import type { TestIssuer } from '../helper.js';
import { aKeeper, type KeeperSetup, type TurnedKeeper } from '../keys/keeper-support.js';
import { aKeyFolder, type KeyFolder } from '../keys/support.js';
import { issuerWithClients } from '../rfc/setup.js';
import { postForm } from './support.js';

/** An issuer that signs by a ring in a folder, looked after by a real keeper. */
export type RingIssuer = TestIssuer & { readonly keys: KeyFolder; readonly turned: TurnedKeeper };

export async function issuerWithRing(
  t: Test,
  { ring, ...setup }: KeeperSetup & { ring?: KeyRing } = {},
): Promise<RingIssuer> {
  const issuer = await issuerWithClients(t);
  const keys = await aKeyFolder(t, ring);
  const turned = await aKeeper(keys.store, setup);
  const { keeper, clock } = turned;
  const log: string[] = [];
  const app = await buildApp({
    ...issuer.deps,
    grants: { ...issuer.grants, signer: keeper },
    keeper,
    readiness: async () => ({ database: true, schema: true, keys: keeper.isReady(clock.now) }),
    clock: () => clock.now,
    logger: pino({ level: 'trace', base: null }, { write: (line: string) => log.push(line) }),
    apiDocs: null,
  });
  t.teardown(() => app.close());
  const made = { ...issuer, app, log, clock, keys, turned };
  return { ...made, post: (path, body, headers) => postForm(made, path, body, headers) };
}
