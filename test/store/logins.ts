// Many logins, for what rotates several of them at once.
import type { Test } from 'tap';
import { openClients } from '../../src/store/clients.js';
import type { Database, Provider } from '../../src/store/database.js';
import { openFamilies } from '../../src/store/families.js';
import type { Rotation } from '../../src/store/rotations.js';
import { openUsers } from '../../src/store/users.js';
import { aClient, START, testDatabase } from '../helper.js';
import { aFamily, aRotation, aUser, DAY_MS, gatheringAll, hashOf } from './support.js';

/** So many logins, each of a user of its own, with an audience of its own: `handle 0`, `handle 1` and so on. */
export async function withLogins(
  t: Test,
  provider: Provider,
  count: number,
): Promise<Database & { readonly url: string }> {
  const database = await testDatabase(t, provider);
  await openClients(database).add(aClient());
  await openClients(database).add(aClient({ id: 'other' }));
  for (let i = 0; i < count; i++) {
    const username = { display: `User ${i}`, key: `user ${i}` };
    const user = aUser({ id: crypto.randomUUID(), username, email: null, roles: [`role-${i}`] });
    await openUsers(database).add(user);
    const names = { handleHash: hashOf(`handle ${i}`), audiences: [`https://api.example/${i}`, 'everywhere'] };
    await openFamilies(database).begin(aFamily(user.id, names));
  }
  return gatheringAll(database);
}

/** The first rotation of a login, with a successor of its own. */
export function rotationOf(i: number, overrides: Partial<Rotation> = {}): Rotation {
  return aRotation({
    handleHash: hashOf(`handle ${i}`),
    successorHash: hashOf(`successor ${i}`),
    successorKey: hashOf(`key ${i}`),
    audiences: ['https://elsewhere.example', `https://api.example/${i}`],
    now: START + i,
    idleExpiresAt: START + i + 14 * DAY_MS,
    ...overrides,
  });
}

/** What the database has of a login. */
export async function rowOf({ prisma }: Database, i: number) {
  const row = await prisma.family.findUniqueOrThrow({ where: { handleHash: hashOf(`handle ${i}`) } });
  const { generation, currentHash, previousHash, successorKey, rotatedAt, idleExpiresAt } = row;
  const hex = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString('hex'));
  return {
    generation,
    current: hex(currentHash),
    previous: hex(previousHash),
    key: hex(successorKey),
    rotatedAt: rotatedAt?.getTime() ?? null,
    idleExpiresAt: idleExpiresAt.getTime(),
  };
}
