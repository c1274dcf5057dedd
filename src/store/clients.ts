import { CLIENT_KINDS, type Client, GRANT_TYPES, isClientId } from '../oauth/client.js';
import { joinList, splitList } from '../oauth/scope.js';
import type { Database } from './database.js';
import type { Client as Row } from './generated/sqlite/client.js';
import { attempt, isTaken } from './outage.js';

export type ClientStore = {
  /** False when the id is taken. */
  add(client: Client): Promise<boolean>;
  find(id: string): Promise<Client | null>;
  /** All of them, by id. */
  list(): Promise<readonly Client[]>;
  isEmpty(): Promise<boolean>;
};

export function openClients({ prisma }: Database): ClientStore {
  return {
    async add(client) {
      try {
        await attempt(() => prisma.client.createMany({ data: toRow(client) }));
        return true;
      } catch (error) {
        if (isTaken(error)) return false;
        throw error;
      }
    },
    async find(id) {
      if (!isClientId(id)) return null;
      const row = await attempt(() => prisma.client.findUnique({ where: { id } }));
      return row === null ? null : fromRow(row);
    },
    async list() {
      return (await attempt(() => prisma.client.findMany({ orderBy: { id: 'asc' } }))).map(fromRow);
    },
    async isEmpty() {
      return (await attempt(() => prisma.client.findFirst({ select: { id: true } }))) === null;
    },
  };
}

function toRow(client: Client) {
  return {
    ...client,
    secretHash: client.secretHash === null ? null : new Uint8Array(client.secretHash),
    grants: joinList(client.grants),
    scopes: joinList(client.scopes),
    defaultScope: joinList(client.defaultScope),
    audiences: joinList(client.audiences),
    defaultAudiences: joinList(client.defaultAudiences),
    createdAt: new Date(client.createdAt),
    disabledAt: client.disabledAt === null ? null : new Date(client.disabledAt),
  };
}

function fromRow(row: Row): Client {
  const kind = CLIENT_KINDS.find((known) => known === row.kind);
  if (kind === undefined) throw new Error(`client ${row.id} has the unknown kind ${row.kind}`);
  const granted = splitList(row.grants);
  return {
    ...row,
    kind,
    grants: GRANT_TYPES.filter((grant) => granted.includes(grant)),
    scopes: splitList(row.scopes),
    defaultScope: splitList(row.defaultScope),
    audiences: splitList(row.audiences),
    defaultAudiences: splitList(row.defaultAudiences),
    createdAt: row.createdAt.getTime(),
    disabledAt: row.disabledAt?.getTime() ?? null,
  };
}
