import { CLIENT_KINDS, type Client, DELIVERIES, GRANT_TYPES, isClientId, type JwkSet } from '../oauth/client.js';
import { joinList, splitList, type TokenList } from '../oauth/scope.js';
import type { EpochMs } from '../oauth/time.js';
import type { Database } from './database.js';
import type { Client as Row } from './generated/sqlite/client.js';
import { isTaken } from './outage.js';

/** A part of a list in order: what comes behind `after`, `limit` at most. */
export type Page = { readonly after?: string | undefined; readonly limit?: number | undefined };

export type ClientStore = {
  /** False when the id is taken. */
  add(client: Client): Promise<boolean>;
  find(id: string): Promise<Client | null>;
  /** By id, those behind `after`, `limit` at most; by default all. */
  list(page?: Page): Promise<readonly Client[]>;
  /**
   * Writes a client over what it was at the revision it was made from. False when it has changed since, or is gone.
   *
   * @param endsLogins whether all logins at it end as well
   */
  replace(client: Client, endsLogins?: boolean): Promise<boolean>;
  /** Every origin of a client that is not disabled. */
  origins(): Promise<TokenList>;
  /** Disables the client and ends its logins, for good, in one statement. False when there was nothing to do. */
  disable(id: string, now: EpochMs): Promise<boolean>;
  /** Lets the client ask for tokens again. False when there was nothing to do. */
  enable(id: string): Promise<boolean>;
  /** Ends all logins at the client, in one statement. False when there is no such client. */
  endLogins(id: string): Promise<boolean>;
  /** Ends all logins there are, at whichever client, in one statement. */
  endAllLogins(): Promise<void>;
  /** Deletes the client and its logins, in one statement. False when there was none. */
  remove(id: string): Promise<boolean>;
  isEmpty(): Promise<boolean>;
};

export function openClients({ prisma, attempt }: Database): ClientStore {
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
    async list({ after, limit } = {}) {
      const page = {
        ...(after !== undefined && { where: { id: { gt: after } } }),
        ...(limit !== undefined && { take: limit }),
      };
      return (await attempt(() => prisma.client.findMany({ ...page, orderBy: { id: 'asc' } }))).map(fromRow);
    },
    async replace(client, endsLogins = false) {
      const { id, createdAt, loginEpoch, revision, ...settings } = toRow(client);
      const data = { ...settings, revision: revision + 1, ...(endsLogins && { loginEpoch: { increment: 1 } }) };
      return (await attempt(() => prisma.client.updateMany({ where: { id, revision }, data }))).count === 1;
    },
    async origins() {
      const where = { disabledAt: null, origins: { not: '' } };
      const rows = await attempt(() => prisma.client.findMany({ where, select: { origins: true } }));
      return [...new Set(rows.flatMap(({ origins }) => splitList(origins)))];
    },
    async disable(id, now) {
      const data = { disabledAt: new Date(now), loginEpoch: { increment: 1 }, revision: { increment: 1 } };
      return (await attempt(() => prisma.client.updateMany({ where: { id, disabledAt: null }, data }))).count === 1;
    },
    async enable(id) {
      const where = { id, disabledAt: { not: null } };
      const data = { disabledAt: null, revision: { increment: 1 } };
      return (await attempt(() => prisma.client.updateMany({ where, data }))).count === 1;
    },
    async endLogins(id) {
      const data = { loginEpoch: { increment: 1 } };
      return (await attempt(() => prisma.client.updateMany({ where: { id }, data }))).count === 1;
    },
    async endAllLogins() {
      await attempt(() => prisma.client.updateMany({ data: { loginEpoch: { increment: 1 } } }));
    },
    async remove(id) {
      return (await attempt(() => prisma.client.deleteMany({ where: { id } }))).count === 1;
    },
    async isEmpty() {
      return (await attempt(() => prisma.client.findFirst({ select: { id: true } }))) === null;
    },
  };
}

function toRow({ previousSecret, jwks, ...client }: Client) {
  return {
    ...client,
    secretHash: client.secretHash === null ? null : new Uint8Array(client.secretHash),
    previousSecretHash: previousSecret === null ? null : new Uint8Array(previousSecret.hash),
    previousSecretExpiresAt: previousSecret === null ? null : new Date(previousSecret.expiresAt),
    jwks: jwks === null ? null : JSON.stringify(jwks),
    grants: joinList(client.grants),
    scopes: joinList(client.scopes),
    defaultScope: joinList(client.defaultScope),
    audiences: joinList(client.audiences),
    defaultAudiences: joinList(client.defaultAudiences),
    origins: joinList(client.origins),
    createdAt: new Date(client.createdAt),
    disabledAt: client.disabledAt === null ? null : new Date(client.disabledAt),
  };
}

function fromRow(row: Row): Client {
  const kind = CLIENT_KINDS.find((known) => known === row.kind);
  if (kind === undefined) throw new Error(`client ${row.id} has the unknown kind ${row.kind}`);
  const delivery = DELIVERIES.find((known) => known === row.delivery);
  if (delivery === undefined) throw new Error(`client ${row.id} has the unknown delivery ${row.delivery}`);
  const granted = splitList(row.grants);
  const { previousSecretHash: hash, previousSecretExpiresAt: expiresAt, ...rest } = row;
  return {
    ...rest,
    previousSecret: hash === null || expiresAt === null ? null : { hash, expiresAt: expiresAt.getTime() },
    jwks: row.jwks === null ? null : (JSON.parse(row.jwks) as JwkSet),
    kind,
    delivery,
    grants: GRANT_TYPES.filter((grant) => granted.includes(grant)),
    scopes: splitList(row.scopes),
    defaultScope: splitList(row.defaultScope),
    audiences: splitList(row.audiences),
    defaultAudiences: splitList(row.defaultAudiences),
    origins: splitList(row.origins),
    createdAt: row.createdAt.getTime(),
    disabledAt: row.disabledAt?.getTime() ?? null,
  };
}
